"""The vision commands as part of `trivium`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Questions about pictures; chest films by text; the classifier of films for other engines.",
    no_args_is_help=True,
)


@app.command(epilog="Example: trivium vision vqa questions.json.gz images.zip --out answers.json")
def vqa(
    questions: Annotated[
        Path,
        typer.Argument(metavar="QUESTIONS.json", help="[[question, answer or null, image_id], ...]; gzip is fine."),
    ],
    images: Annotated[Path, typer.Argument(metavar="IMAGES", help="Folder or zip archive with <image_id>.png.")],
    out: Annotated[Path, typer.Option("--out", metavar="F.json", help="File to write: one row a question.")],
) -> None:
    """Answer questions, English or Chinese, about pictures of a coloured shape."""
    from tqdm import tqdm

    from trivium.service.terminal import refuse_input
    from trivium.vision import commands

    refuse_input(out, [questions, images])
    with tqdm(desc="answering", unit="question", file=sys.stderr, disable=not sys.stderr.isatty()) as bar:
        failed = commands.vqa(
            questions,
            images,
            out,
            say=typer.echo,
            warn=_warn,
            progress=bar.update,
        )
    if failed:
        raise typer.Exit(1)


@app.command(epilog="Example: trivium vision export --out exported --int8")
def export(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to.")],
    int8: Annotated[bool, typer.Option("--int8", help="Write a graph in INT8 too.")] = False,
    films: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="PNG and JPEG films to read ranges for INT8 from; drawn films without it. Not stored."
        ),
    ] = None,
) -> None:
    """Write the classifier of chest findings as ONNX, checked against the classifier."""
    from trivium.vision import commands

    commands.export(out, int8=int8, films=films, say=typer.echo)


@app.command(epilog="Example: trivium vision search films --text 'pleural effusion' --out found.json")
def search(
    films: Annotated[Path, typer.Argument(metavar="FILMS", help="Folder of chest films, PNG or JPEG.")],
    out: Annotated[Path, typer.Option("--out", metavar="F.json", help="File to write: one row a match.")],
    text: Annotated[str | None, typer.Option(help="Rank the films by this text, English or Chinese.")] = None,
    sentences: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Rank these sentences, one a line, for each film.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many for the text, or for each film.")] = 10,
) -> None:
    """Find films by a text, or rank sentences for each film. No diagnosis.

    Of the first ten films for a finding one in six shows it, by chance one in twelve; sentences for a film come out no
    better than by how frequent they are.
    """
    from trivium.vision import commands

    if commands.search(films, out, text=text, sentences=sentences, top=top, say=typer.echo, warn=_warn):
        raise typer.Exit(1)


def _warn(line: str) -> None:
    typer.echo(f"trivium: {line}", err=True)
