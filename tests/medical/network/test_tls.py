"""DICOM by TLS: a caller with a certificate of the authority is let in, a plain one and one without are not; an archive
is asked by TLS when its authority is named, and shown who we are.
"""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from pynetdicom import AE
from pynetdicom.sop_class import Verification
from tests.medical.archive import ToyArchive
from tests.medical.deployment import deployed, radiologist
from tests.medical.network.test_listener import ENTITY
from tests.medical.network.test_priors import brought
from tests.medical.network.test_sending import Pacs, hurry, signed, stands, work

from trivium.medical.network.archive import find_priors
from trivium.medical.network.entity import Peer, entity_of
from trivium.medical.network.listener import Listener
from trivium.medical.network.priors import bring_priors
from trivium.medical.workflow.fetches import Fetched
from trivium.medical.workflow.reports import Reports
from trivium.service.database import utc_now
from trivium.service.errors import InputError, UpstreamError
from trivium.service.settings import Settings

HERE = IPv4Address("127.0.0.1")
NUMBER = "MRN-77123"

# What pynetdicom leaves open of a connection that did not come about.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def certificate(tmp_path):
    """A PEM file with a certificate that signs itself, for 127.0.0.1, and its key; it is its own authority."""
    return certified(tmp_path / "here.pem")


def certified(path) -> str:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(utc_now() - timedelta(days=1)).not_valid_after(utc_now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("here"), x509.IPAddress(HERE)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    return str(path)


def echoed(port: int, context: ssl.SSLContext | None) -> bool:
    caller = AE("MODALITY")
    caller.acse_timeout = caller.dimse_timeout = caller.network_timeout = 3
    caller.add_requested_context(Verification)
    association = caller.associate(
        "127.0.0.1", port, ae_title="TRIVIUM", tls_args=(context, "here") if context else None
    )
    if not association.is_established:
        return False
    is_answered = association.send_c_echo().get("Status") == 0
    association.release()
    return is_answered


def test_only_a_caller_with_a_certificate_is_let_in(tmp_path, certificate):
    entity = replace(ENTITY, certificate=certificate, authorities=certificate)
    with deployed(tmp_path / "home") as runtime, Listener(runtime, entity) as listener:
        bare = ssl.create_default_context(cafile=certificate)
        known = ssl.create_default_context(cafile=certificate)
        known.load_cert_chain(certificate)
        assert echoed(listener.port, known)
        assert not echoed(listener.port, bare)
        assert not echoed(listener.port, None)
        assert echoed(listener.port, known)


def test_a_certificate_that_cannot_be_read(tmp_path):
    with deployed(tmp_path / "home") as runtime:
        listener = Listener(runtime, replace(ENTITY, certificate=str(tmp_path / "nothing.pem")))
        with pytest.raises(InputError, match="TRIVIUM_MEDICAL_DICOM_CERTIFICATE or _AUTHORITIES: cannot be read"):
            listener.__enter__()


@contextmanager
def archive_by_tls(certificate: str):
    """An archive that is asked by TLS alone, by callers with a certificate of its own authority."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate)
    tls.load_cert_chain(certificate)
    tls.verify_mode = ssl.CERT_REQUIRED
    archive = ToyArchive(tls)
    try:
        yield archive
    finally:
        archive.server.shutdown()


def test_earlier_films_are_asked_for_by_tls(tmp_path, certificate):
    with archive_by_tls(certificate) as archive, deployed(tmp_path / "home") as runtime:
        place = Peer("PACS", "127.0.0.1", archive.port, authorities=certificate, certificate=certificate)
        ours = replace(ENTITY, callers=(), archive=place)
        with Listener(runtime, ours) as listener:
            archive.send_to(listener.port)
            assert bring_priors(runtime, ours, brought(runtime), actor="ann") == Fetched(studies=2, films=2)


def test_a_signed_report_is_sent_by_tls_and_not_in_the_open(tmp_path, certificate):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate)
    tls.load_cert_chain(certificate)
    tls.verify_mode = ssl.CERT_REQUIRED
    pacs = Pacs(tls=tls)
    named = {f"medical_destination_{name}": certificate for name in ("authorities", "certificate")}
    with deployed(tmp_path / "home", medical_destination=pacs.address) as plain:
        study_id, _ = signed(plain, Reports(plain.database, sends_to="PACS"), radiologist(plain))
        work(plain)
        assert (stands(plain, study_id).state, pacs.held) == ("waiting", [])
        hurry(plain, study_id)
        work(replace(plain, settings=plain.settings.model_copy(update=named)))
        assert (stands(plain, study_id).state, len(pacs.held)) == ("sent", 1)
    pacs.server.shutdown()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"certificate": ""},
            r"PACS at 127.0.0.1 port \d+: no TLS connection \(.+\); see TRIVIUM_MEDICAL_ARCHIVE_AUTH",
        ),
        ({"authorities": "other"}, r"no TLS connection \(self-signed certificate\)"),
        ({"host": "localhost"}, r"no TLS connection \(Hostname mismatch"),
        ({"authorities": "", "certificate": ""}, "does not answer"),
        ({"port": 1}, "does not answer"),
    ],
)
def test_an_archive_that_is_not_asked(tmp_path, certificate, change, message):
    if change.get("authorities"):
        change = {**change, "authorities": certified(tmp_path / "other.pem")}
    with archive_by_tls(certificate) as archive:
        place = Peer("PACS", "127.0.0.1", archive.port, authorities=certificate, certificate=certificate)
        with pytest.raises(UpstreamError, match=message):
            find_priors(replace(ENTITY, archive=replace(place, **change)), patient_id=NUMBER)
        assert archive.queries == []


def test_the_settings_of_a_connection_to_an_archive(tmp_path, certificate):
    def asking(**files: str) -> Peer:
        named = {f"medical_archive_{name}": path for name, path in files.items()}
        found = entity_of(Settings(home=tmp_path, medical_archive="PACS@127.0.0.1:104", **named)).archive
        assert found is not None
        return found

    held = Path(certificate).read_bytes()
    key = load_pem_private_key(held, None)
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    (tmp_path / "sealed.pem").write_bytes(sealed)
    (tmp_path / "chain.pem").write_bytes(held[: held.index(b"-----BEGIN PRIVATE")])
    chain = str(tmp_path / "chain.pem")
    assert asking().tls() is None
    tls = asking(authorities=certificate, certificate=chain, key=certificate).tls()
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert tls.minimum_version == ssl.TLSVersion.TLSv1_2
    with pytest.raises(InputError, match="_CERTIFICATE: needs TRIVIUM_MEDICAL_ARCHIVE_AUTHORITIES"):
        asking(certificate=certificate)
    with pytest.raises(InputError, match="_KEY: needs TRIVIUM_MEDICAL_ARCHIVE_CERTIFICATE"):
        asking(authorities=certificate, key=certificate)
    with pytest.raises(InputError, match=r"_CERTIFICATE or _KEY: cannot be read .*the key has a password"):
        asking(authorities=certificate, certificate=chain, key=str(tmp_path / "sealed.pem")).tls()
    with pytest.raises(InputError, match="_AUTHORITIES: cannot be read"):
        asking(authorities=str(tmp_path / "nothing.pem")).tls()
