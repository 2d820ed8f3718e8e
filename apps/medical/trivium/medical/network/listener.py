"""Films by DICOM: C-STORE and C-ECHO, each film through the same door as an upload.

    TRIVIUM_MEDICAL_DICOM_PORT=11112 trivium medical listen

A film is taken or refused as a whole, when all of it is there: what a broken association leaves behind is nothing, and
a film that is sent again is known. Where an archive is set, the priors of a new study are fetched. Nothing of a dataset
is logged. A title is no proof of who calls: the port is for this machine unless callers are named, and TLS is there for
networks.
"""

from __future__ import annotations

from socket import socket
from threading import BoundedSemaphore
from types import TracebackType
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.pdu import P_DATA_TF

from trivium.medical.intake.door import FILMS_AT_ONCE, receive
from trivium.medical.intake.vault import open_vault
from trivium.medical.network.entity import Entity, be_silent
from trivium.medical.network.priors import PREFETCH, ask_for_priors, is_prior
from trivium.medical.parse.reader import MAX_BYTES
from trivium.medical.workflow.states import RefusedError
from trivium.service.errors import InputError, TriviumError
from trivium.service.runtime import Runtime

__all__ = ["Listener"]

log = structlog.get_logger(__name__)
_SUCCESS, _NO_RESOURCES, _NOT_UNDERSTOOD = 0x0000, 0xA700, 0xC000
_LONGEST_COMMENT = 64  # characters of an LO
_LONGEST_PDU = 1024 * 1024  # sixteen of ours; a request for an association fits, too


class Listener:
    """Takes films until it is stopped; a context manager.

    Args:
        runtime: of the deployment; associations come in threads of their own and share it.
        language: of the drafts.
        max_bytes: of one film, with its header.
    """

    def __init__(self, runtime: Runtime, entity: Entity, *, language: str = "en", max_bytes: int = MAX_BYTES) -> None:
        self._runtime = runtime
        self._entity = entity
        self._language = language
        self._max_bytes = max_bytes
        self._vault = open_vault(runtime.settings)
        self._taken: WeakKeyDictionary[Association, int] = WeakKeyDictionary()  # bytes of the message that comes in
        self._door = BoundedSemaphore(FILMS_AT_ONCE)
        self._sockets: WeakKeyDictionary[Association, socket] = WeakKeyDictionary()
        be_silent()

    def __enter__(self) -> Listener:
        """Begin to listen.

        Raises:
            InputError: if the port cannot be had.
        """
        handlers: list[Any] = [
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_ECHO, lambda _event: _SUCCESS),
            (evt.EVT_CONN_OPEN, self._open),
            (evt.EVT_CONN_CLOSE, self._close),
            (evt.EVT_PDU_RECV, self._count),
            (evt.EVT_DIMSE_RECV, self._begin_anew),
            (evt.EVT_REJECTED, _tell_rejected),
            (evt.EVT_ABORTED, _tell_aborted),
        ]
        address = (self._entity.host, self._entity.port)
        try:
            self._server: Any = self._entity.application().start_server(
                address, block=False, ssl_context=self._entity.server_tls(), evt_handlers=handlers
            )
        except OSError as error:
            where = f"{address[0]} port {address[1]}"
            hint = "set TRIVIUM_MEDICAL_DICOM_PORT"
            raise InputError(f"cannot listen ({error.strerror})", where=where, hint=hint) from error
        log.info("dicom.listening", title=self._entity.title, port=self.port, tls=bool(self._entity.certificate))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Abort what is going on, and close the port."""
        for one in self._server.active_associations:
            one.abort()
        self._server.shutdown()

    @property
    def port(self) -> int:
        """The port that was given by the system where 0 was asked for."""
        return int(self._server.server_address[1])

    def _store(self, event: Any) -> Dataset:
        caller = _caller(event.assoc)
        try:
            with self._door:
                found = receive(
                    self._runtime,
                    self._vault,
                    event.encoded_dataset(),
                    brought_by=f"dicom:{caller}",
                    language=self._language,
                    is_stat=caller in self._entity.stat_callers,
                )
        except InputError as error:  # it is in quarantine
            log.info("dicom.refused", caller=caller, reason=error.line)
            return _status(_NOT_UNDERSTOOD, error.line)
        except TriviumError as error:  # database or disk: the sender may try again
            log.warning("dicom.failed", caller=caller, error=error.line, reference=error.reference)
            return _status(_NO_RESOURCES, f"try again; reference {error.reference}")
        log.info("dicom.stored", caller=caller, study=found.study_id, is_new=found.is_new_image)
        if found.is_new_study:
            self._ask_for_priors(found.study_id)
        return _status(_SUCCESS)

    def _ask_for_priors(self, study_id: str) -> None:
        """Have the earlier films of a new study fetched where there is an archive; a prior itself asks for none."""
        if not self._runtime.settings.medical_archive or is_prior(self._runtime, study_id):
            return
        try:
            ask_for_priors(self._runtime, study_id, actor=PREFETCH)
        except RefusedError as refusal:  # no identity is kept
            log.info("priors.not_asked", study=study_id, reason=refusal.reason)
        except TriviumError as error:  # the film is in; it is read without them
            log.warning("priors.not_asked", study=study_id, error=error.line, reference=error.reference)

    def _open(self, event: Any) -> None:
        self._sockets[event.assoc] = event.assoc.dul.socket.socket
        _bound_pdus(event.assoc.dul.socket)

    def _close(self, event: Any) -> None:
        """Close what pynetdicom leaves open when the other side went first (`transport._shutdown_socket`)."""
        if event.assoc in self._sockets:
            self._sockets.pop(event.assoc).close()

    def _count(self, event: Any) -> None:
        """Break off a message that is larger than a film may be, before it fills the memory."""
        if not isinstance(event.pdu, P_DATA_TF):
            return
        taken = self._taken.get(event.assoc, 0) + event.pdu.pdu_length
        self._taken[event.assoc] = taken
        if taken > self._max_bytes:
            log.warning("dicom.too_large", caller=_caller(event.assoc), limit=self._max_bytes)
            event.assoc.dul.socket.close()

    def _begin_anew(self, event: Any) -> None:
        self._taken[event.assoc] = 0


def _status(code: int, comment: str = "") -> Dataset:
    found = Dataset()
    found.Status = code
    if comment:
        found.ErrorComment = comment.encode("ascii", "replace").decode()[:_LONGEST_COMMENT].replace("\\", "/")
    return found


def _bound_pdus(connection: Any) -> None:
    """Refuse to read a unit of gigabytes: pynetdicom reads as much as a unit says it has (`dul._read_pdu_data`)."""
    read = connection.recv

    def bounded(size: int) -> bytes:
        if size > _LONGEST_PDU:
            raise OSError(f"a unit of {size:,} bytes is longer than the {_LONGEST_PDU:,} allowed")
        found: bytes = read(size)
        return found

    connection.recv = bounded


def _tell_rejected(event: Any) -> None:
    log.warning("dicom.rejected", caller=_caller(event.assoc))


def _tell_aborted(event: Any) -> None:
    log.info("dicom.aborted", caller=_caller(event.assoc))


def _caller(association: Association) -> str:
    return str(association.requestor.ae_title or "").strip()[:16]
