"""A broker behind TLS and passwords, with an authority of the plant's own: who is let in, what is said of the rest."""

from __future__ import annotations

import gc
import ipaddress
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from tests.maintenance.mqtt.mosquitto import Mosquitto, find_program, wait_for

from trivium.maintenance.mqtt.connection import Broker, Connection
from trivium.service.database import utc_now
from trivium.service.errors import InputError


def write_authority(folder: Path) -> None:
    """Write `ca.pem`, and `broker.pem` and `broker.key` that it signed, for 127.0.0.1."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("plant authority", "broker")]
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key())
    for number, file in enumerate(("ca.pem", "broker.pem")):
        made = (
            x509.CertificateBuilder().subject_name(names[number]).issuer_name(names[0])
            .public_key(keys[number].public_key()).serial_number(number + 1)
            .not_valid_before(utc_now() - timedelta(days=1)).not_valid_after(utc_now() + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=number == 0, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(keys[number].public_key()), critical=False)
            .add_extension(signer, critical=False)
            .add_extension(address, critical=False)
            .sign(keys[0], hashes.SHA256())
        )  # fmt: skip
        (folder / file).write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "broker.key").write_bytes(keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.fixture
def secured(tmp_path) -> Iterator[Mosquitto]:
    write_authority(tmp_path)
    set_password(tmp_path, "open sesame")
    broker = Mosquitto(
        tmp_path,
        f"allow_anonymous false\npassword_file {tmp_path}/passwords\ncafile {tmp_path}/ca.pem\n"
        f"certfile {tmp_path}/broker.pem\nkeyfile {tmp_path}/broker.key",
    )
    yield broker
    broker.stop()


def set_password(folder: Path, password: str) -> None:
    """Let the user `trivium` in with a password."""
    command = [find_program("mosquitto_passwd"), "-c", "-b", str(folder / "passwords"), "trivium", password]
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def listening(broker: Broker) -> Iterator[tuple[list[str], list[bytes]]]:
    """What the bridge says of its connection, and what comes."""
    told: list[str] = []
    came: list[bytes] = []
    connection = Connection(broker, ["site/#"], client_id="bridge", tell=told.append)
    connection.open()
    ending = threading.Event()
    worker = threading.Thread(
        target=connection.work, args=(lambda topic, payload, arrival: not came.append(payload), ending.is_set)
    )
    worker.start()
    try:
        yield told, came
    finally:
        ending.set()
        worker.join(10)
        connection.close()


def publish(folder: Path, port: int, payload: str, password: str = "open sesame") -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2, "gateway")
    client.username_pw_set("trivium", password)
    client.tls_set_context(ssl.create_default_context(cafile=str(folder / "ca.pem")))
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.publish("site/P1", payload, qos=1).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()


def address_of(secured: Mosquitto, folder: Path) -> Broker:
    return Broker("127.0.0.1", secured.port, True, "trivium", "open sesame", str(folder / "ca.pem"))


def test_readings_come_by_tls_with_user_and_password(secured, tmp_path):
    with listening(address_of(secured, tmp_path)) as (told, came):
        publish(tmp_path, secured.port, "7.5")
        wait_for(lambda: came == [b"7.5"])
    assert told == [f"listens to site/# at 127.0.0.1:{secured.port}"]


def test_a_wrong_password_is_told_once_and_tried_until_it_is_right(secured, tmp_path):
    with listening(replace(address_of(secured, tmp_path), password="mellon")) as (told, came):
        threading.Event().wait(1.5)  # two tries
        set_password(tmp_path, "mellon")
        secured.reload()
        wait_for(lambda: len(told) == 2)
        publish(tmp_path, secured.port, "8", password="mellon")
        wait_for(lambda: came == [b"8"])
    assert told == [
        f"127.0.0.1:{secured.port}: does not let us in (Not authorized); are user and password right? "
        "It is tried again every 30 s at most.",
        f"listens to site/# at 127.0.0.1:{secured.port}",
    ]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves the refused socket open
def test_a_broker_of_an_unknown_authority_gets_no_password(secured, tmp_path):
    with listening(replace(address_of(secured, tmp_path), ca_file="")) as (told, _):
        pass
    gc.collect()
    (line,) = told
    assert "its certificate is not trusted" in line
    assert "--ca FILE" in line


def test_a_file_that_is_no_certificate(tmp_path):
    (tmp_path / "ca.pem").write_text("hello")
    with pytest.raises(InputError, match=r"ca.pem: cannot be used .*; give the authority's certificate as PEM"):
        Connection(Broker("127.0.0.1", 1, True, ca_file=str(tmp_path / "ca.pem")), ["#"], client_id="bridge").open()
