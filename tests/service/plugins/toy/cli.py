"""The test app's commands."""

import typer

from trivium.service.errors import InputError

app = typer.Typer(no_args_is_help=True)


@app.command()
def count(to: int) -> None:
    """Count.

    Example: trivium toy count 3
    """
    for number in range(to):
        typer.echo(number)


@app.command()
def fail() -> None:
    """Fail in a way that a user can mend."""
    raise InputError("is empty", where="a.htm", hint="give a filing")


@app.command()
def crash() -> None:
    """Fail in a way that only we can mend."""
    raise ZeroDivisionError("by zero\nof all things")
