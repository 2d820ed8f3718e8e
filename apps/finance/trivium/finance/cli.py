"""The finance commands: files in, CSV or reports out, in this process. No broker, no database, no login."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from trivium.service.errors import InputError, TriviumError

if TYPE_CHECKING:
    from trivium.finance.records import Filing

app = typer.Typer(help="Key metrics and comparison reports from company filings.", no_args_is_help=True)

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Filings; gzip is fine.", show_default=False)]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="F.csv", help="Where to write; standard output if not given.")
]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", metavar="FILE", help="Mapping rules laid over the shipped ones.")
]
_Result = TypeVar("_Result")


@app.command(epilog="Example: trivium finance facts aapl-20240928.htm --out facts.csv")
def facts(files: Files, out: Out = None) -> None:
    """Write every numeric fact with its period, dimensions, unit, exact value and id."""
    from trivium.finance.report.delimited import FACT_COLUMNS, fact_rows

    is_many = len(files) > 1
    rows: list[tuple[str, ...]] = []

    def read(path: Path) -> None:
        for filing in _read(path):
            rows.extend(((str(path), *row) if is_many else row) for row in fact_rows(filing))

    failed = _for_each(files, read)
    _write(out, (("file", *FACT_COLUMNS) if is_many else FACT_COLUMNS), rows)
    _finish(failed)


@app.command(epilog="Example: trivium finance metrics 10-K_2024.htm 10-Q_2025Q1.htm --out metrics.csv")
def metrics(files: Files, out: Out = None, policy: PolicyFile = None) -> None:
    """Write the key metrics of each filing's own period: value, status, reason and the fact behind it."""
    from trivium.finance.analyze.policy import load_policy
    from trivium.finance.analyze.series import own_values
    from trivium.finance.report.delimited import METRIC_COLUMNS, metric_rows

    rules = load_policy(policy)
    rows: list[tuple[str, ...]] = []

    def read(path: Path) -> None:
        for filing in _read(path):
            rows.extend(metric_rows(filing, own_values(filing, rules)))

    failed = _for_each(files, read)
    _write(out, METRIC_COLUMNS, rows)
    _finish(failed)


def _read(path: Path) -> Iterator[Filing]:
    """Yield the filings of a file, with a line on standard error for each thing in it that could not be read."""
    from trivium.finance.parse.reader import read_path

    for filing in read_path(path):
        for problem in filing.problems:
            _say(f"{path}: {problem.where}: {problem.what}")
        yield filing


def _for_each(files: Iterable[Path], do: Callable[[Path], _Result]) -> int:
    """Do something for every file; one that fails says why and does not stop the rest. Returns how many failed."""
    failed = 0
    paths = list(files)
    with typer.progressbar(
        paths, label="Reading", file=sys.stderr, hidden=len(paths) < 2 or not sys.stderr.isatty()
    ) as bar:
        for path in bar:
            try:
                do(path)
            except TriviumError as error:
                _say(error.line)
                failed += 1
    return failed


def _write(out: Path | None, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    from trivium.finance.report.delimited import write_csv

    if out is None:
        write_csv(sys.stdout, columns, rows)
        return
    try:
        with out.open("w", encoding="utf-8", newline="") as stream:
            write_csv(stream, columns, rows)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(out), hint="give another path") from error


def _finish(failed: int) -> None:
    if failed:
        raise typer.Exit(1)


def _say(line: str) -> None:
    typer.echo(line, err=True)
