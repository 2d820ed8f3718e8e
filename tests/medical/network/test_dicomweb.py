"""DICOMweb with the public client: stored, found, given out, by keys with scopes; and bodies that lie."""

from __future__ import annotations

import io
import json
from urllib.parse import urlsplit

import numpy as np
import pydicom
import pytest
import requests
from fastapi.testclient import TestClient
from PIL import Image
from requests.adapters import BaseAdapter
from tests.medical.deployment import deployed
from tests.medical.films import dicom
from tests.medical.intake.test_door import FILM, SECRETS, planted

from trivium.medical.intake.vault import open_vault
from trivium.service.access import open_access
from trivium.service.web import create_web

pytest.importorskip("dicomweb_client")
from dicomweb_client.api import DICOMwebClient

HOST = "http://127.0.0.1:7860"
URL = f"{HOST}/api/medical/dicomweb"
STUDY, SERIES, FILMS = "1.2.840.99.1", "1.2.840.99.1.2", ("1.2.840.99.1.2.3", "1.2.840.99.1.2.4")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # httpx under test


class InProcess(BaseAdapter):
    """Sends what `requests` would send to the application itself."""

    def __init__(self, client: TestClient):
        super().__init__()
        self.client = client

    def send(self, request, **_):
        sent = self.client.request(
            request.method,
            request.url,
            headers={**request.headers, "Host": urlsplit(request.url).netloc},
            content=request.body,
        )
        found = requests.Response()
        found.status_code, found.raw, found.url, found.request = (
            sent.status_code,
            io.BytesIO(sent.content),
            request.url,
            request,
        )
        found.headers = requests.structures.CaseInsensitiveDict(sent.headers)
        return found

    def close(self):
        """Nothing is open."""


class Site:
    def __init__(self, runtime):
        self.runtime = runtime
        self.door = TestClient(create_web(runtime), base_url=HOST)
        self.vault = open_vault(runtime.settings)
        keys = open_access(runtime.settings, runtime.apps, runtime.database).keys
        self.secret = {
            name: keys.create(name, scopes, actor="operator")[1]
            for name, scopes in (
                ("pacs", ["medical.run", "medical.read"]), ("reader", ["medical.read"]), ("sender", ["medical.run"]),
            )
        }  # fmt: skip

    def client(self, name: str) -> DICOMwebClient:
        session = requests.Session()
        session.mount("http://", InProcess(self.door))
        session.headers["Authorization"] = f"Bearer {self.secret[name]}"
        return DICOMwebClient(URL, session=session)

    def ask(self, method: str, path: str, name: str = "pacs", **more):
        headers = {"Authorization": f"Bearer {self.secret[name]}", **more.pop("headers", {})}
        return self.door.request(method, f"{URL}{path}", headers=headers, **more)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("site")) as runtime:
        found = Site(runtime)
        sent = [pydicom.dcmread(io.BytesIO(planted(uid))) for uid in FILMS]
        found.stored = found.client("pacs").store_instances(sent)
        yield found


def test_what_was_stored_is_told_by_the_senders_uids(site):
    told = site.stored.ReferencedSOPSequence
    assert [one.ReferencedSOPInstanceUID for one in told] == list(FILMS)
    assert "FailedSOPSequence" not in site.stored
    ours = f"{URL}/studies/{site.vault.uid(STUDY)}/series/{site.vault.uid(SERIES)}/instances/{site.vault.uid(FILMS[0])}"
    assert told[0].RetrieveURL == ours
    again = site.client("sender").store_instances([pydicom.dcmread(io.BytesIO(planted(FILMS[0])))])
    assert len(again.ReferencedSOPSequence) == 1


