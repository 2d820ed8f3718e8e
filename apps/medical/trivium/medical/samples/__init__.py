"""Sample films of nobody for `trivium demo`: drawn chests as DICOM CR and DX, with invented identities."""

from trivium.medical.samples.films import write_samples

__all__ = ["write_samples"]
