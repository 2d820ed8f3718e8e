"""DICOM by TLS: a caller with a certificate of the authority is let in; a plain one and one without are not."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pynetdicom import AE
from pynetdicom.sop_class import Verification
from tests.medical.deployment import deployed
from tests.medical.network.test_listener import ENTITY

from trivium.medical.network.listener import Listener
from trivium.service.database import utc_now
from trivium.service.errors import InputError

# What pynetdicom leaves open of a connection that did not come about.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def certificate(tmp_path):
    """A PEM file with a certificate that signs itself, for 127.0.0.1, and its key; it is its own authority."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(utc_now() - timedelta(days=1)).not_valid_after(utc_now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("here")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path / "here.pem"
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