def test_a_study_is_found_and_given_out_without_its_patient(site):
    client = site.client("reader")
    (study,) = client.search_for_studies(search_filters={"ModalitiesInStudy": "DX"})
    uid = study["0020000D"]["Value"][0]
    assert uid == site.vault.uid(STUDY)
    assert study["00100020"]["Value"] == [site.vault.pseudonym("MRN-77123")]
    assert (study["00201206"]["Value"], study["00201208"]["Value"]) == ([1], [2])
    (series,) = client.search_for_series(uid)
    series_uid = series["0020000E"]["Value"][0]
    found = client.search_for_instances(uid, series_uid)
    assert {one["00080018"]["Value"][0] for one in found} == {site.vault.uid(one) for one in FILMS}
    assert found[0]["00280010"]["Value"] == [64]
    films = client.retrieve_study(uid)
    assert len(films) == 2
    assert all(np.array_equal(one.pixel_array, FILM) for one in films)
    one = client.retrieve_instance(uid, series_uid, films[0].SOPInstanceUID)
    assert one == films[0]
    headers = client.retrieve_study_metadata(uid)
    assert headers[0]["00120062"]["Value"] == ["YES"]
    assert "7FE00010" not in headers[0]
    (pixels,) = client.retrieve_instance_frames(uid, series_uid, films[0].SOPInstanceUID, [1])
    assert pixels == films[0].PixelData
    everything = json.dumps([study, series, found, headers]) + repr(films)
    assert [secret for secret in SECRETS if secret in everything] == []
    retrieved = site.runtime.audit.rows(action="study.retrieved")
    assert {row.actor for row in retrieved} == {"plant:reader"}


def test_a_film_is_drawn(site):
    path = f"/studies/{site.vault.uid(STUDY)}/series/{site.vault.uid(SERIES)}/instances/{site.vault.uid(FILMS[0])}"
    answer = site.ask("GET", f"{path}/rendered", headers={"accept": "image/png"})
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).size == (48, 64)
    assert site.ask("GET", f"{path}/rendered").headers["content-type"] == "image/jpeg"
    whole = site.ask("GET", path, headers={"accept": "application/dicom"})
    assert whole.headers["content-type"] == "application/dicom"
    assert pydicom.dcmread(io.BytesIO(whole.content)).SOPInstanceUID == site.vault.uid(FILMS[0])


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 2), ("?PatientSex=F", 2), ("?00100040=M", 0), ("?StudyDate=20250607", 0), ("?StudyDate=", 2),
        ("?AccessionNumber=ACC-9911", 0), ("?PatientID=MRN-77123", 0), ("?limit=1", 1), ("?limit=5&offset=1", 1),
        ("?PatientName=Zyxwine*", 0), ("?SOPInstanceUID=1.2.840.99.1.2.3", 0), ("?Modality=CR,DX", 2),
        ("?PatientID=*", 2), ("?includefield=all&fuzzymatching=true", 2),
    ],
)  # fmt: skip
def test_searches(site, query, count):
    answer = site.ask("GET", f"/instances{query}", "reader")
    assert answer.status_code == (200 if count else 204)
    assert len(answer.json() if count else []) == count
    assert "warning" not in answer.headers


def test_a_pseudonym_may_be_begun_and_unknown_keys_are_named(site):
    start = site.vault.pseudonym("MRN-77123")[:6]
    answer = site.ask("GET", f"/studies?PatientID={start}*&Nonsense=1&StationName=X", "reader")
    assert len(answer.json()) == 1
    assert answer.headers["warning"] == '299 trivium "not looked at: Nonsense, StationName"'
    for query in ("limit=many", "limit=0", f"offset={'1' * 5000}", "PatientID=a%00b"):
        assert site.ask("GET", f"/studies?{query}").status_code == 400
    assert site.ask("GET", "/studies/a%00b/metadata").status_code == 404


@pytest.mark.parametrize(
    ("who", "method", "path", "status"),
    [
        ("reader", "POST", "/studies", 404), ("sender", "GET", "/studies", 404),
        ("reader", "GET", "/studies/1.2.3", 404), ("reader", "GET", "/studies/1.2.3/metadata", 404),
    ],
)  # fmt: skip
def test_who_may_do_what(site, who, method, path, status):
    assert site.ask(method, path, who).status_code == status
    assert site.door.request(method, f"{URL}{path}").status_code == 401


