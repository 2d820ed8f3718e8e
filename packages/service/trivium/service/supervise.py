"""Run the suite in one terminal: broker, migrations, workers and web server as children of one supervisor.

A child that dies is started again; one that keeps dying stops the suite with its last log line. Ctrl-C (or SIGTERM)
stops all of them, and whatever they started. A second supervisor on the same home folder is refused. POSIX only.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import FrameType
from urllib.error import URLError
from urllib.request import urlopen

import structlog

from trivium.service import migrate
from trivium.service.access import Access, check_listening, open_access
from trivium.service.app_spec import WORKERS, AppSpec, enabled_apps, resolve
from trivium.service.broker import EmbeddedBroker
from trivium.service.database import Database
from trivium.service.errors import InputError, UpstreamError
from trivium.service.log_files import last_line, rotate_all
from trivium.service.runtime import open_runtime
from trivium.service.sessions import FIRST
from trivium.service.settings import Settings

__all__ = ["address", "free_port", "login_link", "run_suite", "running_port"]

log = structlog.get_logger(__name__)

_STOP_S = 15.0
_READY_S = 120.0
_RESTARTS = 5
_WATCH_S = 0.2
_RESTART_WINDOW_S = 60.0
_PORTS_TRIED = 50
_LOGS_EVERY_S = 60.0

Say = Callable[[str], None]


@dataclass
class _Child:
    """One supervised process, in a process group of its own, with its log file."""

    name: str
    arguments: list[str]
    environment: dict[str, str]
    log_file: Path
    process: subprocess.Popen[bytes] | None = None
    starts: list[float] = field(default_factory=list)

    def start(self) -> None:
        self.starts.append(time.monotonic())
        with self.log_file.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "trivium.service.cli", *self.arguments, "--parent", str(os.getpid())],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def has_died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def signal(self, number: int) -> None:
        """Signal the whole group: grandchildren, too, and those whose leader is gone."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


class _Stopped(Exception):  # noqa: N818 - not an error: someone pressed Ctrl-C
    """Someone asked the suite to stop."""


def run_suite(settings: Settings, *, with_samples: bool = False, say: Say = print) -> None:
    """Start everything, print a one-time login link, and keep it running until told to stop.

    Args:
        settings: of the deployment; a port that is taken is named, and the next free one is used.
        with_samples: also write the apps' sample files and hand them to the apps.
        say: prints a line for the person at the terminal.

    Raises:
        InputError: if another supervisor uses the same home folder, or a setting cannot be used.
        UpstreamError: if a part does not come up.
    """
    apps = enabled_apps(settings.apps)
    with _only_one(settings.prepare_home()):
        port = free_port(settings.host, settings.port, say)
        settings = settings.model_copy(update={"port": port})
        (settings.home / "port").write_text(str(port), encoding="ascii")
        database = Database(settings.database)
        migrate.upgrade(database)
        access = open_access(settings, apps, database)
        check_listening(settings, access.people)
        durability = settings.ingest_durability
        own = not settings.redis_url.get_secret_value()
        broker = EmbeddedBroker(settings.home, appendfsync=durability) if own else None
        children = _children(settings, apps)
        _stop_on_signals()
        try:
            if broker:
                broker.start()
            for child in children:
                child.start()
            _await_ready(settings, children)
            if with_samples:
                _hand_out_samples(settings, apps, say)
                companions = _companions(settings, apps)
                children += companions
                for child in companions:
                    child.start()
            for spec in apps:
                if spec.missing:
                    say(f"{spec.name} is not installed: {spec.install_line}")
            say(_welcome_line(settings, access))
            say("Ctrl-C stops everything; what you did is kept.")
            _watch(children, broker, settings.home / "logs")
        except _Stopped:
            say("Stopping.")
        finally:
            _stop(children)
            if broker:
                broker.stop()
            database.close()


