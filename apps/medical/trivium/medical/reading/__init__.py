"""Reading a report that a person wrote: what it says of each finding, and what in it does not fit. No image is read."""

from trivium.medical.reading.checks import Mark, check_report
from trivium.medical.reading.read import Mention, Reading, read_report

__all__ = ["Mark", "Mention", "Reading", "check_report", "read_report"]
