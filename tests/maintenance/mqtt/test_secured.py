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
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from tests.maintenance.mqtt.mosquitto import Mosquitto, find_program, wait_for

from trivium.maintenance.mqtt.connection import Broker, Connection, Tls, read_url
from trivium.service.database import utc_now
from trivium.service.errors import InputError


def write_authority(folder: Path) -> None:
    """Write `ca.pem` and, for 127.0.0.1, what it signed: `broker.pem`, `bridge.pem` and their keys."""
    people = ("plant authority", "broker", "bridge")
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in people]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in people]
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key())
    for number, file in enumerate(("ca.pem", "broker.pem", "bridge.pem")):
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
    locked = BestAvailableEncryption(b"mellon")
    (folder / "bridge.key").write_bytes(keys[2].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))


def start_broker(folder: Path, settings: str) -> Mosquitto:
    write_authority(folder)
    tls = f"cafile {folder}/ca.pem\ncertfile {folder}/broker.pem\nkeyfile {folder}/broker.key"
    return Mosquitto(folder, f"{settings}\n{tls}")


@pytest.fixture
def secured(tmp_path) -> Iterator[Mosquitto]:
    """A broker that asks for a password."""
    set_password(tmp_path, "open sesame")
    broker = start_broker(tmp_path, f"allow_anonymous false\npassword_file {tmp_path}/passwords")
    yield broker
    broker.stop()


@pytest.fixture(params=["tlsv1.3", "tlsv1.2"])
def certified(request, tmp_path) -> Iterator[Mosquitto]:
    """A broker that asks for a certificate, and takes the name in it for the user's."""
    settings = f"require_certificate true\nuse_identity_as_username true\ntls_version {request.param}"
    broker = start_broker(tmp_path, settings)
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
    return Broker("127.0.0.1", secured.port, True, "trivium", "open sesame", Tls(str(folder / "ca.pem")))


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
    with listening(replace(address_of(secured, tmp_path), tls=Tls())) as (told, _):
        pass
    gc.collect()
    (line,) = told
    assert "its certificate is not trusted" in line
    assert "--ca FILE" in line


def test_a_file_that_is_no_certificate(tmp_path):
    (tmp_path / "ca.pem").write_text("hello")
    with pytest.raises(InputError, match=r"ca.pem: cannot be used .*; give the authority's certificate as PEM"):
        Connection(Broker("127.0.0.1", 1, True, tls=Tls(str(tmp_path / "ca.pem"))), ["#"], client_id="bridge").open()


def own_files(folder: Path, key_password: str = "mellon") -> Tls:
    return Tls(str(folder / "ca.pem"), str(folder / "bridge.pem"), str(folder / "bridge.key"), key_password)


def test_a_certificate_of_ours_lets_us_in_without_user_and_password(certified, tmp_path):
    broker = Broker("127.0.0.1", certified.port, True, tls=own_files(tmp_path))
    with listening(broker) as (told, came):
        client = paho.Client(CallbackAPIVersion.VERSION2, "gateway")
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        context.load_cert_chain(tmp_path / "bridge.pem", tmp_path / "bridge.key", "mellon")
        client.tls_set_context(context)
        client.connect("127.0.0.1", certified.port)
        client.loop_start()
        client.publish("site/P1", "7.5", qos=1).wait_for_publish(5)
        client.disconnect()
        client.loop_stop()
        wait_for(lambda: came == [b"7.5"])
    assert came == [b"7.5"]
    assert told == [f"listens to site/# at 127.0.0.1:{certified.port}"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves the refused socket open
def test_a_broker_that_misses_a_certificate_of_ours_is_told_of_once(certified, tmp_path):
    broker = Broker("127.0.0.1", certified.port, True, tls=Tls(str(tmp_path / "ca.pem")))
    with listening(broker) as (told, _):
        threading.Event().wait(1.5)  # two tries
    gc.collect()
    (line,) = told
    assert line == (
        f"127.0.0.1:{certified.port}: ends the connection before it lets us in; is this its port for mqtts://, and "
        "does it ask for a certificate of ours (--cert FILE --key FILE)? It is tried again every 30 s at most."
    )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves the refused socket open
def test_a_port_without_tls_is_told(tmp_path):
    plain = Mosquitto(tmp_path)
    with listening(Broker("127.0.0.1", plain.port, True)) as (told, _):
        pass
    plain.stop()
    gc.collect()
    assert "is this its port for mqtts://" in told[0]


def test_a_key_that_does_not_open_is_told_and_never_asked_for_on_the_terminal(tmp_path):
    write_authority(tmp_path)
    for files in (own_files(tmp_path, ""), own_files(tmp_path, "open sesame"), own_files(tmp_path / "elsewhere")):
        tls = Tls(str(tmp_path / "ca.pem"), files.cert_file, files.key_file, files.key_password)
        with pytest.raises(InputError, match=r"bridge.pem, .*bridge.key: cannot be used .*TRIVIUM_MQTT_KEY_PASSWORD"):
            Connection(Broker("127.0.0.1", 1, True, tls=tls), ["#"], client_id="bridge").open()


def test_secrets_are_not_in_what_a_broker_prints(tmp_path):
    broker = Broker("host", 1, True, "trivium", "open sesame", own_files(tmp_path))
    assert "open sesame" not in repr(broker)
    assert "mellon" not in repr(broker)


def test_files_that_would_not_be_used():
    with pytest.raises(InputError, match="certificates are for mqtts://"):
        read_url("mqtt://broker", tls=Tls("ca.pem"))
    with pytest.raises(InputError, match="a key without its certificate; name the certificate with --cert FILE"):
        read_url("mqtts://broker", tls=Tls(key_file="bridge.key"))
