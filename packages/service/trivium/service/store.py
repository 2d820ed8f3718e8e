"""The blob store: files kept by the SHA-256 of their content, written once, never changed.

A blob appears whole or not at all: it is written beside the others, synced, and renamed into place. The same content
is stored once. Layout: `<root>/ab/cd/abcd...`. Not for names or media types; those belong to whoever refers to a blob.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from trivium.service.disk import space_errors
from trivium.service.errors import InputError, NotFoundError
from trivium.service.phrase import Phrase

__all__ = ["Blob", "BlobStore", "BlobWriter"]

_CHUNK = 1024 * 1024
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored content: its hash (64 hexadecimal digits) and its size in bytes."""

    sha256: str
    size: int


class BlobWriter:
    """One blob being written: `write` chunks as they come, then `blob` is known when the `with` block ends.

    Args:
        file: where the chunks go.
        max_bytes: size at which writing is refused; None for no limit.
        name: how the user calls the content, for messages.
    """

    def __init__(self, file: BinaryIO, max_bytes: int | None, name: str) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._name = name
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, chunk: bytes) -> None:
        """Add a chunk.

        Raises:
            InputError: if the content grows beyond the limit; nothing of it stays in the store.
        """
        self._size += len(chunk)
        if self._max_bytes is not None and self._size > self._max_bytes:
            raise InputError(
                Phrase("is larger than the {limit} bytes allowed", limit=f"{self._max_bytes:,}"), where=self._name
            )
        self._hash.update(chunk)
        self._file.write(chunk)

    @property
    def blob(self) -> Blob:
        """Hash and size of what was written so far."""
        return Blob(self._hash.hexdigest(), self._size)


class BlobStore:
    """A folder of blobs. Safe for several processes and threads at once; needs no lock."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, content: bytes | Iterable[bytes], *, max_bytes: int | None = None, name: str = "content") -> Blob:
        """Store bytes, or chunks of bytes, and return their hash and size.

        Raises:
            InputError: if the content is larger than `max_bytes`.
        """
        with self.writer(max_bytes=max_bytes, name=name) as writer:
            for chunk in (content,) if isinstance(content, bytes) else content:
                writer.write(chunk)
        return writer.blob

    def put_file(self, path: Path, *, max_bytes: int | None = None) -> Blob:
        """Store the content of a file, read in chunks.

        Raises:
            InputError: if it is larger than `max_bytes` or cannot be read.
        """
        try:
            with path.open("rb") as file:
                return self.put(iter(lambda: file.read(_CHUNK), b""), max_bytes=max_bytes, name=path.name)
        except OSError as error:
            raise InputError(Phrase("cannot be read ({reason})", reason=error.strerror), where=str(path)) from error

    @contextmanager
    def writer(self, *, max_bytes: int | None = None, name: str = "content") -> Iterator[BlobWriter]:
        """Open a blob for writing; it is in the store when the block ends without an error.

        Raises:
            DiskFullError: if there is no room for it; nothing of it stays.
        """
        with space_errors():
            incoming = self.root / "incoming"
            incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = incoming / secrets.token_hex(16)
            try:
                with part.open("xb") as file:
                    writer = BlobWriter(file, max_bytes, name)
                    yield writer
                    file.flush()
                    os.fsync(file.fileno())
                self._move_in(part, self._path(writer.blob.sha256))
            finally:
                part.unlink(missing_ok=True)

    def path(self, sha256: str) -> Path:
        """Return where a blob lies, for reading only.

        Raises:
            NotFoundError: if there is no such blob.
        """
        path = self._path(sha256)
        if not path.is_file():
            raise NotFoundError("no such content in the store", where=sha256[:16])
        return path

    def read(self, sha256: str) -> bytes:
        """Return the whole content of a blob.

        Raises:
            NotFoundError: if there is no such blob.
        """
        return self.path(sha256).read_bytes()

    def open(self, sha256: str) -> BinaryIO:
        """Open a blob for reading.

        Raises:
            NotFoundError: if there is no such blob.
        """
        return self.path(sha256).open("rb")

    def keep(self, sha256: str) -> Blob:
        """Say that a blob is wanted from now on, so that a purge at this moment leaves it; return its hash and size.

        Raises:
            NotFoundError: if there is no such blob.
        """
        path = self._path(sha256)
        try:
            os.utime(path)
            return Blob(sha256, path.stat().st_size)
        except FileNotFoundError:
            raise NotFoundError("no such content in the store", where=sha256[:16]) from None

    def unused_size(self, sha256: str, *, unused_s: float) -> int | None:
        """Return the size of a blob that nobody stored or kept for so many seconds; None for any other."""
        try:
            status = self._path(sha256).stat()
        except FileNotFoundError:
            return None
        return status.st_size if time.time() - status.st_mtime > unused_s else None

    def discard(self, sha256: str, *, unused_s: float) -> int | None:
        """Remove a blob that nobody stored or kept for so many seconds.

        It is moved aside first and looked at there: whoever stores the same content meanwhile either touched it before,
        and it goes back, or did not find it, and writes its own.

        Returns:
            Its size; None when it stays, or was not there.
        """
        if self.unused_size(sha256, unused_s=unused_s) is None:
            return None
        place, aside = self._path(sha256), self.root / "outgoing" / sha256
        aside.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            place.replace(aside)
            status = aside.stat()
            if time.time() - status.st_mtime <= unused_s:
                aside.replace(place)
                return None
            aside.unlink()
        except FileNotFoundError:  # someone else removes it or puts it back
            return None
        return status.st_size

    def restore_outgoing(self) -> None:
        """Put back what a purge that was killed had moved aside."""
        for aside in sorted((self.root / "outgoing").glob("*")):
            place = self._path(aside.name)
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            aside.replace(place)

    def hashes(self) -> Iterator[str]:
        """Yield the hash of every blob, in order."""
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]")):
            yield from sorted(path.name for path in folder.iterdir() if _HASH.fullmatch(path.name))

    def __contains__(self, sha256: str) -> bool:
        return self._path(sha256).is_file()

    def _path(self, sha256: str) -> Path:
        if not _HASH.fullmatch(sha256):
            raise NotFoundError("is not a SHA-256 in lower-case hexadecimal digits", where=sha256[:80])
        return self.root / sha256[:2] / sha256[2:4] / sha256

    def _move_in(self, part: Path, place: Path) -> None:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.utime(place)  # it is there already; a purge sees that it is wanted again
        except FileNotFoundError:
            part.chmod(0o600)
            part.replace(place)
            _sync_folder(place.parent)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows offers no sync of a folder; its rename is journalled
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
