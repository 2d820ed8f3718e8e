"""Pseudonyms and sealed identities, both from one key of the deployment.

A pseudonym is a keyed hash: the same patient gets the same one, so priors meet, and nobody without the key can try
names against it. What identifies a patient is encrypted with AES-GCM and bound to its study, so that a sealed identity
moved to another study does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from trivium.service.errors import InputError
from trivium.service.phrase import Phrase
from trivium.service.settings import Settings

__all__ = ["KEY_FILE", "Sealed", "Vault", "open_vault"]

KEY_FILE = "medical.key"
_KEY_BYTES = 32
_LONGEST_MOVE_DAYS = 36_525
_VARIABLE = "TRIVIUM_MEDICAL_KEY"

Sealed = tuple[str, bytes, bytes]
"""Id of the key, nonce, ciphertext."""


class Vault:
    """Makes pseudonyms, seals and opens identities.

    Args:
        key: 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        assert len(key) == _KEY_BYTES
        self._naming = hmac.digest(key, b"trivium medical: pseudonyms", hashlib.sha256)
        self._cipher = AESGCM(hmac.digest(key, b"trivium medical: identities", hashlib.sha256))
        self.key_id = hashlib.sha256(b"trivium medical: key id" + key).hexdigest()[:16]

    def pseudonym(self, patient_id: str, issuer: str = "") -> str:
        """Return what a patient is called; the same number of the same issuer gives the same name."""
        return self.digest("patient", issuer.strip().casefold(), patient_id.strip().casefold())[:20]

    def digest(self, *parts: str) -> str:
        """Return a keyed hash of texts, 64 hexadecimal digits."""
        return hmac.digest(self._naming, "\0".join(parts).encode(), hashlib.sha256).hex()

    def moved_day(self, pseudonym: str, day: str) -> int | None:
        """Return a date, YYYYMMDD, as a number of days that only says how far a patient's studies lie apart.

        Each patient's are moved by the same unknown number of up to a century; None for what is no date.
        """
        try:
            return date.fromisoformat(day).toordinal() + int(self.digest("days", pseudonym), 16) % _LONGEST_MOVE_DAYS
        except ValueError:
            return None

    def uid(self, original: str) -> str:
        """Return the UID that stands for another one: always the same, under the root of UUIDs."""
        return f"2.25.{int(self.digest('uid', original)[:32], 16)}"

    def seal(self, study_id: str, identity: Mapping[str, str]) -> Sealed:
        """Encrypt an identity for one study."""
        nonce = secrets.token_bytes(12)
        plain = json.dumps(dict(identity), ensure_ascii=False).encode()
        return self.key_id, nonce, self._cipher.encrypt(nonce, plain, study_id.encode())

    def open(self, study_id: str, sealed: Sealed) -> dict[str, str]:
        """Decrypt an identity.

        Raises:
            InputError: if it was sealed with another key, for another study, or was changed.
        """
        key_id, nonce, ciphertext = sealed
        if key_id != self.key_id:
            raise InputError(
                "was sealed with another key",
                where="identity",
                hint=Phrase("set {variable} to that key", variable=_VARIABLE),
            )
        try:
            opened: dict[str, str] = json.loads(self._cipher.decrypt(nonce, ciphertext, study_id.encode()))
        except InvalidTag:
            raise InputError("was changed, or belongs to another study", where="identity") from None
        return opened


def open_vault(settings: Settings) -> Vault:
    """Return the deployment's vault: the key from the settings, else one made in the home folder on first use.

    Raises:
        InputError: if the key is not 32 bytes in base64.
    """
    written = settings.medical_key.get_secret_value()
    where = _VARIABLE if written else str(settings.home / KEY_FILE)
    text = written or _key_file(settings.home / KEY_FILE)
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        hint = "make one with: openssl rand -base64 32" if written else "restore it from a backup"
        raise InputError("is not 32 bytes in base64", where=where, hint=hint)
    return Vault(key)


def _key_file(path: Path) -> str:
    """Return the text of the key's file, made whole or not at all, readable by its owner alone."""
    if not path.exists():
        part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        part.touch(mode=0o600)
        part.write_text(base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode() + "\n", encoding="ascii")
        try:
            os.link(part, path)  # the first of two processes wins, and both read what it made
        except FileExistsError:
            pass
        finally:
            part.unlink()
    return path.read_text(encoding="ascii").strip()
