"""The medical commands: films in, drafts out, in this process. No broker, no database, no login."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from trivium.medical.network import cli as network
from trivium.service.errors import InputError, TriviumError

app = typer.Typer(
    help="Draft radiology reports that show their evidence. Research software, not a medical device.",
    no_args_is_help=True,
)

Films = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="Films: DICOM, PNG or JPEG; gzip is fine.", show_default=False)
]


@app.command(epilog="Example: trivium medical draft chest.dcm chest2.png --out drafts")
def draft(
    files: Films,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder; each film gets DIR/<file stem>/.")],
    lang: Annotated[str, typer.Option(help="Language of the draft: en or zh.")] = "en",
    phrases: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A site's own phrases (TOML), laid over the shipped ones.")
    ] = None,
) -> None:
    """Write DIR/<file stem>/draft.json and draft.txt for each film."""
    from trivium.service.text import LANGUAGES

    if lang not in LANGUAGES:
        raise typer.BadParameter(f"--lang {lang} is unknown; use {', '.join(LANGUAGES)}")
    from trivium.medical import pipeline
    from trivium.medical.narrate import load_phrases
    from trivium.medical.parse.reader import read_path
    from trivium.medical.report import json, text

    words = load_phrases(lang, phrases)
    models = pipeline.Models.load()
    failed = 0
    folders = _folders(files, out)
    with typer.progressbar(
        list(zip(files, folders, strict=True)), label="Drafting", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        for path, folder in bar:
            try:
                made, claims = pipeline.draft_of(read_path(path), models, words)
                _write(folder / "draft.json", json.render(made, claims, models.record()))
                _write(folder / "draft.txt", text.render(made))
            except TriviumError as error:
                typer.echo(error.line, err=True)
                failed += 1
                continue
            for line in made.removed:
                typer.echo(f"{path}: a sentence was left out: {line}", err=True)
            typer.echo(str(folder / "draft.json"))
    if failed:
        raise typer.Exit(1)


@app.command("eval", epilog="Example: trivium medical eval DATA --out figures")
def evaluate_folder(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Folder with films and labels.csv (file, patient_id, labels), or Indiana University's reports: a "
            "folder, .zip or .tgz of XML.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder; gets eval.json and eval.txt.")],
    seed: Annotated[int, typer.Option(help="Seed of the parts and the bootstrap.")] = 1,
    rounds: Annotated[int, typer.Option(min=10, help="Rounds of the bootstrap over patients.")] = 500,
) -> None:
    """Measure the shipped models beside baselines on films with known labels.

    A film or report that cannot be read is named and left out; the exit code is then 1.
    """
    import json

    from trivium.medical.evaluate import evaluate, evaluate_archive, is_archive, left_out_lines, table, text_table
    from trivium.medical.pipeline import Models

    if is_archive(data):
        found = evaluate_archive(data, seed=seed, rounds=rounds)
        counts = f"{found['scored']} of {found['reports']} reports scored; split {found['split']}"
        lines = "\n".join([counts, *left_out_lines(found, "reports"), *text_table(found["texts"])])
    else:
        found = evaluate(data, Models.load(), seed=seed, rounds=rounds)
        lines = table(found)
    _write(out / "eval.json", json.dumps(found, indent=2) + "\n")
    _write(out / "eval.txt", lines + "\n")
    typer.echo(lines)
    for one in found["left_out"]:
        what = f"line {one['line']} of labels.csv was" if "line" in one else "it was"
        typer.echo(f"{data / one['file']}: {one['reason']}; {what} left out", err=True)
    if found["left_out"]:
        raise typer.Exit(1)


network.add_commands(app)


def _folders(files: list[Path], out: Path) -> list[Path]:
    """Return a folder for each file, by its stem; a stem that was there before gets -2, -3 and so on."""
    taken: set[str] = set()
    folders = []
    for path in files:
        stem = (path.with_suffix("") if path.suffix.lower() == ".gz" else path).stem or "film"
        name, count = stem, 1
        while name in taken:
            count += 1
            name = f"{stem}-{count}"
        taken.add(name)
        folders.append(out / name)
    return folders


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})", where=str(path), hint="give another folder"
        ) from error
