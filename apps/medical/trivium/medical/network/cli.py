"""The commands that bring films in: a DICOM listener, a watched folder, priors from an archive.

They work on the deployment (`TRIVIUM_HOME`), unlike `draft` and `eval`. No line of theirs names a patient or a file.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from trivium.service.terminal import opened_runtime

__all__ = ["add_commands"]

_OPERATOR = "operator"
_PAUSE_S = 2.0
_Language = Annotated[str, typer.Option(help="Language of the drafts: en or zh.")]


def add_commands(app: typer.Typer) -> None:
    """Add the commands to the app's own."""
    app.command(epilog="Example: TRIVIUM_MEDICAL_DICOM_PORT=11112 trivium medical listen")(listen)
    app.command(epilog="Example: trivium medical watch /srv/films")(watch)
    app.command(epilog="Example: trivium medical priors 0123456789abcdef")(priors)


def listen(
    lang: _Language = "en", parent: Annotated[int, typer.Option(hidden=True, help="Process to end with.")] = 0
) -> None:
    """Take films by DICOM (C-STORE, C-ECHO) until stopped; `trivium up` runs this where a port is set."""
    import signal
    import threading

    from trivium.medical.network.entity import entity_of
    from trivium.medical.network.listener import Listener
    from trivium.service.errors import InputError
    from trivium.service.lifeline import follow_parent
    from trivium.service.settings import current_settings

    settings, stop = current_settings(), threading.Event()
    if not settings.medical_dicom_port:
        raise InputError("is not set", where="TRIVIUM_MEDICAL_DICOM_PORT", hint="11112 is usual")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    follow_parent(parent)
    with opened_runtime() as runtime, Listener(runtime, entity_of(settings), language=_checked(lang)) as listener:
        typer.echo(f"{settings.medical_dicom_title} listens on {settings.medical_dicom_host} port {listener.port}")
        stop.wait()


def watch(
    folder: Annotated[Path, typer.Argument(help="Folder that films are put into: DICOM, PNG or JPEG; gzip is fine.")],
    lang: _Language = "en",
    remove: Annotated[bool, typer.Option("--remove", help="Delete films once they are taken.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Take in what lies there, and end.")] = False,
) -> None:
    """Take in films as they come, and leave a receipt of each in done/ or failed/."""
    from trivium.medical.intake.vault import open_vault
    from trivium.medical.network.folder import take_films
    from trivium.service.errors import UpstreamError

    failed, language = 0, _checked(lang)
    with opened_runtime() as runtime:
        vault = open_vault(runtime.settings)
        while True:
            try:
                for receipt in take_films(folder, runtime=runtime, vault=vault, language=language, removes=remove):
                    failed += receipt["state"] == "failed"
                    told = receipt.get("error") or ("taken" if receipt["is_new"] else "known already")
                    typer.echo(f"{receipt.get('sha256', '')[:12]:12}  {told}")
            except UpstreamError as error:
                if once:
                    raise
                typer.echo(error.line, err=True)
            if once:
                break
            time.sleep(_PAUSE_S)
    if failed:
        raise typer.Exit(1)


def priors(
    study: Annotated[str, typer.Argument(help="Id of the study, as in the worklist.")],
    most: Annotated[int, typer.Option(min=1, max=20, help="Studies to fetch, the newest first.")] = 3,
) -> None:
    """Fetch a patient's earlier films from the archive (C-FIND, C-MOVE); a listener has to run."""
    from trivium.medical.network.entity import entity_of
    from trivium.medical.network.priors import bring_priors

    with opened_runtime() as runtime:
        came = bring_priors(runtime, entity_of(runtime.settings), study, actor=_OPERATOR, most=most)
    typer.echo(f"{study}: {came.films} films of {came.studies} earlier studies")
    if came.problem:
        typer.echo(came.problem, err=True)
        raise typer.Exit(1)


def _checked(language: str) -> str:
    from trivium.service.text import LANGUAGES

    if language not in LANGUAGES:
        raise typer.BadParameter(f"--lang {language} is unknown; use {', '.join(LANGUAGES)}")
    return language
