"""The settings of a deployment: one class, read from `TRIVIUM_*` variables once, at the start of a process.

Secrets are masked wherever they are printed. Not for what an app's user chooses (that is part of a job's request).
"""

from __future__ import annotations

import functools
import ipaddress
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from trivium.service.errors import InputError

__all__ = ["Origin", "Settings", "current_settings", "load_settings", "origins"]

PREFIX = "TRIVIUM_"


def user_data_folder() -> Path:
    """Return the platform's folder for a user's application data, with `trivium` in it."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "Trivium"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Trivium"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "trivium"


class Settings(BaseSettings):
    """Everything an operator can set. Each field is the variable `TRIVIUM_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    home: Path = Field(
        default_factory=user_data_folder, description="Folder of all state: database, blobs, broker, logs."
    )
    database_url: SecretStr = Field(
        default=SecretStr(""), description="SQLAlchemy URL; empty for SQLite in the home folder."
    )
    redis_url: SecretStr = Field(
        default=SecretStr(""), description="URL of a Redis or Valkey server; empty for the embedded one."
    )
    host: str = Field(default="127.0.0.1", description="Address the web server listens on; loopback only.")
    port: int = Field(default=7860, ge=1, le=65535, description="Port of the web server.")
    apps: str = Field(default="", description="Apps to show and start, separated by commas; empty for all.")
    light_processes: int = Field(default=2, ge=1, le=64, description="Processes of a light worker.")
    job_attempts: int = Field(
        default=3, ge=1, le=1000, description="Starts of a job whose worker dies before it is set aside."
    )
    job_retention_days: int = Field(
        default=0, ge=0, le=36500, description="Days that jobs and their files are kept after they ended; 0 for ever."
    )
    max_upload_mib: int = Field(
        default=1024, ge=1, description="Largest upload, all files of one drop together, in MiB."
    )
    sec_contact: str = Field(
        default="", description="Name and e-mail address that SEC asks of programs; empty to ask each user."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Lowest level logged.")

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("host")
    @classmethod
    def _loopback(cls, host: str) -> str:
        if host == "localhost" or _is_loopback(host):
            return host
        raise ValueError(f"{host!r} is not a loopback address; keep 127.0.0.1 and put a reverse proxy in front")

    @field_validator("database_url")
    @classmethod
    def _readable_url(cls, url: SecretStr) -> SecretStr:
        try:
            make_url(url.get_secret_value() or "sqlite://")
        except ArgumentError:
            raise ValueError("not a database URL such as postgresql+psycopg://user:password@host/name") from None
        return url

    @property
    def database(self) -> str:
        """URL of the database, with its password: for `create_engine` only, never for a log."""
        return self.database_url.get_secret_value() or f"sqlite:///{(self.home / 'trivium.db').as_posix()}"

    @property
    def max_upload_bytes(self) -> int:
        """Largest upload in bytes."""
        return self.max_upload_mib * 1024 * 1024

    def prepare_home(self) -> Path:
        """Make the home folder and those inside it, readable by this user only; return it.

        Raises:
            InputError: if the folder cannot be made or written.
        """
        try:
            for folder in (self.home, self.home / "blobs", self.home / "logs"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.name == "posix":
                self.home.chmod(0o700)
        except OSError as error:
            raise InputError(
                f"cannot be used as the home folder ({error.strerror})",
                where=str(self.home),
                hint="set TRIVIUM_HOME to a folder you own",
            ) from error
        return self.home


@dataclass(frozen=True, slots=True)
class Origin:
    """One setting as `trivium config show` prints it: value with secrets masked, origin `environment` or `default`."""

    variable: str
    value: str
    origin: str
    description: str


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        InputError: naming the variable, if a value cannot be used.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        variable = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(message[:1].lower() + message[1:], where=variable) from None


@functools.cache
def current_settings() -> Settings:
    """Return the settings of this process, read once."""
    return load_settings()


def origins(settings: Settings) -> list[Origin]:
    """List every setting with where it came from, secrets masked."""
    names = {name.upper() for name in os.environ}
    listed = []
    for name, field in Settings.model_fields.items():
        variable = PREFIX + name.upper()
        value = getattr(settings, name)
        shown = _masked(value.get_secret_value()) if isinstance(value, SecretStr) else str(value)
        origin = "environment" if variable in names else "default"
        listed.append(Origin(variable, shown, origin, field.description or ""))
    return listed


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _masked(url: str) -> str:
    """Return the URL without what may be secret in it: password and query."""
    if not url:
        return ""
    try:
        return make_url(url).set(query={}).render_as_string(hide_password=True)
    except ArgumentError:
        return "***"
