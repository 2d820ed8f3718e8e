"""What we are to other DICOM systems: title, what we take, whom we listen to. See docs/dicom-conformance.md."""

from __future__ import annotations

import ipaddress
import logging
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydicom.uid import (
    JPEG2000,
    UID,
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)
from pynetdicom import AE, _config

from trivium.service.errors import InputError
from trivium.service.settings import Settings

__all__ = ["STORED", "SYNTAXES", "Entity", "Peer", "be_silent", "entity_of"]

STORED = (
    DigitalXRayImageStorageForPresentation,
    ComputedRadiographyImageStorage,
    SecondaryCaptureImageStorage,
)
SYNTAXES = [
    ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian,
    JPEGLosslessSV1, JPEGLossless, JPEG2000Lossless, JPEGLSLossless, RLELossless, JPEGBaseline8Bit, JPEGExtended12Bit,
    JPEG2000, JPEGLSNearLossless,
]  # fmt: skip
_TITLE = re.compile(r"[\x21-\x5b\x5d-\x7e](?:[\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?")
_VERIFICATION = UID("1.2.840.10008.1.1")
_ASSOCIATIONS = 16
_PDU_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Peer:
    """A system that we call: the archive that is asked for priors, the one that signed reports are sent to.

    Args:
        authorities: PEM file of those who sign its certificate; empty for a plain connection.
        certificate: PEM file with chain, and key unless `key` is given, that we show; empty for none.
        key: PEM file.
        setting: name of the variable that it comes from; those of its files begin with it.
    """

    title: str
    host: str
    port: int
    authorities: str = ""
    certificate: str = ""
    key: str = ""
    setting: str = "TRIVIUM_MEDICAL_ARCHIVE"

    def tls(self) -> ssl.SSLContext | None:
        """Return what it is called with, its name checked against its certificate; None for a plain connection.

        Raises:
            InputError: if a file cannot be used.
        """
        if not self.authorities:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with _readable(f"{self.setting}_AUTHORITIES"):
            context.load_verify_locations(self.authorities)
        if self.certificate:
            with _readable(f"{self.setting}_CERTIFICATE or _KEY"):
                context.load_cert_chain(self.certificate, self.key or None, password=_no_password)
        return context


@dataclass(frozen=True, slots=True)
class Entity:
    """Our application entity, as the settings describe it.

    Args:
        callers: titles that may call; empty for anybody.
        stat_callers: titles of callers, such as an emergency room's, whose films are STAT.
        certificate: PEM file with chain and key; empty for plain connections.
        authorities: PEM file; callers then need a certificate of one of them.
        archive: that is asked for priors; None for none.
        destination: that signed reports are sent to; None for none.
    """

    title: str
    host: str
    port: int
    callers: tuple[str, ...]
    certificate: str
    authorities: str
    archive: Peer | None
    stat_callers: tuple[str, ...] = ()
    destination: Peer | None = None

    def application(self) -> AE:
        """Return pynetdicom's entity, with limits, for taking films and answering echoes."""
        found = AE(self.title)
        found.require_called_aet = True
        found.require_calling_aet = list(self.callers)
        found.maximum_associations = _ASSOCIATIONS
        found.maximum_pdu_size = _PDU_BYTES
        found.acse_timeout, found.dimse_timeout, found.network_timeout = 30, 60, 120
        for one in STORED:
            found.add_supported_context(one, SYNTAXES)
        found.add_supported_context(_VERIFICATION)
        return found

    def server_tls(self) -> ssl.SSLContext | None:
        """Return what connections are made with; None for plain ones.

        Raises:
            InputError: if a file cannot be used.
        """
        if not self.certificate:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with _readable("TRIVIUM_MEDICAL_DICOM_CERTIFICATE or _AUTHORITIES"):
            context.load_cert_chain(self.certificate, password=_no_password)
            if self.authorities:
                context.load_verify_locations(self.authorities)
                context.verify_mode = ssl.CERT_REQUIRED
        return context


