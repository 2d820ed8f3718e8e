"""Which processes the medical app runs beside the suite's own. Light: the supervisor imports it."""

from trivium.service.settings import Settings

__all__ = ["children"]


def children(settings: Settings) -> tuple[tuple[str, ...], ...]:
    """Return the command of the DICOM listener, where a port is set."""
    return (("medical", "listen"),) if settings.medical_dicom_port else ()
