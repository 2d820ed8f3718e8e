"""What an archive is asked for: a patient's earlier films by C-FIND, and to send them to our listener by C-MOVE.

What it answers is checked again here: an archive that ignores a key answers for everybody.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.association import Association

from trivium.medical.network.entity import Archive, Entity, be_silent
from trivium.service.errors import InputError, UpstreamError
from trivium.service.phrase import Phrase

__all__ = ["PriorStudy", "fetch", "find_priors"]

_FIND, _MOVE = UID("1.2.840.10008.5.1.4.1.2.2.1"), UID("1.2.840.10008.5.1.4.1.2.2.2")  # study root
_PENDING = (0xFF00, 0xFF01)
_MOST_ANSWERS = 500
_MODALITIES = frozenset({"CR", "DX"})
_TIMEOUT_S = 60
_CONNECTION_TIMEOUT_S = 10
_REFUSAL_S = 2
_TLS_HINT = "see TRIVIUM_MEDICAL_ARCHIVE_AUTHORITIES, _CERTIFICATE and _KEY"


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
    association, archive = _associated(entity, _MOVE)
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
        code = last.get("Status")
        what = Phrase("sent {sent} films, failed with {failed} ({told})", sent=sent, failed=failed, told=_status(code))
        hint = "it must know {title} and reach its port; films that cannot be used are set aside"
        raise UpstreamError(what, where=archive.title, hint=Phrase(hint, title=entity.title))
    return sent


def _ask(entity: Entity, query: Dataset) -> Iterator[Dataset]:
    association, archive = _associated(entity, _FIND)
    try:
        for number, (status, answer) in enumerate(association.send_c_find(query, _FIND)):
            code = status.get("Status")
            if code in _PENDING and answer is not None:
                if number >= _MOST_ANSWERS:
                    what = Phrase("answers with more than {limit} studies", limit=_MOST_ANSWERS)
                    raise UpstreamError(what, where=archive.title)
                yield answer
            elif code != 0x0000:
                raise UpstreamError(Phrase("could not answer ({told})", told=_status(code)), where=archive.title)
    finally:
        association.release()


def _associated(entity: Entity, model: Any) -> tuple[Association, Archive]:
    archive = entity.archive
    assert archive is not None
    be_silent()
    asking, tls = AE(entity.title), archive.tls()
    asking.acse_timeout = asking.dimse_timeout = asking.network_timeout = _TIMEOUT_S
    asking.connection_timeout = _CONNECTION_TIMEOUT_S
    asking.add_requested_context(model)
    by = (tls, archive.host) if tls is not None else None
    found = asking.associate(archive.host, archive.port, ae_title=archive.title, tls_args=by)
    if not found.is_established:
        place = {"title": archive.title, "host": archive.host, "port": archive.port}
        where = Phrase("{title} at {host} port {port}", **place)
        if tls is not None and not found.is_rejected and (fault := _tls_fault(archive, tls)):
            raise UpstreamError(Phrase("no TLS connection ({detail})", detail=fault), where=where, hint=_TLS_HINT)
        what = "turned us away" if found.is_rejected else "does not answer"
        raise UpstreamError(what, where=where, hint=Phrase("does it know {title}?", title=entity.title))
    return found, archive


def _tls_fault(archive: Archive, tls: ssl.SSLContext) -> str:
    """Return what keeps a connection from being made by TLS, which pynetdicom does not tell; empty for nothing."""
    try:
        with (
            socket.create_connection((archive.host, archive.port), timeout=_CONNECTION_TIMEOUT_S) as plain,
            tls.wrap_socket(plain, server_hostname=archive.host) as made,
        ):
            made.settimeout(_REFUSAL_S)
            made.recv(1)  # with TLS 1.3 a certificate of ours is refused only now
    except ssl.SSLCertVerificationError as error:
        return str(error.verify_message)
    except ssl.SSLError as error:
        return str(error.reason or error)
    except OSError:  # nobody is there, or is and waits for us to speak
        pass
    return ""


def _status(code: int | None) -> str:
    return "no answer" if code is None else Phrase("status {code}", code=f"{code:04X}")


def _is_of(answer: Dataset, patient_id: str, issuer: str) -> bool:
    told = str(answer.get("IssuerOfPatientID") or "").strip()
    is_same_issuer = not issuer or not told or told == issuer
    return str(answer.get("PatientID") or "").strip() == patient_id and is_same_issuer


def _is_film(answer: Dataset) -> bool:
    """Whether the study holds films; an archive that does not say is believed."""
    told = answer.get("ModalitiesInStudy") or []
    kinds = {told} if isinstance(told, str) else set(told)
    return not kinds or bool(kinds & _MODALITIES)
