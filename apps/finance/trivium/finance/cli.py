"""The finance commands: files in, CSV or reports out, in this process. No broker, no database, no login."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from trivium.service.errors import InputError, TriviumError
from trivium.service.terminal import output_stream, refuse_input, say, stage_bar

if TYPE_CHECKING:
    from trivium.finance.records import Filing
    from trivium.service.evidence import Report
    from trivium.service.store import BlobStore

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

    refuse_input(out, files)
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

    refuse_input(out, files)
    rules = load_policy(policy)
    rows: list[tuple[str, ...]] = []

    def read(path: Path) -> None:
        for filing in _read(path):
            rows.extend(metric_rows(filing, own_values(filing, rules)))

    failed = _for_each(files, read)
    _write(out, METRIC_COLUMNS, rows)
    _finish(failed)


@app.command(epilog="Example: trivium finance compare 10-K_2023.htm 10-K_2024.htm --out report --formats html,json")
def compare(
    files: Files,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write into; made if need be.")],
    formats: Annotated[str, typer.Option(help="Formats, separated by commas; all of them if empty.")] = "",
    lang: Annotated[str, typer.Option(help="Language of the report: en or zh.")] = "en",
    scale: Annotated[
        str,
        typer.Option(help="Of amounts: full, thousand, million, billion, wan or yi; as usual if empty."),
    ] = "",
    policy: PolicyFile = None,
    rates: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Exchange rates for ranks and medians of amounts: a CSV with pair,kind,from,to,rate,source.",
        ),
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COMPANY.METRIC=CONCEPT", help="Take another concept: QRVN.revenue=us-gaap:Revenues. Repeatable."
        ),
    ] = None,
) -> None:
    """Write the comparison report of one or several filings, of one or several companies."""
    from trivium.finance import pipeline
    from trivium.finance.analyze.policy import load_policy
    from trivium.finance.gather import gather
    from trivium.finance.rates import read_rates
    from trivium.service.store import BlobStore

    rules = load_policy(policy)
    overrides = _overrides(override or (), set(rules.rules))
    wanted = tuple(name.strip() for name in formats.split(",") if name.strip()) or _all_formats()
    _refuse_wrong_choices(wanted, lang, scale)
    given = tuple(rate.to_row() for rate in read_rates(rates).rates) if rates else ()
    with tempfile.TemporaryDirectory(prefix="trivium-") as folder:
        store = BlobStore(Path(folder))
        gathered, failures = gather(files, store)
        for error in failures:
            say(error.line)
        if not gathered:
            raise typer.Exit(1)
        sources = tuple(pipeline.SourceFile(one.name, one.sha256) for one in gathered)
        request = pipeline.CompareRequest(sources, wanted, lang, scale, overrides, given)
        with stage_bar("Comparing") as progress:
            report = pipeline.run(request, store=store, models=None, progress=progress, policy=rules)
        _write_report(report, store, out)
    for problem in report.problems:
        say(problem)
    unread = [line for line in report.problems if any(line.startswith(f"{one.name}: ") for one in sources)]
    strangers = _unknown_companies(overrides, report)
    _finish(len(failures) + len(unread) + len(strangers))


@app.command(epilog="Example: trivium finance fetch AAPL --out filings --contact 'Jane Doe jane@example.com'")
def fetch(
    ticker: Annotated[str, typer.Argument(metavar="TICKER", help="Such as AAPL or BRK-B.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder; the files go to DIR/TICKER.")],
    forms: Annotated[str, typer.Option(help="Forms, separated by commas.")] = "10-K,10-Q",
    years: Annotated[int, typer.Option(min=1, max=30, help="How many years back from the newest period.")] = 2,
    contact: Annotated[
        str, typer.Option(help="Your name and e-mail address, which SEC asks for; else TRIVIUM_SEC_CONTACT.")
    ] = "",
) -> None:
    """Fetch a company's filings from the SEC, at its pace; files that are there already are not fetched again."""
    from trivium.finance.edgar import SecClient
    from trivium.finance.fetch import fetch_filings
    from trivium.service.settings import current_settings

    names = [name.strip().upper() for name in forms.split(",") if name.strip()]
    with SecClient(contact or current_settings().sec_contact) as client, stage_bar("Fetching") as progress:
        result = fetch_filings(ticker, out, client=client, forms=names, years=years, progress=progress)
    for file in result.files:
        typer.echo(f"{file.path}" if file.is_new else f"{file.path} (was there)")
    for problem in result.problems:
        say(f"{problem.where}: {problem.what}")
    _finish(len(result.problems))


def _all_formats() -> tuple[str, ...]:
    from trivium.finance.pipeline import FORMATS

    return tuple(FORMATS)


def _refuse_wrong_choices(formats: Sequence[str], lang: str, scale: str) -> None:
    """Stop with exit code 2 before anything is read."""
    from trivium.finance.display import Scale
    from trivium.finance.pipeline import FORMATS
    from trivium.service.text import LANGUAGES

    choices: tuple[tuple[str, Sequence[str], Iterable[str]], ...] = (
        ("--formats", formats, FORMATS),
        ("--lang", (lang,), LANGUAGES),
        ("--scale", [scale] if scale else [], (str(one) for one in Scale)),
    )
    for option, given, known in choices:
        allowed = list(known)
        if strange := [name for name in given if name not in allowed]:
            raise typer.BadParameter(f"{option} {','.join(strange)} is unknown; use {', '.join(allowed)}")


def _overrides(given: Sequence[str], metrics: set[str]) -> dict[str, dict[str, str]]:
    """Read `COMPANY.METRIC=prefix:Concept`, a company in capitals as its ticker is."""
    chosen: dict[str, dict[str, str]] = {}
    for text in given:
        place, equals, concept = text.partition("=")
        company, _, metric = place.rpartition(".")
        if not (equals and company and ":" in concept):
            raise typer.BadParameter(f"--override {text!r} is not COMPANY.METRIC=prefix:Concept")
        if metric not in metrics:
            raise typer.BadParameter(f"--override {text!r}: no metric is called {metric!r}; docs/metrics.md lists them")
        chosen.setdefault(company.strip().upper(), {})[metric] = concept.strip()
    return chosen


def _unknown_companies(overrides: Iterable[str], report: Report) -> list[str]:
    """Name the companies of `--override` that are in none of the files."""
    known = {claim_id.partition("/")[0] for claim_id in report.claims}
    strangers = [company for company in overrides if company not in known]
    for company in strangers:
        say(f"--override {company}: no filing here is this company's; there are {', '.join(sorted(known))}")
    return strangers


def _write_report(report: Report, store: BlobStore, out: Path) -> None:
    path = out
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file in report.files:
            path = out / file.name
            path.write_bytes(store.read(file.sha256))
            typer.echo(str(path))
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})", where=str(path), hint="give another folder"
        ) from error


def _read(path: Path) -> Iterator[Filing]:
    """Yield the filings of a file, with a line on standard error for each thing in it that could not be read."""
    from trivium.finance.parse.reader import read_path

    for filing in read_path(path):
        for problem in filing.problems:
            where = "" if problem.where == str(path) else f"{problem.where}: "
            say(f"{path}: {where}{problem.what}")
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
                say(error.line)
                failed += 1
    return failed


def _write(out: Path | None, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    from trivium.finance.report.delimited import write_csv

    with output_stream(out) as stream:
        write_csv(stream, columns, rows)


def _finish(failed: int) -> None:
    if failed:
        raise typer.Exit(1)
