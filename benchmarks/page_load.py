"""From when a click is due to what a person sees of it, with fifty tabs open and three long jobs: the whole suite.

`trivium up` on a home folder and a port of its own serves all installed apps. Fifty tabs ask as the pages' scripts do,
over HTTP and without a browser: 40 follow a job (ETag, waits from 0.5 to 8 s), 5 hold a worklist and 5 a fleet open.
Three comparisons of sample filings are always under way. Ten people, each with an account and a page in one real
Chromium on this machine, do one thing every five seconds, each at its time whether the one before has ended or not:
four go through jobs and start small ones anew, two compare files, two filter the worklist, two look at a plant.

Measured is from the time at which a click is due to the frame that shows what it asks for. Until its event is made in
the browser is the driver's part, told beside it: the two input events go by Playwright's Python, its Node process and
the browser's main process (5 ms on an idle core, more while jobs have the cores), and nothing else is done then
(`page_people.py`). Driver and browser run on the cores that serve, and so do the tabs (`page_tabs.py`). Opening the
finance page is shown and not counted: there the browser builds a whole Gradio page, and shows that it does. Processor
seconds of each part stand behind the times; `--memory` adds the proportional memory of each part of the suite, and
`--demo` how long `trivium demo` takes to start with the sample data of all apps.
Run: `python benchmarks/page_load.py --seed 1 --seconds 120`. Exits with 1 unless the p95 of all clicks is <= 300 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import math
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import processes
import structlog
from page_people import SMALL, Click, Person
from page_tabs import Answers, OpenTabs
from PIL import Image
from playwright.async_api import Browser, async_playwright
from setting import arguments, setting, verdict

from trivium.service.access import open_access
from trivium.service.app_spec import enabled_apps, resolve
from trivium.service.database import Database
from trivium.service.guard import session_cookie
from trivium.service.settings import Settings

TARGET_MS = 300.0
PEOPLE, EVERY_S = 10, 5.0
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@dataclass(slots=True)
class Measured:
    """Clicks, what the tabs got, what failed, and seconds of processor by part."""

    clicks: list[Click] = field(default_factory=list)
    tabs: Answers = field(default_factory=Answers)
    faults: Counter[str] = field(default_factory=Counter)
    processor_s: dict[str, float] = field(default_factory=dict)


def main() -> int:
    """Run, print, and return the exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="length of the measurement")
    parser.add_argument("--niceness", type=int, default=5, help="of the workers, 0 to see what yielding is worth")
    parser.add_argument("--demo", action="store_true", help="time the start of `trivium demo` first")
    parser.add_argument("--memory", action="store_true", help="print the memory of each process")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is missing")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print(setting(("gradio", "uvicorn", "playwright"), options.seed))
    if options.demo:
        with tempfile.TemporaryDirectory() as home, _suite(Path(home), command="demo") as (_, _, ready_s):
            print(f"from `trivium demo` on an empty home to its link, all apps' sample data included: {ready_s:.1f} s")
    with tempfile.TemporaryDirectory() as home, _suite(Path(home), options.niceness) as (port, pid, ready_s):
        print(f"from `trivium up` on an empty home to all pages ready: {ready_s:.1f} s")
        tokens = _people(Path(home), port)
        small, long = _fill(f"http://127.0.0.1:{port}", {session_cookie(port): tokens[0]})
        load = _Load(port, tokens, small, long, options.seed)
        measured = asyncio.run(load.run(chromium, options.seconds))
        memory = processes.memory(pid) if options.memory else {}
    return _told(measured, options.seconds, memory)


def _told(measured: Measured, seconds: float, memory: dict[str, float]) -> int:
    """Print what was measured; return the exit code."""
    by_name: dict[str, list[float]] = defaultdict(list)
    for click in measured.clicks:
        by_name[click.name].append(click.took_s)
    for name, times in sorted(by_name.items()):
        print(f"  {name:24} {len(times):4} times  {_spread(times)}")
    answers = measured.tabs.took_s
    print(f"  tabs: {len(answers) / measured.tabs.open_s:.0f} requests/s, {_spread(answers)}")
    faults = measured.faults + measured.tabs.faults
    print(f"  long jobs that ended: {measured.tabs.ended}; faults: {dict(faults) or 'none'}")
    for name, used_s in measured.processor_s.items():
        print(f"  processor of {name}: {used_s:.1f} s, {100 * used_s / seconds:.0f} % of a core")
    for name, mebibytes in memory.items():
        print(f"  memory of {name}: {mebibytes:.0f} MiB")
    counted = [click for click in measured.clicks if not click.name.startswith("(")]
    print(f"  of it until the click's event, the driver's: {_spread([click.event_s for click in counted])}")
    times = [click.took_s for click in counted]
    p95 = _quantile(times, 0.95)
    return verdict(
        p95 <= TARGET_MS and not faults,
        f"p95 of {len(times)} clicks {p95:.0f} ms from when they were due (target <= {TARGET_MS:.0f}), "
        f"p50 {_quantile(times, 0.5):.0f} ms",
    )


