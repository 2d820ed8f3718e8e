"""Documents as one memory-mapped file of token ids: written once per corpus and tokenizer, read from anywhere in it.

    store = prepare([Path("corpus")], Tokenizer.builtin(), Path("run/tokens"), holdout=0.01)["train"]
    store.document(7)                                         # (n,) integers, begin and end token included

Sources are `.jsonl` (one `{"text": ...}` a line) and `.txt` (one document a file), plain or gzip, or folders of
them; `.md` where the file itself is named, since one in a folder usually describes the others. Which documents are
held out follows from a hash of their text, so equal documents lie on the same side, and adding sources moves none. A
prepared folder is used again while sources and tokenizer stay the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trivium.core_model.tokenizer import Tokenizer
from trivium.service.errors import InputError

__all__ = ["SIDES", "TokenStore", "find_files", "prepare", "read_documents"]

SIDES = ("train", "held_out")
ENDINGS = (".jsonl", ".jsonl.gz", ".txt", ".txt.gz")
_ABOUT = "about.json"


@dataclass(frozen=True)
class TokenStore:
    """Token ids of documents, one after another.

    Args:
        ids: (tokens,) uint16 or uint32, memory-mapped.
        starts: (documents + 1,) int64, where each document starts and the last one ends.
        num_bytes: of the documents as UTF-8.
    """

    ids: np.ndarray
    starts: np.ndarray
    num_bytes: int

    @property
    def num_documents(self) -> int:
        """Documents in it."""
        return len(self.starts) - 1

    @property
    def num_tokens(self) -> int:
        """Tokens in it, begin and end tokens included."""
        return int(self.starts[-1])

    def document(self, number: int) -> np.ndarray:
        """Return one document's ids."""
        return self.ids[self.starts[number] : self.starts[number + 1]]

    @classmethod
    def open(cls, folder: Path) -> TokenStore:
        """Map what `write` wrote."""
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        starts = np.load(folder / "starts.npy", allow_pickle=False)
        # A file of no bytes cannot be mapped.
        ids = np.memmap(folder / "tokens.bin", about["dtype"], mode="r") if starts[-1] else np.empty(0, about["dtype"])
        return cls(ids, starts, about["num_bytes"])

    @classmethod
    def write(cls, folder: Path, documents: Iterable[tuple[Sequence[int], int]], vocab_size: int) -> None:
        """Write documents, given as ids and number of bytes, into a folder."""
        folder.mkdir(parents=True)
        dtype = np.dtype("<u2" if vocab_size <= 2**16 else "<u4")
        starts, num_bytes = [0], 0
        with (folder / "tokens.bin").open("wb") as file:
            for ids, size in documents:
                file.write(np.asarray(ids, dtype).tobytes())
                starts.append(starts[-1] + len(ids))
                num_bytes += size
        np.save(folder / "starts.npy", np.asarray(starts, np.int64), allow_pickle=False)
        (folder / _ABOUT).write_text(json.dumps({"dtype": dtype.str, "num_bytes": num_bytes}), encoding="utf-8")


def prepare(
    sources: Sequence[Path],
    tokenizer: Tokenizer,
    folder: Path,
    *,
    holdout: float,
    progress: Callable[[int], None] = lambda documents: None,
) -> dict[str, TokenStore]:
    """Tokenise sources into a folder, or open it when that was done before.

    Args:
        sources: files and folders.
        tokenizer: its begin and end tokens are put around each document.
        folder: replaced as a whole; a run that was broken off leaves nothing behind that could be taken for done.
        holdout: share of documents that goes to the side `held_out`.
        progress: called with the number of documents done.

    Returns:
        A store for each of `SIDES`.

    Raises:
        InputError: if there is no file, or a line is no document; the message names file and line.
    """
    files = find_files(sources)
    about = {
        "tokenizer": hashlib.sha256(tokenizer.core.to_str().encode()).hexdigest(),
        "ends": [tokenizer.bos_id, tokenizer.eos_id],
        "holdout": holdout,
        "sources": [[file.name, _sha256(file)] for file in files],
    }
    if not _is_prepared(folder, about):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as made:
            new = Path(made) / "new"
            _write_sides(new, files, tokenizer, holdout, progress)
            (new / _ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
            if folder.exists():
                shutil.rmtree(folder)
            os.replace(new, folder)
    return {side: TokenStore.open(folder / side) for side in SIDES}


def find_files(sources: Sequence[Path]) -> list[Path]:
    """Return the files that sources name, those of a folder sorted.

    Raises:
        InputError: if a source is absent, of another kind, or a folder without a file.
    """
    files: list[Path] = []
    for source in sources:
        if source.is_dir():
            found = sorted(file for file in source.rglob("*") if file.is_file() and file.name.endswith(ENDINGS))
            if not found:
                raise InputError(f"no {', '.join(ENDINGS)} file in it", where=str(source))
            files.extend(found)
        elif not source.is_file():
            raise InputError("no such file or folder", where=str(source))
        elif not source.name.endswith((*ENDINGS, ".md")):
            hint = f"give {', '.join(ENDINGS)} or .md"
            raise InputError("not a kind of text that is read", where=str(source), hint=hint)
        else:
            files.append(source)
    return files


def read_documents(file: Path) -> Iterator[str]:
    """Yield the documents of one file; empty ones are left out.

    Raises:
        InputError: if a line is no `{"text": ...}`, or the file is not what its name says.
    """
    number = 0
    try:
        with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
            if not file.name.removesuffix(".gz").endswith(".jsonl"):
                if text := lines.read().strip():
                    yield text
                return
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                if text := _text_of(line, f"{file}, line {number}"):
                    yield text
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        where = f"{file}, after line {number}" if number else str(file)
        raise InputError(f"cannot be read: {error}", where=where, hint="give it as UTF-8, whole") from None


def _text_of(line: str, where: str) -> str:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", where=where) from None
    text = record.get("text") if isinstance(record, dict) else None
    if not isinstance(text, str):
        raise InputError('no {"text": ...}', where=where)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        what = f"half a character ({text[error.start]!r}) at {error.start} of the text"
        raise InputError(what, where=where, hint="write both halves of a pair of surrogates") from None
    return text


def is_held_out(text: str, share: float) -> bool:
    """Say whether a document is held out; equal texts give equal answers."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) < share * 2**64


def _write_sides(
    folder: Path, files: Sequence[Path], tokenizer: Tokenizer, holdout: float, progress: Callable[[int], None]
) -> None:
    """Write both sides, each in one pass over the sources, so that no corpus needs to fit into memory."""
    done = 0
    for side in SIDES:

        def documents(wanted: bool = side == "held_out") -> Iterator[tuple[list[int], int]]:
            nonlocal done
            for file in files:
                for text in read_documents(file):
                    if is_held_out(text, holdout) == wanted:
                        yield tokenizer.encode_document(text), len(text.encode())
                        done += 1
                        progress(done)

        TokenStore.write(folder / side, documents(), tokenizer.vocab_size)


def _is_prepared(folder: Path, about: dict[str, object]) -> bool:
    file = folder / _ABOUT
    return file.is_file() and json.loads(file.read_text(encoding="utf-8")) == about


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