def be_silent() -> None:
    """Keep pynetdicom from logging: its lines may quote datasets. What is worth a line is told by whoever calls."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)


def entity_of(settings: Settings) -> Entity:
    """Read the settings.

    Raises:
        InputError: if a title, an address, archive or destination is not one, or a port that others reach lets anybody
            call.
    """
    callers = _titles(settings.medical_dicom_callers, "TRIVIUM_MEDICAL_DICOM_CALLERS")
    stat_callers = _titles(settings.medical_dicom_stat_callers, "TRIVIUM_MEDICAL_DICOM_STAT_CALLERS")
    if callers and (strangers := set(stat_callers) - set(callers)):
        what = f"{', '.join(sorted(strangers))} may not call"
        hint = "add them to TRIVIUM_MEDICAL_DICOM_CALLERS"
        raise InputError(what, where="TRIVIUM_MEDICAL_DICOM_STAT_CALLERS", hint=hint)
    if not callers and not _is_loopback(settings.medical_dicom_host):
        raise InputError(
            f"is empty, and others reach {settings.medical_dicom_host}",
            where="TRIVIUM_MEDICAL_DICOM_CALLERS",
            hint="name those who may call",
        )
    if settings.medical_dicom_authorities and not settings.medical_dicom_certificate:
        raise InputError("needs TRIVIUM_MEDICAL_DICOM_CERTIFICATE, too", where="TRIVIUM_MEDICAL_DICOM_AUTHORITIES")
    return Entity(
        title=_title(settings.medical_dicom_title, "TRIVIUM_MEDICAL_DICOM_TITLE"),
        host=settings.medical_dicom_host,
        port=settings.medical_dicom_port,
        callers=callers,
        certificate=settings.medical_dicom_certificate,
        authorities=settings.medical_dicom_authorities,
        archive=_peer(settings, "medical_archive"),
        stat_callers=stat_callers,
        destination=_peer(settings, "medical_destination"),
    )


def _titles(text: str, setting: str) -> tuple[str, ...]:
    return tuple(_title(one.strip(), setting) for one in text.split(",") if one.strip())


def _peer(settings: Settings, name: str) -> Peer | None:
    """Read one that we call, and the settings of its TLS; None where it is not set."""
    text, setting = str(getattr(settings, name)), f"TRIVIUM_{name.upper()}"
    if not text:
        return None
    title, at, place = text.rpartition("@")
    host, _, port = place.rpartition(":")
    if not at or not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise InputError(f"{text!r} is not TITLE@HOST:PORT", where=setting)
    authorities, certificate, key = (
        str(getattr(settings, f"{name}_{file}")) for file in ("authorities", "certificate", "key")
    )
    if certificate and not authorities:  # it would be called in the open, against what whoever set this expects
        raise InputError(f"needs {setting}_AUTHORITIES, too", where=f"{setting}_CERTIFICATE")
    if key and not certificate:
        raise InputError(f"needs {setting}_CERTIFICATE, too", where=f"{setting}_KEY")
    return Peer(_title(title, setting), host.strip("[]"), int(port), authorities, certificate, key, setting)


@contextmanager
def _readable(where: str) -> Iterator[None]:
    """Tell which setting names a file that is no PEM file."""
    try:
        yield
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise InputError(f"cannot be read ({error})", where=where, hint="give PEM files without a password") from error


def _no_password() -> str:
    """Stand in for the terminal that OpenSSL would ask for the password of a key."""
    raise ValueError("the key has a password")


def _title(text: str, setting: str) -> str:
    if not _TITLE.fullmatch(text):
        hint = "use 1 to 16 ASCII characters without a backslash"
        raise InputError(f"{text[:40]!r} is no application entity title", where=setting, hint=hint)
    return text


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise InputError(f"{host!r} is no IP address", where="TRIVIUM_MEDICAL_DICOM_HOST") from None
