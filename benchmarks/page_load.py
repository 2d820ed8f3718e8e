"""From a click to what a person sees of it, while fifty tabs are open and three long jobs run: the whole suite.

`trivium up` on a home folder and a port of its own serves all installed apps. Fifty tabs ask as the pages' scripts do,
over HTTP and without a browser: 40 follow a job (ETag, waits from 0.5 to 8 s), 5 hold a worklist and 5 a fleet open.
Three comparisons of sample filings are always under way. Ten people, each with an account and a page in one real
Chromium on this machine, do one thing every five seconds, each at its time whether the one before has ended or not:
four go through jobs and start small ones anew, two compare files, two filter the worklist, two look at a plant.

Measured is from a click's event in the browser to the frame that shows what it asks for (`page_people.py`); the browser
runs on the cores that serve. How late the event was, which is the browser's driver, is told beside it. Opening the
finance page is shown and not counted: there the browser builds a whole Gradio page, and shows that it does. Processor
seconds of each part stand behind the times; `--memory` adds the proportional memory of each part of the suite.
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
from pathlib import Path
from typing import Any

import httpx
import processes
import structlog
from page_people import SMALL, Click, Person
from PIL import Image
from playwright.async_api import async_playwright
from setting import arguments, setting, verdict

from trivium.service.access import open_access
from trivium.service.app_spec import enabled_apps, resolve
from trivium.service.database import Database
from trivium.service.guard import session_cookie
from trivium.service.settings import Settings

TARGET_MS = 300.0
PEOPLE, EVERY_S = 10, 5.0
FOLLOWING, WORKLISTS, FLEETS, LONG_JOBS = 40, 5, 5, 3
_FIRST_S, _NEWS_S, _LONGEST_S = 0.5, 2.0, 8.0  # as in static/jobs.js
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


class Measured:
    """Times of clicks by what was done, of answers to tabs, and what failed."""

    def __init__(self) -> None:
        self.clicks: list[Click] = []
        self.answers: list[float] = []
        self.faults: Counter[str] = Counter()


def main() -> int:
    """Run, print, and return the exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="length of the measurement")
    parser.add_argument("--niceness", type=int, default=5, help="of the workers, 0 to see what yielding is worth")
    parser.add_argument("--memory", action="store_true", help="print the memory of each process")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is missing")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print(setting(("gradio", "uvicorn", "playwright"), options.seed))
    measured = Measured()
    with tempfile.TemporaryDirectory() as home, _suite(Path(home), options.niceness) as (port, pid, ready_s):
        print(f"from `trivium up` on an empty home to all pages ready: {ready_s:.1f} s")
        tokens = _people(Path(home), port)
        small, long = _fill(f"http://127.0.0.1:{port}", {session_cookie(port): tokens[0]})
        load = _Load(f"http://127.0.0.1:{port}", session_cookie(port), tokens, small, long, measured, options.seed)
        asyncio.run(load.run(chromium, options.seconds))
        memory = processes.memory(pid) if options.memory else {}
    by_name: dict[str, list[float]] = defaultdict(list)
    for click in measured.clicks:
        by_name[click.name].append(click.took_s)
    for name, times in sorted(by_name.items()):
        print(f"  {name:24} {len(times):4} times  {_spread(times)}")
    print(f"  tabs: {len(measured.answers) / options.seconds:.0f} requests/s, {_spread(measured.answers)}")
    print(f"  long jobs that ended: {load.ended}; faults: {dict(measured.faults) or 'none'}")
    for name, used_s in load.processor_s.items():
        print(f"  processor of {name}: {used_s:.1f} s, {100 * used_s / options.seconds:.0f} % of a core")
    for name, mebibytes in memory.items():
        print(f"  memory of {name}: {mebibytes:.0f} MiB")
    counted = [click for click in measured.clicks if not click.name.startswith("(")]
    print(f"  from when a click was due to its event: {_spread([click.late_s for click in counted])}")
    print(f"  from when it was due to what it asked for: {_spread([click.late_s + click.took_s for click in counted])}")
    times = [click.took_s for click in counted]
    p95 = _quantile(times, 0.95)
    return verdict(
        p95 <= TARGET_MS and not measured.faults,
        f"p95 of {len(times)} clicks {p95:.0f} ms (target <= {TARGET_MS:.0f}), p50 {_quantile(times, 0.5):.0f} ms",
    )


