"""The signed head of the audit log: how far it had come at a moment, in a small file to keep where the log is not.

Without it, rows cut off at the end, or written anew up to the end, leave a chain that looks whole. Signed with Ed25519,
so that whoever keeps a head checks it with the public key and can make none. The private key is made on first use in
`TRIVIUM_HOME`, readable by its owner alone. Who changes both the log and the key is found out by a head that was taken
away before, not by the signature.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from trivium.service.audit_chain import canonical
from trivium.service.audit_verify import Mark
from trivium.service.errors import InputError

__all__ = ["KEY_FILE", "Head", "public_key", "read_head", "signed_head", "signing_key"]

KEY_FILE = "audit-key.pem"
_FORMAT = "trivium-audit-head/1"
_MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of the log at a moment: `seq` 0 with 64 zeros while it is empty; `at` is ISO 8601 in UTC."""

    seq: int
    hash: str
    at: str

    @property
    def mark(self) -> Mark:
        """The row that must be in the log."""
        return Mark(self.seq, self.hash)

    @property
    def message(self) -> bytes:
        """What is signed."""
        parts = {"format": _FORMAT, "seq": self.seq, "hash": self.hash, "at": self.at}
        return canonical(parts).encode()


def signing_key(home: Path) -> Ed25519PrivateKey:
    """Return the deployment's key, made on first use.

    Raises:
        InputError: if the file is not such a key.
    """
    path = home / KEY_FILE
    if not path.exists():
        _make_key(path)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise InputError(f"is no private key ({error})", where=str(path), hint="restore it from a backup") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError("is no Ed25519 key", where=str(path), hint="restore it from a backup")
    return key


def public_key(key: Ed25519PrivateKey) -> str:
    """Return the public key: 32 bytes in base64."""
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def signed_head(head: Head, key: Ed25519PrivateKey) -> str:
    """Return the text of a head's file: JSON with the signature, and the public key for reference."""
    signature = base64.b64encode(key.sign(head.message)).decode()
    parts = {"format": _FORMAT, "seq": head.seq, "hash": head.hash, "at": head.at}
    return json.dumps({**parts, "public_key": public_key(key), "signature": signature}, indent=2) + "\n"


def read_head(path: Path, trusted: str) -> Head:
    """Read a head and check its signature.

    Args:
        trusted: public key in base64; the one in the file proves nothing.

    Raises:
        InputError: if the file is no head, or was not signed with that key as it stands.
    """
    try:
        verifier = Ed25519PublicKey.from_public_bytes(base64.b64decode(trusted, validate=True))
    except (ValueError, binascii.Error) as error:
        hint = "give what `trivium audit head` printed"
        raise InputError("is no Ed25519 public key in base64", where=trusted[:60], hint=hint) from error
    head, signature = _parts(path)
    try:
        verifier.verify(signature, head.message)
    except InvalidSignature as error:
        what = "is not signed with the trusted key, or was changed since"
        raise InputError(what, where=str(path), hint="--key names another public key to trust") from error
    return head


def _parts(path: Path) -> tuple[Head, bytes]:
    try:
        with path.open("rb") as file:
            given: Any = json.loads(file.read(_MAX_BYTES))
        head = Head(seq=given["seq"], hash=given["hash"], at=given["at"])
        signature = base64.b64decode(given["signature"], validate=True)
        if given["format"] != _FORMAT or type(head.seq) is not int or not isinstance(head.hash, str):
            raise ValueError("unknown format")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from error
    except (ValueError, KeyError, TypeError) as error:
        hint = "write one with: trivium audit head --out FILE"
        raise InputError("is no head of an audit log", where=str(path), hint=hint) from error
    return head, signature


def _make_key(path: Path) -> None:
    """Write a new key; of two processes that do so at once, the first one's counts."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(descriptor)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
