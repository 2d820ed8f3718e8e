"""`trivium doctor --bundle`: one zip to send to whoever helps, without secrets, people or content.

In it: what the doctor saw, settings with secrets masked, figures, versions, counts of jobs, and the ends of the logs.
Known secrets are struck out wherever they stand; persons, addresses and e-mail become short marks that are the same
within one bundle, so that lines can still be followed. Blobs, rows, titles and files never go in.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import zipfile
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import func, select

from trivium.service import migrate, tables
from trivium.service.audit_head import KEY_FILE
from trivium.service.database import Database
from trivium.service.doctor import examine
from trivium.service.errors import InputError, TriviumError
from trivium.service.settings import Settings, origins

__all__ = ["Redactor", "write_bundle"]

_TAIL_BYTES = 1 << 20
_PERSONAL = ("user", "actor", "subject", "owner", "name", "address", "title", "account", "account_id", "file", "path")
_FIELD = re.compile(rf'("(?:{"|".join(_PERSONAL)})":\s*")((?:[^"\\]|\\.)*)(")')
_NAMED = r"(?i)((?:token|password|secret|api[_-]?key|authorization)[\"']?\s{0,3}[=:]\s{0,3}[\"']?)"
# Every repetition is bounded: a log may hold a megabyte without a blank.
_STRUCK = (
    (re.compile(r"(?i)\b(bearer|basic)\s{1,3}\S+"), r"\1 ***"),
    (re.compile(_NAMED + r"(?!bearer|basic)[^\s\"'&,;]+"), r"\1***"),
    (re.compile(r"(\w{1,20}://)[^/\s:@]{0,200}:[^/\s@]{1,200}@"), r"\1***@"),
)
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,100}")
_LEAST_SECRET = 6


class Redactor:
    """Strikes out secrets, and turns what names a person into marks.

    Args:
        known: secrets of this deployment, struck out wherever they stand.
    """

    def __init__(self, known: Iterator[str] | tuple[str, ...] = ()) -> None:
        self._known = sorted({text for text in known if len(text) >= _LEAST_SECRET}, key=len, reverse=True)
        self._salt = secrets.token_bytes(16)  # marks of two bundles cannot be held side by side

    def clean(self, text: str) -> str:
        """Return a text without what must not leave."""
        for secret in self._known:
            text = text.replace(secret, "***")
        for pattern, put in _STRUCK:
            text = pattern.sub(put, text)
        text = _FIELD.sub(lambda found: f"{found[1]}{self._mark(found[2])}{found[3]}", text)
        return _MAIL.sub(lambda found: self._mark(found[0]), text)

    def _mark(self, value: str) -> str:
        if not value:
            return value
        return f"<{hashlib.sha256(self._salt + value.encode()).hexdigest()[:8]}>"


def write_bundle(settings: Settings, out: Path) -> list[str]:
    """Write the bundle; return the names of what is in it.

    Raises:
        InputError: if the file is there already or cannot be written.
    """
    redactor = Redactor(tuple(_secrets(settings)))
    names = []
    try:
        with zipfile.ZipFile(out, "x", zipfile.ZIP_DEFLATED) as archive:
            for name, text in _parts(settings):
                archive.writestr(name, redactor.clean(text))
                names.append(name)
    except FileExistsError as error:
        raise InputError("is there already", where=str(out), hint="name a new file") from error
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(out)) from error
    out.chmod(0o600)
    return names


def _parts(settings: Settings) -> Iterator[tuple[str, str]]:
    yield "doctor.txt", "\n".join(f"{seen.verdict:5} {seen.what}: {seen.seen}" for seen in examine(settings))
    yield "settings.txt", "\n".join(f"{item.variable} = {item.value} ({item.origin})" for item in origins(settings))
    packages = sorted(f"{found.metadata['Name']}=={found.version}" for found in distributions())
    yield "packages.txt", "\n".join(packages)
    yield "database.json", _database(settings)
    for path in sorted((settings.home / "logs").glob("*.log")):
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
            yield f"logs/{path.name}", file.read().decode(errors="replace")


def _database(settings: Settings) -> str:
    """Return schema and counts; what went wrong when they cannot be read."""
    database = Database(settings.database)
    job = tables.job
    try:
        found = {"schema": migrate.heads(database), "pending": migrate.pending(database)}
        with database.read() as connection:
            kinds = (job.c.app, job.c.kind, job.c.state)
            counted = connection.execute(select(*kinds, func.count()).group_by(*kinds))
            found["jobs"] = [f"{app}.{kind} {state} {count}" for app, kind, state, count in counted]
        return json.dumps(found, indent=1)
    except TriviumError as error:
        return json.dumps({"error": error.line})
    finally:
        database.close()


def _secrets(settings: Settings) -> Iterator[str]:
    """Yield every secret that this deployment knows as a text."""
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
    for path in (settings.home / "valkey" / "password", settings.home / KEY_FILE):
        if path.exists():
            yield from (line for line in path.read_text(errors="replace").splitlines() if not line.startswith("-----"))
