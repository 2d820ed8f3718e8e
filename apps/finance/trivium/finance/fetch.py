"""Fetch a company's filings from the SEC: `trivium finance fetch TICKER --out DIR`.

    with SecClient("Jane Doe jane@example.com") as client:
        fetch_filings("AAPL", Path("filings"), client=client, forms=("10-K",), years=3)

Files that were fetched whole are not fetched again. Reading what was fetched is the business of `parse`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from trivium.finance.edgar import ListedFiling, SecClient, unexpected
from trivium.finance.records import Entity, Problem
from trivium.service.errors import InputError, NotFoundError
from trivium.service.phrase import Phrase, joined

__all__ = ["FetchResult", "FetchedFile", "fetch_filings"]

_DOCUMENT = re.compile(r"[\w-][\w.-]*\.html?", re.ASCII | re.IGNORECASE)
_INLINE_MARK = b"inlineXBRL"


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """One file on disk: where it lies, where it came from, and whether this call fetched it."""

    path: Path
    url: str
    sha256: str
    size: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class FetchResult:
    """The company, its files, newest period first, and the filings that could not be had, each with the reason."""

    entity: Entity
    files: tuple[FetchedFile, ...]
    problems: tuple[Problem, ...]


def fetch_filings(
    ticker: str,
    folder: Path,
    *,
    client: SecClient,
    forms: Sequence[str] = ("10-K", "10-Q"),
    years: int = 2,
    with_companyfacts: bool = False,
    progress: Callable[[str, float], None] = lambda stage, share: None,
) -> FetchResult:
    """Fetch a company's filings into `folder/TICKER/`, as `<form>_<end of period>.htm`.

    Args:
        ticker: such as AAPL.
        folder: made when it does not exist.
        forms: which forms; see `SecClient.filings`.
        years: how many years back from the newest period, 1 or more.
        with_companyfacts: fetch `companyfacts.json` too; it changes, so it is fetched every time.
        progress: called with `fetch` and the share of the work done, 0 to 1; may raise to stop.

    Raises:
        InputError: if a parameter is wrong or the folder cannot be written.
        NotFoundError: if there is no such company, or it has no such filing.
        UpstreamError: if SEC cannot be asked. What was fetched before stays, and is not fetched again.
    """
    if years < 1 or not forms:
        raise InputError(
            Phrase("{years} years of {forms} forms is nothing to fetch", years=years, forms=len(forms)),
            hint="ask for one or more of each",
        )
    entity = client.company(ticker)
    wanted = client.filings(entity, forms, years)
    if not wanted and not with_companyfacts:
        raise NotFoundError(
            Phrase("SEC has no {forms} of {company}", forms=joined(forms, " or "), company=entity.name),
            hint="ask for another form, such as 20-F",
        )
    store = _Folder(folder / entity.ticker)
    files: list[FetchedFile] = []
    problems: list[Problem] = []
    steps = len(wanted) + with_companyfacts
    for number, filing in enumerate(wanted):
        progress("fetch", number / steps)
        if not filing.is_inline or not _DOCUMENT.fullmatch(filing.document):
            what = "its main document holds no inline XBRL; its numbers are in companyfacts only"
            problems.append(
                Problem(
                    Phrase(
                        "{form} of {date} ({accession})",
                        form=filing.form,
                        date=filing.report_date,
                        accession=filing.accession,
                    ),
                    what,
                )
            )
            continue
        name = store.free_name(filing, {file.path.name for file in files})
        files.append(store.fetch(name, client.document_url(entity, filing), client))
    if with_companyfacts:
        progress("fetch", len(wanted) / steps)
        files.append(store.fetch_anew("companyfacts.json", client.companyfacts_url(entity), client))
    progress("fetch", 1.0)
    return FetchResult(entity, tuple(files), tuple(problems))


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is remembered of a file that was fetched whole."""

    url: str
    sha256: str
    size: int


class _Folder:
    """One company's folder, with a list of what was fetched whole into it."""

    LIST = "fetched.json"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: dict[str, _Entry] = {}
        with _named_errors(path):
            path.mkdir(parents=True, exist_ok=True)
        try:
            listed = json.loads((path / self.LIST).read_bytes())
            self._entries = {str(name): _Entry(**fields) for name, fields in listed.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            # Without a list that can be read, files are fetched again: slower, never wrong.
            self._entries = {}

    def free_name(self, filing: ListedFiling, taken: set[str]) -> str:
        """Return `10-K_2024-09-28.htm`, with the accession number too where that name is taken."""
        stem = f"{re.sub(r'[^A-Za-z0-9]+', '-', filing.form)}_{filing.report_date.isoformat()}"
        return f"{stem}.htm" if f"{stem}.htm" not in taken else f"{stem}_{filing.accession}.htm"

    def fetch(self, name: str, url: str, client: SecClient) -> FetchedFile:
        """Fetch an inline document unless it lies here whole."""
        path, entry = self.path / name, self._entries.get(name)
        if entry is not None and entry.url == url and path.is_file() and path.stat().st_size == entry.size:
            with _named_errors(path):
                data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() == entry.sha256:
                return FetchedFile(path, url, entry.sha256, entry.size, is_new=False)
        data = client.get(url)
        if _INLINE_MARK not in data:
            raise unexpected(url, "is not the filing's inline XBRL document")
        return self._keep(name, url, data)

    def fetch_anew(self, name: str, url: str, client: SecClient) -> FetchedFile:
        """Fetch a JSON document whatever lies here."""
        data = client.get(url)
        if data.lstrip()[:1] != b"{":
            raise unexpected(url, "is not JSON")
        return self._keep(name, url, data)

    def _keep(self, name: str, url: str, data: bytes) -> FetchedFile:
        entry = _Entry(url, hashlib.sha256(data).hexdigest(), len(data))
        self._write(name, data)
        self._entries[name] = entry
        listed = {name: asdict(entry) for name, entry in sorted(self._entries.items())}
        self._write(self.LIST, json.dumps(listed, indent=1).encode())
        return FetchedFile(self.path / name, url, entry.sha256, entry.size, is_new=True)

    def _write(self, name: str, data: bytes) -> None:
        """Write a file so that its name never stands for half of it."""
        part = self.path / f".{name}.part"
        with _named_errors(self.path / name):
            part.write_bytes(data)
            os.replace(part, self.path / name)


@contextlib.contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Turn a failure of the disk into an error that names the file."""
    try:
        yield
    except OSError as error:
        raise InputError(
            Phrase("cannot be read or written ({reason})", reason=error.strerror),
            where=str(path),
            hint="choose another folder",
        ) from error
