"""`trivium keys`: the API keys of plants, for the operator. What is changed here counts within 15 seconds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from trivium.service.terminal import list_lines

if TYPE_CHECKING:
    from trivium.service.keys import ApiKey

__all__ = ["app"]

app = typer.Typer(name="keys", help="API keys of plants.", no_args_is_help=True)
_Id = Annotated[str, typer.Argument(help="Id of the key: what follows tvk_.")]
_Owner = Annotated[str, typer.Option(help="Name of the account that answers for the key; the operator when empty.")]


@app.command("list")
def list_keys() -> None:
    """List every key, without its secret.

    Example: trivium keys list
    """
    from trivium.service.database import utc_now
    from trivium.service.people_cli import opened

    with opened() as (_settings, access):
        list_lines((_line(key, utc_now()) for key in access.keys.all()), none="No key has been made.")


@app.command()
def create(
    plant: Annotated[str, typer.Argument(help="Name of the plant or system; what the key makes belongs to it.")],
    scope: Annotated[list[str], typer.Option(help="Permission to give. Can be repeated.")],
    days: Annotated[int, typer.Option(min=0, max=3650, help="Days until it expires; 0 for never.")] = 365,
    owner: _Owner = "",
) -> None:
    """Make a key for a plant and print it, this once.

    Example: trivium keys create plant-7 --scope finance.read --scope finance.run
    """
    from trivium.service.people_cli import opened
    from trivium.service.security_log import OPERATOR

    with opened() as (_settings, access):
        account_id = access.people.named(owner).id if owner else None
        _made, secret = access.keys.create(plant, scope, actor=OPERATOR, account_id=account_id, days=days)
        typer.echo(secret)


@app.command()
def rotate(
    key_id: _Id,
    overlap_hours: Annotated[int, typer.Option(min=0, max=2160, help="Hours that the old key works on.")] = 24,
    owner: _Owner = "",
) -> None:
    """Make a key's successor with the same plant and scopes and print it, this once.

    Example: trivium keys rotate 0a1b2c3d --overlap-hours 48
    """
    from trivium.service.people_cli import opened
    from trivium.service.security_log import OPERATOR

    with opened() as (_settings, access):
        account_id = access.people.named(owner).id if owner else None
        overlap = timedelta(hours=overlap_hours)
        _made, secret = access.keys.rotate(key_id, actor=OPERATOR, account_id=account_id, overlap=overlap)
        typer.echo(secret)


@app.command()
def revoke(key_id: _Id) -> None:
    """Let a key in no more.

    Example: trivium keys revoke 0a1b2c3d
    """
    from trivium.service.people_cli import opened
    from trivium.service.security_log import OPERATOR

    with opened() as (_settings, access):
        key = access.keys.revoke(key_id, actor=OPERATOR)
        typer.echo(f"{key.id} of {key.plant} is revoked")


def _line(key: ApiKey, now: datetime) -> str:
    used = f"used {key.used_at:%Y-%m-%d %H:%M}" if key.used_at else "never used"
    ends = f"until {key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "unlimited"
    words = (key.id, f"{key.plant:16}", f"{key.state(now):8}", f"{used:21}", f"{ends:22}", key.maker)
    return "  ".join((*words, ", ".join(key.scopes)))
