"""A real broker, mosquitto, of a test's own."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.service.suite import missing


def wait_for(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait until something holds; fail when it does not come to that."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def find_program(name: str) -> str:
    """Return the path of a program of mosquitto's; skip the test where it is not installed."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        missing(name)
    return str(found)


class Mosquitto:
    """Keeps its sessions on disk.

    Args:
        settings: lines of its configuration; anybody is let in without any.
    """

    def __init__(self, folder: Path, settings: str = "allow_anonymous true") -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\n{settings}\npersistence true\npersistence_location {folder}/\n"
            "autosave_interval 1\nautosave_on_changes true\nuser root\n"
        )
        self._command = [find_program("mosquitto"), "-c", str(self._config)]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("mosquitto does not listen")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def reload(self) -> None:
        """Have it read its passwords anew."""
        self._process.send_signal(signal.SIGHUP)
