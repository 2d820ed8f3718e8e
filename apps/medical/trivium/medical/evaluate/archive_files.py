"""Read an archive of reports: Indiana University's XML files in a folder or as it is downloaded, and R2Gen's split."""

from __future__ import annotations

import json
import re
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from trivium.medical.evaluate.reports import Told, told
from trivium.medical.evaluate.text import Words, words
from trivium.service.errors import InputError

__all__ = ["ArchivedReport", "Parts", "is_archive", "read_archive"]

Parts = tuple[list[int], list[int], list[int]]  # reports to learn from, to choose on, to be scored
_MIN_REPORTS = 20
_MOST_BYTES = 64 * 1024 * 1024  # of one file: the split is 2 MB, a report 10 KB
_PACKED = (".zip", ".tar", ".tgz", ".gz")
_SPLIT = "annotation.json"
_LAYOUT = 'reports are XML files with <AbstractText Label="FINDINGS">; see docs/medical.md'


@dataclass(frozen=True, slots=True)
class ArchivedReport:
    """What a report says, and what was asked.

    Args:
        key: its name in the archive, such as `CXR1`; empty where it has none.
        findings: as it is compared.
        indication: its words.
    """

    key: str
    findings: Told
    indication: Words


def is_archive(path: Path) -> bool:
    """Return whether this is a packed file, or a folder of XML files without a `labels.csv`."""
    if path.is_file():
        return path.suffix.lower() in _PACKED
    return not (path / "labels.csv").is_file() and next(path.rglob("*.xml"), None) is not None


def read_archive(path: Path) -> tuple[list[ArchivedReport], Parts | None, dict[str, str]]:
    """Read every XML file that has findings, in the order of names, and the split where there is one.

    Returns:
        Reports; the split or None; and the reason by name of each file that is no XML, which is left out.

    Raises:
        InputError: if too few have findings, or the split names other reports.
    """
    reports, split = [], None
    left_out: dict[str, str] = {}
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    for name, content in _files(path):
        if name.endswith(_SPLIT):
            split = content
            continue
        try:
            root = etree.fromstring(content, parser)
        except etree.XMLSyntaxError as error:
            left_out[name] = f"cannot be read ({error})"
            continue
        said = {one.get("Label", ""): one.text or "" for one in root.iter("AbstractText")}
        if words(said.get("FINDINGS", "")):
            key = next((one.get("id", "") for one in root.iter("uId")), "")
            reports.append(ArchivedReport(key, told(said["FINDINGS"]), words(said.get("INDICATION", ""))))
    if len(reports) < _MIN_REPORTS:
        what = f"holds {len(reports)} reports with findings, and at least {_MIN_REPORTS} are needed"
        if left_out:
            name, reason = next(iter(left_out.items()))
            what = f"{what}; {len(left_out)} cannot be read, the first is {name}: {reason}"
        raise InputError(what, where=str(path), hint=_LAYOUT)
    return reports, None if split is None else _parts(path, split, reports), left_out


def _parts(path: Path, content: bytes, reports: list[ArchivedReport]) -> Parts:
    """Return R2Gen's split: `{"train": [{"id": "CXR2384_IM-0942"}, ...], "val": [...], "test": [...]}`."""
    place = {one.key: number for number, one in enumerate(reports)}
    try:
        table = json.loads(content)
        named = [[re.split("_", row["id"])[0] for row in table[part]] for part in ("train", "val", "test")]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{_SPLIT} is no split ({error!r})", where=str(path), hint="bring R2Gen's, or take it away"
        ) from error
    known, chosen_on, scored = ([place[key] for key in dict.fromkeys(part) if key in place] for part in named)
    if not known or not chosen_on or not scored:
        raise InputError(
            f"{_SPLIT} names none of the reports in one of its parts", where=str(path), hint="take it away"
        )
    return known, chosen_on, scored


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the reports and the split, by name.

    Raises:
        InputError: if the archive or a file in it cannot be read, or a file is too large.
    """
    try:
        if path.is_dir():
            yield from _in_folder(path)
        elif zipfile.is_zipfile(path):
            yield from _in_zip(path)
        else:
            yield from _in_tar(path)
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise InputError(
            f"cannot be read ({error})", where=str(path), hint="give a folder, .zip, .tar or .tgz of reports"
        ) from error


def _in_folder(path: Path) -> Iterator[tuple[str, bytes]]:
    for one in sorted(path.rglob("*")):
        if _is_wanted(one.name) and one.is_file():
            _check_size(path, one.name, one.stat().st_size)
            yield one.name, one.read_bytes()


def _in_zip(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as packed:
        for one in sorted(packed.infolist(), key=lambda info: info.filename):
            if _is_wanted(one.filename):
                _check_size(path, one.filename, one.file_size)
                yield one.filename, packed.read(one)


def _in_tar(path: Path) -> Iterator[tuple[str, bytes]]:
    found = []
    with tarfile.open(path) as packed:
        for one in packed:  # in the order of the file: going back in a compressed one begins anew
            stream = packed.extractfile(one) if _is_wanted(one.name) else None
            if stream is not None:
                _check_size(path, one.name, one.size)
                found.append((one.name, stream.read()))
    yield from sorted(found)


def _is_wanted(name: str) -> bool:
    last = name.rpartition("/")[2]
    return (last.lower().endswith(".xml") or last == _SPLIT) and not last.startswith("._")


def _check_size(path: Path, name: str, size: int) -> None:
    if size > _MOST_BYTES:
        raise InputError(f"{name} has {size:,} bytes, more than the {_MOST_BYTES:,} allowed", where=str(path))
