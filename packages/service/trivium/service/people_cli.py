"""`trivium people`: the accounts of a deployment, as its operator. What is changed here counts within 15 seconds."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trivium.service.errors import InputError
from trivium.service.terminal import list_lines

if TYPE_CHECKING:
    from trivium.service.access import Access
    from trivium.service.people import Account
    from trivium.service.settings import Settings

__all__ = ["app", "opened", "print_login_link"]

app = typer.Typer(name="people", help="Who may log in, and what they may do.", no_args_is_help=True)
_Name = Annotated[str, typer.Argument(help="Name that the person logs in with.")]
_Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")]
_BREAK_GLASS_LIFE = timedelta(minutes=15)


@app.command()
def add(
    name: _Name,
    role: Annotated[list[str] | None, typer.Option(help="Role to give: admin, or app:role. Can be repeated.")] = None,
    language: Annotated[str, typer.Option(help="Language of their pages, en or zh; the browser's when empty.")] = "",
    password_stdin: _Stdin = False,
) -> None:
    """Add a person and print a one-time link with which they set their password.

    Example: trivium people add ann --role admin --role finance:analyst
    """
    from trivium.service.security_log import OPERATOR

    password = _read_password() if password_stdin else ""
    with opened() as (settings, access):
        account = access.people.add(name, role or (), actor=OPERATOR, password=password, language=language)
        typer.echo(_line(account))
        if not password:
            _print_invitation(settings, access, account)


@app.command("list")
def list_people(
    as_csv: Annotated[bool, typer.Option("--csv", help="A table, as `import` reads it.")] = False,
) -> None:
    """List everybody with their roles.

    Example: trivium people list --csv > people.csv
    """
    from trivium.service.people_csv import write_people

    with opened() as (_settings, access):
        if as_csv:
            write_people(access.people.all(), sys.stdout)
            return
        list_lines(map(_line, access.people.all()), none="There is no account yet.")


@app.command("import")
def import_people(
    table: Annotated[Path, typer.Argument(help="CSV with the columns name, roles (separated by blanks), language.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    links: Annotated[Path | None, typer.Option(help="New file for the one-time links, in place of printing.")] = None,
) -> None:
    """Add the people of a table, each with a one-time link, and give those who are there its roles; others stay.

    Example: trivium people import people.csv --dry-run
    """
    from trivium.service.people_csv import changes, read_people
    from trivium.service.security_log import OPERATOR
    from trivium.service.supervise import login_link

    with opened() as (settings, access), _link_table(None if dry_run else links) as give:
        try:
            with table.open(encoding="utf-8-sig", newline="") as stream:
                wanted = read_people(stream, table.name, access.roles)
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})", where=str(table)) from error
        for change in changes(wanted, access.people.all(), access.roles):
            one, account = change.wanted, change.account
            typer.echo(f"{change.what:9} {one.name:24} {', '.join(one.roles) or '(no role)'}")
            if dry_run:
                continue
            if account is None:
                account = access.people.add(one.name, one.roles, actor=OPERATOR, language=one.language)
                give(account.name, login_link(settings, access, account.id, via="invite"))
            elif change.what == "roles":
                access.people.set_roles(account.id, one.roles, actor=OPERATOR)


@app.command()
def disable(name: _Name) -> None:
    """Let a person in no more; their sessions end, and so do the API keys that answer to them.

    Example: trivium people disable ann
    """
    from trivium.service.database import utc_now
    from trivium.service.security_log import OPERATOR

    with opened() as (_settings, access):
        account = access.people.set_disabled(access.people.named(name).id, True, actor=OPERATOR)
        typer.echo(_line(account))
        for key in access.keys.all():
            if key.maker == account.name and key.state(utc_now()) == "orphaned":
                typer.echo(f"  its key {key.id} of {key.plant} stops; hand it over with: trivium keys rotate {key.id}")


@app.command()
def enable(name: _Name) -> None:
    """Let a disabled person in again.

    Example: trivium people enable ann
    """
    from trivium.service.security_log import OPERATOR

    with opened() as (_settings, access):
        typer.echo(_line(access.people.set_disabled(access.people.named(name).id, False, actor=OPERATOR)))


@app.command()
def roles(
    name: _Name,
    role: Annotated[list[str] | None, typer.Argument(help="The roles to have from now on; none to only list.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Take all roles away.")] = False,
) -> None:
    """Show a person's roles, or give them exactly these.

    Example: trivium people roles ann finance:analyst
    """
    from trivium.service.security_log import OPERATOR

    if role and none:
        raise InputError("takes no roles beside it", where="--none")
    with opened() as (_settings, access):
        account = access.people.named(name)
        if role or none:
            account = access.people.set_roles(account.id, role or (), actor=OPERATOR)
        typer.echo(_line(account))
        if not (role or none):
            typer.echo(f"  known roles: {', '.join(access.roles.names)}")


@app.command()
def password(
    name: _Name,
    password_stdin: _Stdin = False,
    link: Annotated[bool, typer.Option("--link", help="Take the password away and print a one-time link.")] = False,
) -> None:
    """Set a person's password, or print a link with which they set it; their sessions end.

    Example: trivium people password ann --link
    """
    from trivium.service.security_log import OPERATOR

    with opened() as (settings, access):
        account = access.people.named(name)
        if link:
            _print_invitation(settings, access, access.people.invite(account.id, actor=OPERATOR))
            return
        given = _read_password() if password_stdin else _ask_password()
        typer.echo(_line(access.people.set_password(account.id, given, actor=OPERATOR)))


def print_login_link(break_glass: str) -> None:
    """Print the first user's link; once accounts exist, only an admin's, which holds the role admin alone.

    Raises:
        InputError: if the first user has an account by now, or the person is no admin.
    """
    from trivium.service.roles import ADMIN
    from trivium.service.security_log import OPERATOR
    from trivium.service.sessions import BREAK_GLASS
    from trivium.service.supervise import address, login_link

    with opened() as (settings, access):
        if break_glass:
            account = access.people.named(break_glass)
            if ADMIN not in account.roles or account.is_disabled:
                what = "is disabled" if account.is_disabled else "does not have the role admin"
                raise InputError(what, where=account.name, hint="see: trivium people list")
            access.security.record("link.break_glass", actor=OPERATOR, subject=account.id)
            typer.echo(login_link(settings, access, account.id, via=BREAK_GLASS, life=_BREAK_GLASS_LIFE))
            typer.echo("Works once, within 15 minutes, with the role admin alone. This is on record.", err=True)
            return
        first = access.first()
        if first is None:
            hint = "forgotten: trivium people password NAME --link; nobody can: trivium login --break-glass NAME"
            raise InputError(f"log in with your account at {address(settings)}", hint=hint)
        typer.echo(login_link(settings, access, first.id))


@contextmanager
def opened() -> Iterator[tuple[Settings, Access]]:
    """Open what decides who may come in, of the deployment that the settings name."""
    from trivium.service import logs, migrate
    from trivium.service.access import open_access
    from trivium.service.app_spec import enabled_apps
    from trivium.service.database import Database
    from trivium.service.settings import current_settings
    from trivium.service.supervise import running_port

    settings = current_settings()
    folder = settings.prepare_home() / "logs"
    logs.configure(settings.log_level, file=folder / "security.log")
    settings = settings.model_copy(update={"port": running_port(settings)})
    database = Database(settings.database)
    try:
        migrate.check(database)
        yield settings, open_access(settings, enabled_apps(settings.apps), database)
    finally:
        database.close()


@contextmanager
def _link_table(path: Path | None) -> Iterator[Callable[[str, str], object]]:
    """Yield what takes a name and a link: it prints them, or writes them to a new file of the operator's own."""
    if path is None:
        yield lambda name, link: typer.echo(f"Give this link to {name} (once, within a day): {link}")
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InputError(f"cannot be made ({error.strerror})", where=str(path), hint="name a new file") from error
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(("name", "link"))
        yield lambda name, link: table.writerow((name, link))


def _print_invitation(settings: Settings, access: Access, account: Account) -> None:
    from trivium.service.supervise import login_link

    link = login_link(settings, access, account.id, via="invite")
    typer.echo(f"Give this link to {account.name} (once, within a day): {link}")


def _read_password() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _ask_password() -> str:
    if not sys.stdin.isatty():
        raise InputError("there is no terminal to ask for a password", hint="use --password-stdin or --link")
    return str(typer.prompt("New password", hide_input=True, confirmation_prompt=True))


def _line(account: Account) -> str:
    how = "external" if account.is_external else "password" if account.has_password else "no password"
    state = "disabled" if account.is_disabled else how
    last = f"last login {account.logged_in_at:%Y-%m-%d %H:%M}" if account.logged_in_at else "never logged in"
    return f"{account.name:24} {state:12} {last:28} {', '.join(account.roles) or '(no role)'}"