# -- the suite ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _suite(home: Path, niceness: int = 5, command: str = "up") -> Iterator[tuple[int, int, float]]:
    """Keep `trivium up` or `demo` running; yield its port, its process and the seconds that it took to be ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {name: value for name, value in os.environ.items() if not name.startswith("TRIVIUM_")}
    own |= {"TRIVIUM_HOME": str(home), "TRIVIUM_MEDICAL_DRAFTS": "false", "TRIVIUM_WORKER_NICENESS": str(niceness)}
    words = [sys.executable, "-m", "trivium.service.cli", command, "--port", str(port)]
    began = time.monotonic()
    process = subprocess.Popen(words, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "/login?token=" in line:
                break
        else:
            sys.exit("the suite did not start")
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield port, process.pid, time.monotonic() - began
    finally:
        process.terminate()
        process.wait(60)


def _people(home: Path, port: int) -> list[str]:
    """Make an account with every role for each person; return the tokens of their sessions."""
    settings, apps = Settings(home=home, port=port), enabled_apps("")
    database = Database(settings.database)
    access = open_access(settings, apps, database)
    tokens = []
    for number in range(PEOPLE):
        made = access.people.add(
            f"person{number}", list(access.roles.names), actor="operator", password="four words " * 3
        )
        tokens.append(access.start(made.id, via="password", address="127.0.0.1"))
    database.close()
    return tokens


def _fill(url: str, cookies: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Put films and a plant in, and upload files; return the bodies of a small and of a long job."""
    spec = next(spec for spec in enabled_apps("") if spec.name == "finance")
    with httpx.Client(base_url=url, cookies=cookies, timeout=60) as client, tempfile.TemporaryDirectory() as folder:
        for seed in range(5):
            film = io.BytesIO()
            Image.effect_noise((64 + seed, 64), 40).save(film, "PNG")
            client.post("/medical/api/uploads", content=film.getvalue()).raise_for_status()
        text = {"content-type": "text/csv"}
        tags = "tag,asset,description,unit,low,high,rate,deadband\nspeed,P-101,Speed,rpm,0,4000,60,0\n"
        client.post(
            "/v1/registry", params={"plant": "north", "zone": "UTC"}, content=tags, headers=text
        ).raise_for_status()

        def uploaded(name: str, content: bytes) -> dict[str, str]:
            kept = client.post("/api/uploads", params={"name": name}, content=content).raise_for_status().json()
            return {"name": name, "sha256": kept["sha256"]}

        samples = [uploaded(path.name, path.read_bytes()) for path in resolve(spec.samples)(Path(folder))]
        body = {"app": "finance", "kind": "compare"}
        formats = {"formats": ["html", "xlsx", "docx", "pdf", "json"]}
        small = body | {"inputs": [uploaded("small.csv", SMALL)], "request": {"formats": ["json"]}, "title": "Small"}
        return small, body | {"inputs": samples, "request": formats, "title": "Long"}


# -- the load -------------------------------------------------------------------------------------------------------


class _Load:
    """People, tabs and long jobs on one suite."""

    def __init__(self, port: int, tokens: list[str], small: dict[str, Any], long: dict[str, Any], seed: int) -> None:
        self._port, self._tokens, self._small, self._long, self._seed = port, tokens, small, long, seed
        self._measured = Measured()

    async def run(self, chromium: str, seconds: float) -> Measured:
        """Bring everybody to their page, then measure for so many seconds."""
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, headless=True, args=_FLAGS)
            people = [await self._person(browser, number) for number in range(PEOPLE)]
            for person in people:  # not counted: what a browser and a server do the first time
                await person.act(time.monotonic())
            tabs = OpenTabs(self._port, (session_cookie(self._port), self._tokens[0]), self._long, self._seed)
            await asyncio.sleep(EVERY_S)
            before = processes.processor(os.getpid())
            until, own = time.monotonic() + seconds, random.Random(self._seed)
            await asyncio.gather(
                *(self._acts(one, number, random.Random(own.random()), until) for number, one in enumerate(people))
            )
            after = processes.processor(os.getpid())
            self._measured.processor_s = {name: used - before.get(name, 0.0) for name, used in after.items()}
            self._measured.tabs = tabs.close()
            await browser.close()
        return self._measured

    async def _person(self, browser: Browser, number: int) -> Person:
        url = f"http://127.0.0.1:{self._port}"
        person = Person(await browser.new_context(locale="en-GB"), number, url, self._small)
        await person.open({"name": session_cookie(self._port), "value": self._tokens[number], "url": url})
        return person

    async def _acts(self, person: Person, number: int, own: random.Random, until: float) -> None:
        """Act every five seconds at times that do not wait for anything."""
        due = time.monotonic() + (number + 1) * EVERY_S / PEOPLE
        while due < until:
            try:
                self._measured.clicks.append(await person.act(due))
            except Exception as error:
                line = str(error).partition("\n")[0][:100]
                self._measured.faults[f"click: {type(error).__name__} {line}"] += 1
            due += EVERY_S * own.uniform(0.8, 1.2)


# -- figures --------------------------------------------------------------------------------------------------------


def _quantile(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return 1000 * ordered[min(math.ceil(share * len(ordered)), len(ordered)) - 1] if ordered else math.nan


def _spread(times: list[float]) -> str:
    return f"p50 {_quantile(times, 0.5):.0f}, p95 {_quantile(times, 0.95):.0f}, max {_quantile(times, 1):.0f} ms"


if __name__ == "__main__":
    sys.exit(main())