# -- the suite ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _suite(home: Path, niceness: int = 5) -> Iterator[tuple[int, int, float]]:
    """Keep `trivium up` running; yield its port, its process and the seconds that it took to be ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {name: value for name, value in os.environ.items() if not name.startswith("TRIVIUM_")}
    own |= {"TRIVIUM_HOME": str(home), "TRIVIUM_MEDICAL_DRAFTS": "false", "TRIVIUM_WORKER_NICENESS": str(niceness)}
    command = [sys.executable, "-m", "trivium.service.cli", "up", "--port", str(port)]
    began = time.monotonic()
    process = subprocess.Popen(command, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
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
    """Tabs, long jobs and people on one suite."""

    def __init__(
        self,
        url: str,
        cookie: str,
        tokens: list[str],
        small: dict[str, Any],
        long: dict[str, Any],
        out: Measured,
        seed: int,
    ) -> None:
        self._url, self._cookie, self._tokens = url, cookie, tokens
        self._small, self._long, self._out, self._seed = small, long, out, seed
        self._long_ids = [""] * LONG_JOBS
        self._until = 0.0
        self.ended = 0
        self.processor_s: dict[str, float] = {}

    async def run(self, chromium: str, seconds: float) -> None:
        """Bring everybody to their page, then measure for so many seconds."""
        client = httpx.AsyncClient(
            base_url=self._url,
            cookies={self._cookie: self._tokens[0]},
            timeout=30,
            limits=httpx.Limits(max_connections=60),
        )
        async with client, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, headless=True, args=_FLAGS)
            people = []
            for number, token in enumerate(self._tokens):
                context = await browser.new_context(locale="en-GB")
                people.append(Person(context, number, self._url, self._small))
                await people[-1].open({"name": self._cookie, "value": token, "url": self._url})
            self._until = time.monotonic() + 1e9
            keepers = [asyncio.create_task(self._keep_long_job(client, place)) for place in range(LONG_JOBS)]
            await asyncio.sleep(2)
            for person in people:  # not counted: what a browser and a server do the first time
                await person.act(time.time())
            self._until = time.monotonic() + seconds
            before = processes.processor(os.getpid())
            tabs = [self._follow(client, place % LONG_JOBS) for place in range(FOLLOWING)]
            tabs += [
                self._poll(client, "/medical/worklist?state=open", "application/json", 5.0) for _ in range(WORKLISTS)
            ]
            tabs += [self._poll(client, "/maintenance/p/north", "text/html", 5.0) for _ in range(FLEETS)]
            own = random.Random(self._seed)
            clicks = [self._person_acts(one, number, random.Random(own.random())) for number, one in enumerate(people)]
            await asyncio.gather(*tabs, *clicks)
            after = processes.processor(os.getpid())
            self.processor_s = {name: used - before.get(name, 0.0) for name, used in after.items()}
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            await browser.close()

    async def _keep_long_job(self, client: httpx.AsyncClient, place: int) -> None:
        while time.monotonic() < self._until:
            answer = await client.post("/api/jobs", json=self._long)
            self._long_ids[place] = answer.json()["id"]
            while time.monotonic() < self._until:
                await asyncio.sleep(1.0)
                job = (await client.get(f"/api/jobs/{self._long_ids[place]}")).json()
                if job["is_final"]:
                    self.ended += 1
                    if job["state"] != "done":
                        self._out.faults[f"a long job: {job['state']} ({job['error'][:80]})"] += 1
                    break

    async def _get(self, client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> httpx.Response:
        began = time.monotonic()
        answer = await client.get(path, headers=headers)
        self._out.answers.append(time.monotonic() - began)
        if answer.status_code >= 400:
            self._out.faults[f"{answer.status_code} {path.partition('?')[0]}"] += 1
        return answer

    async def _follow(self, client: httpx.AsyncClient, place: int) -> None:
        """Ask for a job as `static/jobs.js` does; go to the next one when it has ended."""
        await asyncio.sleep(random.Random(self._seed + place).uniform(0, _FIRST_S))
        tag, wait_s, job_id, began = "", _FIRST_S, "", 0.0
        while time.monotonic() < self._until:
            if job_id != self._long_ids[place]:
                tag, wait_s, job_id, began = "", _FIRST_S, self._long_ids[place], time.monotonic()
            answer = await self._get(client, f"/api/jobs/{job_id}", {"if-none-match": tag} if tag else {})
            if answer.status_code == 200:
                wait_s = max(_FIRST_S, min((time.monotonic() - began) / 4, _NEWS_S))
            else:
                wait_s = min(wait_s * 1.5, _LONGEST_S)
            tag = answer.headers.get("etag", tag)
            await asyncio.sleep(wait_s)

    async def _poll(self, client: httpx.AsyncClient, path: str, accept: str, every_s: float) -> None:
        while time.monotonic() < self._until:
            await self._get(client, path, {"accept": accept})
            await asyncio.sleep(every_s)

    async def _person_acts(self, person: Person, number: int, own: random.Random) -> None:
        """Act every five seconds at times that do not wait for anything."""
        due = time.monotonic() + number * EVERY_S / PEOPLE
        while due < self._until:
            await asyncio.sleep(max(due - time.monotonic(), 0))
            try:
                self._out.clicks.append(await person.act(time.time() - (time.monotonic() - due)))
            except Exception as error:
                self._out.faults[f"click: {type(error).__name__} {str(error).partition(chr(10))[0][:100]}"] += 1
            due += EVERY_S * own.uniform(0.8, 1.2)


# -- figures --------------------------------------------------------------------------------------------------------


def _quantile(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return 1000 * ordered[min(math.ceil(share * len(ordered)), len(ordered)) - 1] if ordered else math.nan


def _spread(times: list[float]) -> str:
    return f"p50 {_quantile(times, 0.5):.0f}, p95 {_quantile(times, 0.95):.0f}, max {_quantile(times, 1):.0f} ms"


if __name__ == "__main__":
    sys.exit(main())
