"""An archive made here: it answers C-FIND with all it has and sends films by C-MOVE, over real associations."""

from __future__ import annotations

import io
import ssl

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import DigitalXRayImageStorageForPresentation
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)
from tests.medical.intake.test_door import planted

HELD = {
    "1.7": ("MRN-77123", "20240101", ["DX"]), "1.8": ("MRN-77123", "20250101", ["CR", "SR"]),
    "1.9": ("MRN-77123", "20250102", ["CT"]), "1.10": ("MRN-77123", "20260101", ["DX"]),
    "1.11": ("OTHER-1", "20240101", ["DX"]), "1.2.840.99.1": ("MRN-77123", "20250607", ["DX"]),
}  # fmt: skip


class ToyArchive:
    """Answers with all it has, whatever it is asked, as some archives do; sends to one known title.

    Args:
        tls: what it is asked by; None for plain connections.
    """

    def __init__(self, tls: ssl.SSLContext | None = None):
        self.queries: list[Dataset] = []
        self.held = HELD
        self.known = "TRIVIUM"
        self._destination = ("127.0.0.1", 1)
        entity = AE("PACS")
        entity.require_called_aet = True
        entity.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
        entity.add_supported_context(StudyRootQueryRetrieveInformationModelMove)
        entity.add_requested_context(DigitalXRayImageStorageForPresentation)
        handlers = [(evt.EVT_C_FIND, self._find), (evt.EVT_C_MOVE, self._move)]
        self.server = entity.start_server(("127.0.0.1", 0), block=False, ssl_context=tls, evt_handlers=handlers)
        self.port = self.server.server_address[1]

    def send_to(self, port: int):
        self._destination = ("127.0.0.1", port)

    def _find(self, event):
        self.queries.append(event.identifier)
        for uid, (number, date, kinds) in self.held.items():
            answer = Dataset()
            answer.QueryRetrieveLevel, answer.StudyInstanceUID, answer.PatientID = "STUDY", uid, number
            answer.StudyDate, answer.ModalitiesInStudy = date, kinds
            yield 0xFF00, answer

    def _move(self, event):
        if event.move_destination != self.known:
            yield None, None
            return
        yield self._destination
        uid = str(event.identifier.StudyInstanceUID)
        number, date, _ = self.held[uid]
        yield 1
        data = planted(f"{uid}.1", StudyInstanceUID=uid, PatientID=number, StudyDate=date)
        yield 0xFF00, pydicom.dcmread(io.BytesIO(data))
