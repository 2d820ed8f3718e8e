"""A report sent to the archive by C-STORE, as one object or two, and what its answers mean."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pydicom
from pydicom.dataset import Dataset

from trivium.medical.network.calling import NotTakenError, associated, status_of
from trivium.medical.network.entity import Entity
from trivium.service.errors import UpstreamError
from trivium.service.phrase import Phrase

__all__ = ["Answer", "send"]

_DUPLICATE = 0x0111  # it has an object with this UID already: one that we sent before
_WARNINGS = (0xB000, 0xB006, 0xB007)  # stored, with elements changed or left out
_BUSY = range(0xA700, 0xA800)  # out of resources


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of sending.

    Args:
        is_taken: whether the archive has the report.
        is_final: whether sending it again as it is would be answered alike.
        problem: why it has not; of one that is taken, what was changed.
    """

    is_taken: bool
    is_final: bool
    problem: str = ""


def send(entity: Entity, objects: Sequence[bytes], *, clean: Callable[[str], str]) -> Answer:
    """Send a report to the destination on one association; whatever fails is an answer, too.

    Args:
        objects: DICOM files; the report is taken when all are.
        clean: takes out of a text what identifies the patient: an archive may quote what it refuses.

    Raises:
        InputError: if a file of its TLS cannot be used.
    """
    peer, datasets = entity.destination, [pydicom.dcmread(io.BytesIO(one)) for one in objects]
    assert peer is not None
    try:
        association = associated(entity.title, peer, *(one.SOPClassUID for one in datasets))
    except NotTakenError as error:
        return Answer(is_taken=False, is_final=True, problem=error.line)
    except UpstreamError as error:
        return Answer(is_taken=False, is_final=False, problem=error.line)
    try:
        answers = [_answer(association.send_c_store(one), peer.title, clean) for one in datasets]
    finally:
        association.release()
    return next((one for one in answers if not one.is_taken), answers[0])


def _answer(status: Dataset, title: str, clean: Callable[[str], str]) -> Answer:
    """Return what a status means."""
    code = status.get("Status")
    if code in (0x0000, _DUPLICATE):
        return Answer(is_taken=True, is_final=True)
    problem: str = Phrase("{title}: {told}", title=title, told=status_of(code))
    if comment := clean(str(status.get("ErrorComment") or "")):
        problem = Phrase("{problem} ({comment})", problem=problem, comment=comment)
    if code in _WARNINGS:
        return Answer(is_taken=True, is_final=True, problem=problem)
    return Answer(is_taken=False, is_final=code is not None and code not in _BUSY, problem=problem)
