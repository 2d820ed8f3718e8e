"""How long it takes from a fresh clone to the first finished report in a browser, step by step.

Clones the checkout's last commit into a temporary folder, runs `make demo` there with a home of its own (packages come
over the network), logs in with the printed link in headless Chromium, drops one filing, and waits for the report.
Needs git, make, a Chromium and the `test` extra. Run: `python benchmarks/first_report.py`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from setting import arguments, setting, verdict

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"http://127\.0\.0\.1:\d+/login\S*")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
SETUP_SECONDS, PAGE_SECONDS = 1800, 180


def main() -> int:
    """Walk the way once, print the seconds of each step, and return the exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--filing", type=Path, help="filing to drop; an invented one of the project by default")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium is installed; on Debian or Ubuntu: apt-get install chromium")
    print(setting(("playwright",), options.seed))
    with tempfile.TemporaryDirectory(prefix="trivium-first-") as folder:
        return _walk(Path(folder), options.filing, chromium)


def _walk(folder: Path, filing: Path | None, chromium: str) -> int:
    clock = _Clock()
    clone = folder / "trivium"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", ROOT.as_uri(), str(clone)], check=True)
    clock.lap("git clone")
    with _demo(clone, folder / "home") as link:
        clock.lap("make demo, to the login link")
        dropped = filing or _invented(folder)
        _see_report(link, dropped, chromium, clock)
    return verdict(True, f"{clock.total:.0f} s from a fresh clone to the first finished report ({dropped.name})")


class _Clock:
    """Prints the seconds of each step."""

    def __init__(self) -> None:
        self._started = self._last = time.perf_counter()

    def lap(self, step: str) -> None:
        """End a step."""
        now = time.perf_counter()
        print(f"  {step:36} {now - self._last:7.1f} s", flush=True)
        self._last = now

    @property
    def total(self) -> float:
        """Seconds from the start to the last step's end."""
        return self._last - self._started


@contextlib.contextmanager
def _demo(clone: Path, home: Path) -> Iterator[str]:
    """Run `make demo` in a process group of its own and yield its login link."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"TRIVIUM_HOME": str(home), "BROWSER": "true"}
    command = ["make", "--no-print-directory", "demo", "APPS=finance", f"PORT={port}"]
    process = subprocess.Popen(
        command,
        cwd=clone,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    printed: list[str] = []
    assert process.stdout is not None
    threading.Thread(target=printed.extend, args=(process.stdout,), daemon=True).start()
    try:
        deadline = time.monotonic() + SETUP_SECONDS
        while not (found := LINK.search("".join(printed))):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"make demo gave no link:\n{''.join(printed)[-2000:]}")
            time.sleep(0.1)
        yield found[0]
    finally:
        os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _invented(folder: Path) -> Path:
    from trivium.finance.samples import write_samples

    return next(path for path in write_samples(folder / "samples") if path.name == "TVMK_10-K_FY2024.htm")


def _see_report(link: str, filing: Path, chromium: str, clock: _Clock) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, headless=True, args=list(FLAGS))
        page = browser.new_context(locale="en-US").new_page()
        page.set_default_timeout(PAGE_SECONDS * 1000)
        page.goto(link)
        page.goto(f"{link.partition('/login')[0]}/finance/")
        page.locator(".tf-zone input").wait_for(state="attached")
        clock.lap("Chromium, login, finance page")
        page.locator(".tf-zone input").set_input_files(filing)
        page.locator(".tf-chosen li", has_text=filing.name).wait_for()
        page.get_by_role("button", name="Compare", exact=True).click()
        page.locator(".tf-cards").wait_for()
        report = page.frame_locator(".tf-frame")
        report.get_by_role("heading", level=1).wait_for()
        clock.lap("filing dropped, report finished")
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
