"""The command `trivium`: the suite's own commands, and the apps' as sub-commands that are imported when used.

Errors are one line on standard error: exit code 1 for what could not be done, 2 for wrong use.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from trivium.service import audit_cli, backup_cli, jobs_cli, keys_cli, people_cli
from trivium.service.app_spec import AppSpec, enabled_apps, require, resolve
from trivium.service.errors import InputError, TriviumError
from trivium.service.terminal import say

__all__ = ["app", "main", "run"]

_INTERRUPTED = 130
_Parent = Annotated[int, typer.Option(hidden=True, help="Process to end with.")]


class _LazyGroup(TyperGroup):
    """Our own commands, and those of the apps; help shows an app's spec, and using one imports the app."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of our commands, then those of the apps."""
        return [*super().list_commands(ctx), *_app_commands()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return one of our commands, or an app's line for the list of commands."""
        own, of_app = super().get_command(ctx, cmd_name), _app_commands().get(cmd_name)
        return own if own or of_app is None else TyperCommand(name=cmd_name, help=of_app[1])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is about to run; an app's is imported here."""
        name, command, rest = super().resolve_command(ctx, args)
        of_app = _app_commands().get(name or "")
        if of_app is None or name in self.commands:
            return name, command, rest
        spec = of_app[0]
        require(spec)
        found: Any = typer.main.get_command(resolve(spec.cli))
        return name, found.commands[name] if spec.commands else found, rest


app = typer.Typer(
    cls=_LazyGroup,
    name="trivium",
    help="Three professional apps on one mixture-of-experts core.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
db = typer.Typer(name="db", help="The database.", no_args_is_help=True)
config = typer.Typer(name="config", help="The settings.", no_args_is_help=True)
app.add_typer(db)
app.add_typer(audit_cli.app)
app.add_typer(jobs_cli.app)
app.add_typer(keys_cli.app)
app.add_typer(people_cli.app)
app.add_typer(config)
app.command()(backup_cli.backup)
app.command()(backup_cli.restore)


def main() -> None:
    """Run the command line of this process and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code: 0 done, 1 could not, 2 wrong use, 130 interrupted."""
    try:
        command = typer.main.get_command(app)
        code = command.main(args=list(arguments), prog_name="trivium", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except TriviumError as error:
        return _complain(error.line, 2 if error.where.startswith("--") else 1)  # an option that cannot be used
    except TyperException as error:
        context = getattr(error, "ctx", None)
        hint = f"; see: {context.command_path} --help" if context else ""
        text = error.format_message().rstrip(".")
        # A group without a command has shown its help already and says nothing more.
        return _complain(text + hint, error.exit_code) if text else error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("TRIVIUM_LOG_LEVEL", "").upper() == "DEBUG":
            traceback.print_exc()
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return _complain("the disk that the result goes to is full; free some of it, or write elsewhere", 1)
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return _complain(f"something went wrong inside Trivium ({text}); TRIVIUM_LOG_LEVEL=DEBUG shows where", 1)


@app.command()
def demo(
    port: Annotated[
        int | None, typer.Option(help="Port to try first; 7860 unless TRIVIUM_PORT says otherwise.")
    ] = None,
) -> None:
    """Start the suite with sample data on this machine and print a login link.

    Example: TRIVIUM_APPS=finance trivium demo
    """
    _run_suite(port, with_samples=True)


@app.command()
def up(
    port: Annotated[
        int | None, typer.Option(help="Port to try first; 7860 unless TRIVIUM_PORT says otherwise.")
    ] = None,
) -> None:
    """Start the suite: broker, migrations, workers and web server.

    Example: trivium up --port 8000
    """
    _run_suite(port, with_samples=False)


@app.command()
def doctor(
    bundle: Annotated[
        Path | None, typer.Option(metavar="FILE.zip", help="Also write what helps to help, without secrets or people.")
    ] = None,
) -> None:
    """Look at everything the suite needs and say what is wrong.

    Example: trivium doctor --bundle trivium-doctor.zip
    """
    from trivium.service.bundle import write_bundle
    from trivium.service.doctor import examine
    from trivium.service.settings import current_settings

    if bundle is not None:
        names = write_bundle(current_settings(), bundle)
        typer.echo(f"Wrote {', '.join(names)} into {bundle}; look through it before you send it.")
    findings = list(examine(current_settings()))
    for finding in findings:
        typer.echo(f"{finding.verdict:5} {finding.what}: {finding.seen}")
    raise typer.Exit(1 if any(finding.verdict == "fail" for finding in findings) else 0)


@app.command()
def worker(
    queues: Annotated[str, typer.Option(help="Queues to work on, separated by commas; all when empty.")] = "",
    sweeper: Annotated[bool, typer.Option(help="Look for lost jobs beside the work.")] = True,
    parent: _Parent = 0,
) -> None:
    """Work on jobs until stopped.

    Example: trivium worker --queues finance
    """
    from trivium.service.worker import run_worker

    names = [name.strip() for name in queues.split(",") if name.strip()]
    run_worker(_logged_settings(), names, parent=parent, with_sweeper=sweeper)


@app.command()
def login(
    break_glass: Annotated[
        str,
        typer.Option(metavar="NAME", help="Let this admin in, as admin only, when nothing else does; it is logged."),
    ] = "",
) -> None:
    """Print a one-time login link for the running suite's first user.

    Example: trivium login --break-glass ann
    """
    from trivium.service.people_cli import print_login_link

    print_login_link(break_glass)


@app.command(hidden=True)
def web(parent: _Parent = 0) -> None:
    """Serve the pages; started by `up` and `demo`.

    Example: trivium web
    """
    from trivium.service.serve import serve_web

    serve_web(_logged_settings(), parent=parent)


@app.command(hidden=True)
def sweeper(parent: _Parent = 0) -> None:
    """Put jobs of dead workers back on the road; started by `up`, `demo` and `worker`.

    Example: trivium sweeper
    """
    from trivium.service.worker import run_sweeper

    run_sweeper(_logged_settings(), parent=parent)


@db.command("upgrade")
def db_upgrade() -> None:
    """Bring the database to this release's schema.

    Example: trivium db upgrade
    """
    from trivium.service import migrate
    from trivium.service.database import Database
    from trivium.service.settings import current_settings

    settings = current_settings()
    settings.prepare_home()
    database = Database(settings.database)
    pending = migrate.pending(database)
    migrate.upgrade(database)
    typer.echo(f"Applied {', '.join(pending)}." if pending else "Nothing to do.")


@config.command("show")
def config_show() -> None:
    """Print each setting, its value with secrets masked, and where it came from.

    Example: trivium config show
    """
    from trivium.service.settings import current_settings, misspelt, origins

    listed = origins(current_settings())
    width = max(len(origin.variable) for origin in listed)
    for origin in listed:
        typer.echo(f"{origin.variable:{width}} {origin.value or '(empty)':44} {origin.origin:12} {origin.description}")
    for name, close in misspelt():
        say(f"{name} is no setting; {close} is")


def _app_commands() -> dict[str, tuple[AppSpec, str]]:
    """Return the apps' commands at the top by name: whose each is, and its line of help."""
    specs = [spec for spec in enabled_apps(os.environ.get("TRIVIUM_APPS", "")) if spec.cli]
    return {name: (spec, line) for spec in specs for name, line in (spec.commands or {spec.name: spec.help}).items()}


def _logged_settings() -> Any:
    """Read the settings and send this process's log lines to standard error as JSON."""
    from trivium.service import logs
    from trivium.service.settings import current_settings

    settings = current_settings()
    logs.configure(settings.log_level)
    return settings


def _run_suite(port: int | None, *, with_samples: bool) -> None:
    from trivium.service import logs
    from trivium.service.settings import current_settings

    try:
        from trivium.service.supervise import run_suite
    except ModuleNotFoundError as error:
        if error.name != "fcntl":
            raise
        raise InputError("the suite needs Linux or macOS", hint="on Windows, use WSL2") from error
    settings = current_settings()
    logs.configure(settings.log_level, file=settings.prepare_home() / "logs" / "supervisor.log")
    if port is not None:
        settings = settings.model_copy(update={"port": port})
    run_suite(settings, with_samples=with_samples, say=lambda line: typer.echo(line))


def _complain(line: str, code: int) -> int:
    typer.echo(f"trivium: {' '.join(line.split())}", err=True)
    return code


if __name__ == "__main__":
    main()
