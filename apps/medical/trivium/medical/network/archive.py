"""What an archive is asked for: a patient's earlier films by C-FIND, and to send them to our listener by C-MOVE.

What it answers is checked again here: an archive that ignores a key answers for everybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import UID

from trivium.medical.network.calling import associated, status_of
from trivium.medical.network.entity import Entity, Peer
from trivium.service.errors import InputError, UpstreamError
from trivium.service.phrase import Phrase

__all__ = ["PriorStudy", "fetch", "find_priors"]

_FIND, _MOVE = UID("1.2.840.10008.5.1.4.1.2.2.1"), UID("1.2.840.10008.5.1.4.1.2.2.2")  # study root
_PENDING = (0xFF00, 0xFF01)
_MOST_ANSWERS = 500
_MODALITIES = frozenset({"CR", "DX"})


@dataclass(frozen=True, slots=True)
class PriorStudy:
    """A study that the archive has: its UID and its date, YYYYMMDD."""

    study_uid: str
    date: str


def find_priors(
    entity: Entity, *, patient_id: str, issuer: str = "", before: str = "", but_not: str = ""
) -> list[PriorStudy]:
    """Return a patient's chest-capable studies (CR, DX) that the archive has, the newest first.

    Args:
        before: YYYYMMDD; studies of that day count, too. Empty for any.
        but_not: UID of the study itself.

    Raises:
        InputError: if the patient has no number, or one that an archive would take for a pattern.
        UpstreamError: if the archive cannot be asked.
    """
    if not patient_id or set(patient_id) & set("*?\\"):
        raise InputError("the patient's number cannot be asked for", hint="an archive would answer for others, too")
    query = Dataset()
    query.QueryRetrieveLevel, query.PatientID, query.IssuerOfPatientID = "STUDY", patient_id, issuer
    query.StudyInstanceUID, query.StudyDate, query.ModalitiesInStudy = "", f"-{before}" if before else "", ""
    answers = list(_ask(entity, query))
    found = {
        str(one.StudyInstanceUID): PriorStudy(str(one.StudyInstanceUID), str(one.get("StudyDate") or ""))
        for one in answers
        if _is_of(one, patient_id, issuer)
        and _is_film(one)
        and str(one.get("StudyInstanceUID") or "") not in ("", but_not)
    }
    earlier = [one for one in found.values() if not before or one.date <= before]
    return sorted(earlier, key=lambda one: one.date, reverse=True)


def fetch(entity: Entity, study_uid: str) -> int:
    """Have the archive send one study to our listener; return how many films it sent.

    Raises:
        UpstreamError: if it cannot be asked, or a film did not arrive.
    """
    wanted, last = Dataset(), Dataset()
    wanted.QueryRetrieveLevel, wanted.StudyInstanceUID = "STUDY", study_uid
    archive = _archive(entity)
    association = associated(entity.title, archive, _MOVE)
    try:
        for status, _answer in association.send_c_move(wanted, entity.title, _MOVE):
            last = status
    finally:
        association.release()
    sent, failed = (
        int(last.get("NumberOfCompletedSuboperations") or 0),
        int(last.get("NumberOfFailedSuboperations") or 0),
    )
    if last.get("Status") != 0x0000 or failed:
        told = status_of(last.get("Status"))
        what = Phrase("sent {sent} films, failed with {failed} ({told})", sent=sent, failed=failed, told=told)
        hint = "it must know {title} and reach its port; films that cannot be used are set aside"
        raise UpstreamError(what, where=archive.title, hint=Phrase(hint, title=entity.title))
    return sent


def _ask(entity: Entity, query: Dataset) -> Iterator[Dataset]:
    archive = _archive(entity)
    association = associated(entity.title, archive, _FIND)
    try:
        for number, (status, answer) in enumerate(association.send_c_find(query, _FIND)):
            code = status.get("Status")
            if code in _PENDING and answer is not None:
                if number >= _MOST_ANSWERS:
                    what = Phrase("answers with more than {limit} studies", limit=_MOST_ANSWERS)
                    raise UpstreamError(what, where=archive.title)
                yield answer
            elif code != 0x0000:
                raise UpstreamError(Phrase("could not answer ({told})", told=status_of(code)), where=archive.title)
    finally:
        association.release()


def _archive(entity: Entity) -> Peer:
    assert entity.archive is not None
    return entity.archive


def _is_of(answer: Dataset, patient_id: str, issuer: str) -> bool:
    told = str(answer.get("IssuerOfPatientID") or "").strip()
    is_same_issuer = not issuer or not told or told == issuer
    return str(answer.get("PatientID") or "").strip() == patient_id and is_same_issuer


def _is_film(answer: Dataset) -> bool:
    """Whether the study holds films; an archive that does not say is believed."""
    told = answer.get("ModalitiesInStudy") or []
    kinds = {told} if isinstance(told, str) else set(told)
    return not kinds or bool(kinds & _MODALITIES)
