"""Stage 1: bytes to typed records with their place in the source. Bad input ends here with a named error."""