def address(settings: Settings) -> str:
    """Return the address to open in a browser on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - read, not bound
    return f"http://{_url_host(host)}:{settings.port}{settings.root_path}"


def login_link(
    settings: Settings, access: Access, account_id: str, *, via: str = "link", life: timedelta = timedelta(hours=24)
) -> str:
    """Make a one-time link that logs an account in."""
    token = access.sessions.make_link_token(account_id, via=via, life=life)
    return f"{address(settings)}/login?token={token}"


def _welcome_line(settings: Settings, access: Access) -> str:
    """Say how to get in: by a link that leads to making an account, or by the account that there is."""
    first = access.first()
    if first is None:
        return f"Log in at {address(settings)}"
    link = login_link(settings, access, first.id, via=FIRST)
    return f"Open this link to log in and make your account (once, within a day): {link}"


def running_port(settings: Settings) -> int:
    """Return the port that the suite on this home folder listens on, or did when it last ran."""
    try:
        return int((settings.home / "port").read_text(encoding="ascii"))
    except FileNotFoundError:
        return settings.port


def free_port(host: str, port: int, say: Say) -> int:
    """Return the port, or the next free one; a taken port is named.

    Raises:
        InputError: if fifty ports in a row are taken, or the address is not of this machine.
    """
    for candidate in range(port, min(port + _PORTS_TRIED, 65536)):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise InputError(f"cannot listen on {host} ({error.strerror})", where="TRIVIUM_HOST") from error
                say(f"Port {candidate} is taken; trying {candidate + 1}.")
                continue
        return candidate
    raise InputError(f"no free port from {port} on", where="TRIVIUM_PORT", hint="set another one")


def _children(settings: Settings, apps: tuple[AppSpec, ...]) -> list[_Child]:
    """One web server, a worker for each kind of queue that the apps have, what else they run, one sweeper for all."""
    environment = _environment(settings)
    logs = settings.home / "logs"
    children = [_Child("web", ["web"], environment, logs / "web.log")]
    for kind in WORKERS:
        working = [spec for spec in apps if spec.tasks and not spec.missing]
        queues = [queue.name for spec in working for queue in spec.queues if queue.worker == kind and not queue.missing]
        if queues:
            arguments = ["worker", "--no-sweeper", "--queues", ",".join(queues)]
            children.append(_Child(f"worker-{kind}", arguments, environment, logs / f"worker-{kind}.log"))
    for spec in apps:
        for words in resolve(spec.children)(settings) if spec.children and not spec.missing else ():
            name = "-".join(words)
            children.append(_Child(name, list(words), environment, logs / f"{name}.log"))
    if len(children) > 1:
        children.append(_Child("sweeper", ["sweeper"], environment, logs / "sweeper.log"))
    return children


def _companions(settings: Settings, apps: tuple[AppSpec, ...]) -> list[_Child]:
    """What the apps want to run beside a demo."""
    environment, logs = _environment(settings), settings.home / "logs"
    return [
        _Child(f"demo-{spec.name}", list(spec.companion), environment, logs / f"demo-{spec.name}.log")
        for spec in apps
        if spec.companion and not spec.missing
    ]


def _environment(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "TRIVIUM_HOME": str(settings.home),
        "TRIVIUM_PORT": str(settings.port),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }


def _await_ready(settings: Settings, children: list[_Child]) -> None:
    url = f"{address(settings)}/readyz"
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        for child in children:
            if child.has_died:
                raise UpstreamError(f"did not start: {last_line(child.log_file)}", where=child.name)
        try:
            with urlopen(url, timeout=5):  # noqa: S310 - our own address
                return
        except (URLError, OSError):  # not listening yet
            time.sleep(0.2)
    raise UpstreamError(f"was not ready after {_READY_S:.0f} s", where="web", hint=f"see {children[0].log_file}")


def _hand_out_samples(settings: Settings, apps: tuple[AppSpec, ...], say: Say) -> None:
    runtime = open_runtime(settings, apps=apps)
    try:
        for spec in apps:
            if spec.samples and not spec.missing:
                folder = settings.home / "samples" / spec.name
                folder.mkdir(parents=True, exist_ok=True)
                files = resolve(spec.samples)(folder)
                say(f"Sample files for {spec.name}: {folder} ({len(files)} files)")
                if spec.seed:
                    resolve(spec.seed)(runtime, files)
    finally:
        runtime.close()


def _watch(children: list[_Child], broker: EmbeddedBroker | None, logs: Path) -> None:
    logs_due = time.monotonic()
    while True:
        time.sleep(_WATCH_S)
        if time.monotonic() >= logs_due:
            logs_due = time.monotonic() + _LOGS_EVERY_S
            rotate_all(logs)
        if broker and broker.poll() is not None:
            log.error("broker.died", code=broker.poll())
            broker.start()
        for child in children:
            if child.has_died:
                _restart(child)


def _restart(child: _Child) -> None:
    """Start a child again; one that ends by itself again and again will not get better."""
    assert child.process is not None
    log.error("child.died", child=child.name, code=child.process.returncode)
    child.signal(signal.SIGKILL)  # what is left of its group
    if child.process.returncode == -signal.SIGKILL:  # from outside: an operator, or a machine short of memory
        child.starts.clear()
    recent = [start for start in child.starts if time.monotonic() - start < _RESTART_WINDOW_S]
    if len(recent) > _RESTARTS:
        raise UpstreamError(f"keeps dying: {last_line(child.log_file)}", where=child.name)
    child.start()


def _stop(children: list[_Child]) -> None:
    """Stop the children and their groups: ask, wait, then kill."""
    _ignore_signals()
    for child in children:
        if child.process is not None and not child.has_died:
            child.process.terminate()
    deadline = time.monotonic() + _STOP_S
    for child in children:
        if child.process is not None:
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(max(deadline - time.monotonic(), 0.1))
            child.signal(signal.SIGKILL)
            child.process.wait()


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the home folder's lock; the kernel lets go of it when the process ends in any way."""
    with (home / "supervisor.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise InputError(
                f"Trivium runs here already (process {lock.read().strip() or 'unknown'})",
                where=str(home),
                hint="stop it, or set TRIVIUM_HOME to another folder",
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _stop_on_signals() -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        _ignore_signals()
        raise _Stopped

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def _ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
