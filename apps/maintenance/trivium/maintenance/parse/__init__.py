"""Bytes of a sensor file to a `Fleet`. What cannot be used ends here, with an error that names the place."""
