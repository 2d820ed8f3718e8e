"""A patient's earlier films, from an archive: asked for by C-FIND, sent to our listener by C-MOVE.

The archive is asked with the patient's own number, so this opens the sealed identity, on record. What it answers is
checked again here: an archive that ignores a key answers for everybody. A study that was asked for is entered as
nobody's work (`tables.prior`), and gets no draft.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Queue
from typing import Any

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.association import Association
from sqlalchemy import insert, select

from trivium.medical import tables
from trivium.medical.intake.vault import open_vault
from trivium.medical.network.entity import Archive, Entity
from trivium.medical.workflow.studies import study_of
from trivium.service.audit import Entry
from trivium.service.database import utc_now
from trivium.service.errors import InputError, TriviumError, UpstreamError
from trivium.service.runtime import Runtime

__all__ = ["Prefetch", "PriorStudy", "bring_priors", "fetch", "find_priors"]

log = structlog.get_logger(__name__)

_FIND, _MOVE = UID("1.2.840.10008.5.1.4.1.2.2.1"), UID("1.2.840.10008.5.1.4.1.2.2.2")  # study root
_PENDING = (0xFF00, 0xFF01)
_MOST_ANSWERS = 500
_MODALITIES = frozenset({"CR", "DX"})
_TIMEOUT_S = 60
_ACTOR = "prefetch"


@dataclass(frozen=True, slots=True)
class PriorStudy:
    """A study that the archive has: its UID and its date, YYYYMMDD."""

    study_uid: str
    date: str


class Prefetch:
    """Fetches the priors of studies that came, one after the other, in a thread of its own.

    Args:
        runtime: of the deployment.
        entity: with an archive; without one nothing is fetched.
    """

    def __init__(self, runtime: Runtime, entity: Entity) -> None:
        self._runtime = runtime
        self._entity = entity
        self._waiting: Queue[str] = Queue()
        self._thread = threading.Thread(target=self._work, name="prefetch", daemon=True)

    def start(self) -> None:
        """Begin, where there is an archive."""
        if self._entity.archive is not None:
            self._thread.start()

    def ask(self, study_id: str) -> None:
        """Fetch a study's priors soon; a study that was fetched as a prior itself asks for none."""
        if self._entity.archive is not None:
            self._waiting.put(study_id)

    def stop(self) -> None:
        """Finish what is being fetched, and no more."""
        if self._thread.is_alive():
            with self._waiting.mutex:
                self._waiting.queue.clear()
            self._waiting.put("")
            self._thread.join(_TIMEOUT_S)

    def _work(self) -> None:
        while study_id := self._waiting.get():
            try:
                if not _is_prior(self._runtime, study_id):
                    count = bring_priors(self._runtime, self._entity, study_id, actor=_ACTOR)
                    log.info("priors.fetched", study=study_id, films=count)
            except TriviumError as error:  # the study is read without them
                log.warning("priors.failed", study=study_id, error=error.line, reference=error.reference)


def bring_priors(runtime: Runtime, entity: Entity, study_id: str, *, actor: str, most: int = 3) -> int:
    """Ask the archive for a patient's newest earlier studies and have them sent; return how many films came.

    Args:
        actor: account of whoever asks; the reading of the identity is recorded for it.
        most: studies.

    Raises:
        InputError: if no archive is set, or no identity of the study is kept.
        UpstreamError: if the archive cannot be asked, or does not send.
        NotFoundError: if there is no such study.
    """
    if entity.archive is None:
        raise InputError("no archive is set", where="TRIVIUM_MEDICAL_ARCHIVE", hint="set it to TITLE@HOST:PORT")
    vault, row = open_vault(runtime.settings), tables.identity
    with runtime.database.read() as connection:
        study = study_of(connection, study_id)
        sealed = connection.execute(select(row).where(row.c.study_id == study_id)).first()
    if sealed is None:
        raise InputError("no identity of this study is kept, so no archive can be asked", where=study_id)
    runtime.audit.record(Entry("identity.read", actor, "study", study_id, str(study.version), {"for": "priors"}))
    known = vault.open(study_id, (sealed.key_id, sealed.nonce, sealed.sealed))
    found = find_priors(
        entity,
        patient_id=known.get("patient_id", ""),
        issuer=known.get("issuer", ""),
        before=known.get("study_date", ""),
        but_not=known.get("study_uid", ""),
    )[:most]
    keys = [vault.digest("study", one.study_uid) for one in found]
    _expect(runtime, keys, study_id, actor)
    return sum(fetch(entity, one.study_uid) for one in found)


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
        told = f"status {code:04X}" if code is not None else "no answer"
        hint = f"it must know {entity.title} and reach its port; films that cannot be used are set aside"
        raise UpstreamError(f"sent {sent} films, failed with {failed} ({told})", where=archive.title, hint=hint)
    return sent


def _is_prior(runtime: Runtime, study_id: str) -> bool:
    study, prior = tables.study, tables.prior
    query = select(study.c.id).join(prior, prior.c.study_key == study.c.study_key).where(study.c.id == study_id)
    with runtime.database.read() as connection:
        return connection.execute(query).first() is not None


def _expect(runtime: Runtime, keys: list[str], study_id: str, actor: str) -> None:
    row = tables.prior
    with runtime.database.write(is_durable=True) as connection:
        held = set(connection.execute(select(row.c.study_key).where(row.c.study_key.in_(keys))).scalars())
        known = tables.study.c.study_key
        held |= set(connection.execute(select(known).where(known.in_(keys))).scalars())  # it came as a study of its own
        for key in set(keys) - held:
            values = {"study_key": key, "for_study": study_id, "asked_by": actor, "asked_at": utc_now()}
            connection.execute(insert(row).values(**values))


def _ask(entity: Entity, query: Dataset) -> Iterator[Dataset]:
    association, archive = _associated(entity, _FIND)
    try:
        for number, (status, answer) in enumerate(association.send_c_find(query, _FIND)):
            code = status.get("Status")
            if code in _PENDING and answer is not None:
                if number >= _MOST_ANSWERS:
                    raise UpstreamError(f"answers with more than {_MOST_ANSWERS} studies", where=archive.title)
                yield answer
            elif code != 0x0000:
                told = f"status {code:04X}" if code is not None else "no answer"
                raise UpstreamError(f"could not answer ({told})", where=archive.title)
    finally:
        association.release()


def _associated(entity: Entity, model: Any) -> tuple[Association, Archive]:
    archive = entity.archive
    assert archive is not None
    asking = AE(entity.title)
    asking.acse_timeout = asking.dimse_timeout = asking.network_timeout = _TIMEOUT_S
    asking.connection_timeout = 10
    asking.add_requested_context(model)
    found = asking.associate(archive.host, archive.port, ae_title=archive.title)
    if not found.is_established:
        what = "turned us away" if found.is_rejected else "does not answer"
        where = f"{archive.title} at {archive.host} port {archive.port}"
        raise UpstreamError(what, where=where, hint=f"does it know {entity.title}?")
    return found, archive


def _is_of(answer: Dataset, patient_id: str, issuer: str) -> bool:
    told = str(answer.get("IssuerOfPatientID") or "").strip()
    is_same_issuer = not issuer or not told or told == issuer
    return str(answer.get("PatientID") or "").strip() == patient_id and is_same_issuer


def _is_film(answer: Dataset) -> bool:
    """Whether the study holds films; an archive that does not say is believed."""
    told = answer.get("ModalitiesInStudy") or []
    kinds = {told} if isinstance(told, str) else set(told)
    return not kinds or bool(kinds & _MODALITIES)
