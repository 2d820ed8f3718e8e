"""A folder that files of readings are put into: taken in, moved away, and answered with a receipt.

    in/2026-03-01.csv      while it is written; taken once it has not changed for a moment
    in/done/2026-03-01.csv, in/failed/..., and beside each its receipt, 2026-03-01.csv.receipt.json

A receipt counts rows by verdict and names the batches, whose ids follow from the content: a file that is put in twice,
or was half way when the machine went down, is stored once. Files are taken that end in `.csv`, `.ndjson`, `.jsonl`
or `.txt`, with or without `.gz`, and do not begin with a dot. When broker or database are away, the file waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trivium.maintenance.ingest.door import Door
from trivium.maintenance.ingest.formats import Options
from trivium.maintenance.ingest.history import import_file, settle
from trivium.maintenance.stream import LIVE
from trivium.service.database import Database, utc_now
from trivium.service.errors import InputError, NotFoundError, UpstreamError
from trivium.service.receipts import put_away

__all__ = ["Receipt", "take_files"]


_ENDINGS = tuple(f"{name}{packed}" for name in (".csv", ".ndjson", ".jsonl", ".txt") for packed in ("", ".gz"))
Receipt = dict[str, Any]


def take_files(
    folder: Path,
    plant: str,
    *,
    door: Door,
    database: Database,
    options: Options | None = None,
    settle_s: float = 2.0,
    patience_s: float = 120.0,
    now: Callable[[], float] = time.time,
) -> Iterator[Receipt]:
    """Take in the files that lie in a folder and are finished, oldest first; yield the receipt of each.

    Args:
        settle_s: a file is finished when it has not changed for so long.
        patience_s: for a worker to store what was sent.

    Raises:
        UpstreamError: if broker or database are away; what was not taken lies where it was.
        NotFoundError: if no worker stores what is sent.
        InputError: if the folder cannot be used.
    """
    for path in _finished(folder, now() - settle_s):
        receipt: Receipt = {"file": path.name, "plant": plant, "taken_at": utc_now().isoformat()}
        try:
            report = import_file(
                path, plant, door=door, database=database, options=options, progress=lambda done, whole: None, lane=LIVE
            )
            settle(database, plant, report, progress=lambda done, whole: None, patience_s=patience_s)
        except (UpstreamError, NotFoundError):
            raise
        except InputError as error:
            receipt |= {"state": "failed", "error": error.line}
        else:
            receipt |= {
                "state": "done", "rows": report.num_rows, "verdicts": report.verdicts, "issues": report.issues,
                "batches": report.batch_ids,
            }  # fmt: skip
        put_away(path, folder / receipt["state"], receipt)
        yield receipt


def _finished(folder: Path, before: float) -> list[Path]:
    try:
        found = [
            (path.stat().st_mtime, path)
            for path in folder.iterdir()
            if path.is_file() and not path.name.startswith(".") and path.name.lower().endswith(_ENDINGS)
        ]
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(folder)) from error
    return [path for at, path in sorted(found) if at <= before]