def body(*parts: bytes, boundary: str = "b") -> bytes:
    joined = b"".join(
        b"--" + boundary.encode() + b"\r\nContent-Type: application/dicom\r\n\r\n" + one + b"\r\n" for one in parts
    )
    return joined + f"--{boundary}--\r\n".encode()


RELATED = 'multipart/related; type="application/dicom"; boundary=b'


@pytest.mark.parametrize(
    ("kind", "content", "status", "words"),
    [
        ("application/dicom+json", b"[]", 415, "send multipart/related"),
        ('multipart/related; type="application/dicom+xml"; boundary=b', b"", 415, "send multipart/related"),
        ('multipart/related; type="application/dicom"', b"", 400, "states no boundary"),
        (RELATED.replace("=b", "=" + "b" * 80), b"", 400, "states no boundary"),
        (RELATED, b"--b--\r\n", 400, "no multipart body|holds no film"),
        (RELATED, b"nothing of the kind", 400, "no multipart body"),
        (RELATED, body(b"DICM")[:-8], 400, "ends before its last boundary"),
        (RELATED, b"--b\r\n" + b"X-A: 1\r\n" * 50 + b"\r\nx\r\n--b--\r\n", 400, "no multipart body"),
        (RELATED, b"--b\r\nX-A: " + b"1" * 9000 + b"\r\n\r\nx\r\n--b--\r\n", 400, "no multipart body"),
    ],
)
def test_bodies_that_cannot_be_used(site, kind, content, status, words):
    answer = site.ask("POST", "/studies", headers={"content-type": kind}, content=content)
    assert answer.status_code == status
    assert any(one in answer.json()["error"] for one in words.split("|"))


def test_a_request_has_a_largest_number_and_size_of_films(site, monkeypatch):
    monkeypatch.setattr("trivium.medical.network.dicomweb._MOST_FILMS", 2)
    answer = site.ask("POST", "/studies", headers={"content-type": RELATED}, content=body(b"x", b"x", b"x"))
    assert (answer.status_code, "more than the 2 films" in answer.json()["error"]) == (413, True)
    monkeypatch.setattr("trivium.medical.network.dicomweb.MAX_BYTES", 5000)
    answer = site.ask("POST", "/studies", headers={"content-type": RELATED}, content=body(b"x" * 5001))
    assert (answer.status_code, "larger than the 5,000 bytes" in answer.json()["error"]) == (413, True)


def test_films_are_answered_one_by_one(site):
    good = dicom(FILM, SOPInstanceUID="1.5.1", StudyInstanceUID="1.5", SeriesInstanceUID="1.5.2")
    other = dicom(FILM, SOPInstanceUID="1.6.1", StudyInstanceUID="1.6", SeriesInstanceUID="1.6.2")
    sent = site.ask("POST", "/studies/1.5", headers={"content-type": RELATED}, content=body(good, b"no film", other))
    assert sent.status_code == 202
    told = pydicom.Dataset.from_json(sent.json())
    assert [one.ReferencedSOPInstanceUID for one in told.ReferencedSOPSequence] == ["1.5.1"]
    assert [one.FailureReason for one in told.FailedSOPSequence] == [0xC000, 0xA900]
    none = site.ask("POST", "/studies", headers={"content-type": RELATED}, content=body(b"no film"))
    assert none.status_code == 409


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/studies", "text/html", 406),
        ("/studies", "application/json", 200),
        ("/studies/{}/metadata", "image/png", 406),
        ("/studies/{}", "multipart/related", 200),
        ("/studies/{}", 'multipart/related; type="application/octet-stream"', 406),
        ("/studies/{}", 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.50', 406),
        ("/studies/{}", 'multipart/related; type="application/dicom"; transfer-syntax=*', 200),
    ],
)
def test_what_is_accepted(site, path, accept, status):
    answer = site.ask("GET", path.format(site.vault.uid(STUDY)), headers={"accept": accept})
    assert answer.status_code == status
