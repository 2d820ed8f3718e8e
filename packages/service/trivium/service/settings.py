"""The settings of a deployment: one class, read from `TRIVIUM_*` variables once, at the start of a process.

Secrets are masked wherever they are printed. Not for what an app's user chooses (that is part of a job's request).
"""

from __future__ import annotations

import difflib
import functools
import ipaddress
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from trivium.service.errors import InputError

__all__ = ["Origin", "Settings", "current_settings", "load_settings", "misspelt", "origins"]

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
    host: str = Field(default="127.0.0.1", description="Address to listen on; others than loopback need an account.")
    port: int = Field(default=7860, ge=1, le=65535, description="Port of the web server.")
    root_path: str = Field(
        default="", description="Path that a proxy serves the suite under, such as /trivium; empty for /."
    )
    apps: str = Field(default="", description="Apps to show and start, separated by commas; empty for all.")
    light_processes: int = Field(default=2, ge=1, le=64, description="Processes of a light worker.")
    worker_niceness: int = Field(
        default=5, ge=0, le=19, description="How far jobs yield the processor to pages: 0 not at all, 19 always."
    )
    job_attempts: int = Field(
        default=3, ge=1, le=1000, description="Starts of a job whose worker dies before it is set aside."
    )
    job_retention_days: int = Field(
        default=0, ge=0, le=36500, description="Days that jobs and their files are kept after they ended; 0 for ever."
    )
    max_upload_mib: int = Field(
        default=1024, ge=1, description="Largest upload, all files of one drop together, in MiB."
    )
    session_hours: int = Field(
        default=168, ge=1, le=8760, description="Hours after which a session ends, whatever is done in it."
    )
    session_idle_minutes: str = Field(
        default="720,admin=60",
        description="Minutes after which an idle session ends: for everybody, then by role (finance:analyst=30).",
    )
    oidc_issuer: str = Field(
        default="", description="Address of an OpenID Connect provider that people log in with; empty for none."
    )
    oidc_client_id: str = Field(default="", description="What the provider calls this deployment.")
    oidc_client_secret: SecretStr = Field(
        default=SecretStr(""), description="What this deployment shows the provider; empty for a public client."
    )
    oidc_groups_claim: str = Field(default="groups", description="Claim that lists a person's groups.")
    oidc_roles: str = Field(
        default="",
        description="Roles by group of the provider: radiology=medical:radiologist; it=admin. No group, no access.",
    )
    sec_contact: str = Field(
        default="", description="Name and e-mail address that SEC asks of programs; empty to ask each user."
    )
    ingest_durability: Literal["everysec", "always"] = Field(
        default="everysec",
        description="When the broker's log reaches the disk: every second (survives kill -9), or before each answer.",
    )
    ingest_rows_per_s: int = Field(
        default=0, ge=0, description="Rows that each plant may send a second, unless its own quota is set; 0 for any."
    )
    ingest_backlog_mib: int = Field(
        default=512, ge=1, description="Readings that may wait to be stored, all plants together, in MiB."
    )
    webhook_urls: str = Field(
        default="", description="Addresses that are told of maintenance alerts, separated by commas; empty for none."
    )
    webhook_secret: SecretStr = Field(
        default=SecretStr(""),
        validate_default=True,
        description="What those messages are signed with, 16 characters or more.",
    )
    medical_identity: Literal["keep", "discard"] = Field(
        default="keep",
        description="What becomes of a patient's name and numbers: kept encrypted beside the study, or discarded.",
    )
    medical_key: SecretStr = Field(
        default=SecretStr(""),
        description="32 bytes in base64 that identities are sealed with; empty for a key made in the home folder.",
    )
    medical_step_up_minutes: int = Field(
        default=5, ge=0, le=60, description="Minutes after a PIN or password within which signing asks for none again."
    )
    medical_second_reader: bool = Field(
        default=False, description="Whether a draft is hidden until the reader has committed to findings of their own."
    )
    medical_drafts: bool = Field(default=True, description="Whether drafts are made; off, studies open blank.")
    traces_url: str = Field(
        default="", description="OTLP collector that is told how long requests and jobs take; empty for none."
    )
    medical_dicom_port: int = Field(
        default=0, ge=0, le=65535, description="Port that films are taken on by DICOM (C-STORE, C-ECHO); 0 for none."
    )
    medical_dicom_host: str = Field(
        default="127.0.0.1", description="Address of that port; others than loopback need a list of callers."
    )
    medical_dicom_title: str = Field(default="TRIVIUM", description="Our application entity title.")
    medical_dicom_callers: str = Field(
        default="", description="Titles of those who may call, separated by commas; empty for anybody on this machine."
    )
    medical_dicom_stat_callers: str = Field(
        default="", description="Titles of callers whose films are STAT, such as an emergency room's; empty for none."
    )
    medical_dicom_certificate: str = Field(
        default="", description="PEM file with certificate chain and key: DICOM by TLS only; empty for plain."
    )
    medical_dicom_authorities: str = Field(
        default="", description="PEM file of authorities; callers then show a certificate of theirs."
    )
    medical_archive: str = Field(
        default="",
        description="TITLE@HOST:PORT of an archive to fetch earlier films from; empty for none.",
    )
    medical_archive_authorities: str = Field(
        default="", description="PEM file of authorities of the archive's certificate: it is asked by TLS; else plain."
    )
    medical_archive_certificate: str = Field(
        default="", description="PEM file with certificate chain that we show to the archive, and its key; or none."
    )
    medical_archive_key: str = Field(
        default="", description="PEM file of that certificate's key, where it is in a file of its own."
    )
    medical_destination: str = Field(
        default="", description="TITLE@HOST:PORT of the archive that signed reports are sent to; empty for none."
    )
    medical_destination_pdf: bool = Field(
        default=False, description="Whether each report is sent as a PDF, too, for archives that show no SR."
    )
    medical_destination_authorities: str = Field(
        default="", description="PEM file of authorities of its certificate: it is called by TLS; else plain."
    )
    medical_destination_certificate: str = Field(
        default="", description="PEM file with certificate chain that we show to it, and its key; or none."
    )
    medical_destination_key: str = Field(
        default="", description="PEM file of that certificate's key, where it is in a file of its own."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Lowest level logged.")

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("host")
    @classmethod
    def _address(cls, host: str) -> str:
        if host == "localhost":
            return host
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise ValueError(f"{host!r} is no IP address; use 127.0.0.1, or 0.0.0.0 for all of this machine") from None
        return host

    @field_validator("root_path")
    @classmethod
    def _plain_path(cls, path: str) -> str:
        if path.strip("/") and not re.fullmatch(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?", path):
            raise ValueError(f"{path!r} is not a path such as /trivium")
        return path.rstrip("/")

    @field_validator("webhook_secret")
    @classmethod
    def _signed_webhooks(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        if info.data.get("webhook_urls") and len(secret.get_secret_value()) < 16:
            raise ValueError("webhooks are signed: give 16 characters or more beside TRIVIUM_WEBHOOK_URLS")
        return secret

    @field_validator("session_idle_minutes")
    @classmethod
    def _readable_minutes(cls, text: str) -> str:
        _idle_minutes(text)
        return text

    @field_validator("oidc_issuer")
    @classmethod
    def _safe_issuer(cls, url: str) -> str:
        parts = urlsplit(url)
        is_local = parts.scheme == "http" and _is_loopback(parts.hostname or "")
        if url and not (parts.scheme == "https" and parts.hostname) and not is_local:
            raise ValueError(f"{url!r} is not an https address")
        return url

    @field_validator("traces_url")
    @classmethod
    def _collector(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username):
            raise ValueError("not an address such as http://127.0.0.1:4318/v1/traces, without name and password")
        return url

    @field_validator("oidc_roles")
    @classmethod
    def _readable_groups(cls, text: str) -> str:
        _roles_by_group(text)
        return text

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
    def is_loopback(self) -> bool:
        """Whether only this machine reaches the web server."""
        return _is_loopback(self.host)

    @property
    def idle_minutes(self) -> tuple[int, dict[str, int]]:
        """Idle time of a session in minutes: for everybody, and by role."""
        return _idle_minutes(self.session_idle_minutes)

    @property
    def roles_by_group(self) -> dict[str, tuple[str, ...]]:
        """What each group of the identity provider is given."""
        return _roles_by_group(self.oidc_roles)

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


def misspelt() -> Iterator[tuple[str, str]]:
    """Yield each variable of the environment that looks like a setting and is none, and the setting it looks like."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            for close in difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.9):
                yield name, close


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _idle_minutes(text: str) -> tuple[int, dict[str, int]]:
    """Read `720,admin=60`."""
    first, *others = [part.strip() for part in text.split(",")]
    by_role = {role.strip(): minutes.strip() for role, _, minutes in (part.rpartition("=") for part in others)}
    numbers = [first, *by_role.values()]
    if "" in by_role or not all(number.isdecimal() and 1 <= int(number) <= 525600 for number in numbers):
        raise ValueError(f"{text!r} is not minutes for everybody, then by role, such as 720,admin=60")
    return int(first), {role: int(minutes) for role, minutes in by_role.items()}


def _roles_by_group(text: str) -> dict[str, tuple[str, ...]]:
    """Read `radiology=medical:radiologist; it=admin`; a group may have `=` in its name and may come several times."""
    found: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        group, _, role = (word.strip() for word in part.rpartition("="))
        if not group or not role:
            raise ValueError(f"{part!r} is not GROUP=ROLE; write radiology=medical:radiologist; it=admin")
        found[group] = (*found.get(group, ()), role)
    return found


def _masked(url: str) -> str:
    """Return the URL without what may be secret in it: password and query."""
    if not url:
        return ""
    if "://" not in url:
        return "***"
    try:
        return make_url(url).set(query={}).render_as_string(hide_password=True)
    except ArgumentError:
        return "***"
