"""From a click to what a person sees of it, while fifty tabs are open and three long jobs run: the whole suite.

`trivium up` on a home folder and a port of its own serves all installed apps. Fifty tabs ask as the pages' scripts do,
over HTTP and without a browser: 40 follow a job (ETag, waits from 0.5 to 8 s), 5 hold a worklist and 5 a fleet open.
Three comparisons of sample filings are always under way. Ten people, each with an account and a page in one real
Chromium on this machine, do one thing every five seconds, each at its time whether the one before has ended or not:
four go through jobs and start small ones anew, two compare files, two filter the worklist, two look at a plant.

Measured is from the time at which a click is due to when what it asks for is visible, the browser and its driver
included; both run on the cores that serve. Opening the finance page is shown and not counted: there the browser builds
a whole Gradio page, and shows that it does. With `--memory` the proportional memory of each process stands behind it.
Run: `python benchmarks/page_load.py --seed 1 --seconds 120`. Exits with 1 unless the p95 of all clicks is <= 300 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import logging
import math
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import structlog
from PIL import Image
from playwright.async_api import BrowserContext, Page, async_playwright
from setting import arguments, setting, verdict

from trivium.service.access import open_access
from trivium.service.app_spec import enabled_apps, resolve
from trivium.service.database import Database
from trivium.service.guard import session_cookie
from trivium.service.settings import Settings

TARGET_MS = 300.0
PEOPLE, EVERY_S = 10, 5.0
FOLLOWING, WORKLISTS, FLEETS, LONG_JOBS = 40, 5, 5, 3
_FIRST_S, _LONGEST_S = 0.5, 8.0  # as in static/jobs.js
_SMALL = b"item,2022,2023\nRevenue,90,100\nNet income,9,11\n"
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


class Measured:
    """Times of clicks by what was done, of answers to tabs, and what failed."""

    def __init__(self) -> None:
        self.clicks: dict[str, list[float]] = defaultdict(list)
        self.answers: list[float] = []
        self.faults: Counter[str] = Counter()


def main() -> int:
    """Run, print, and return the exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="length of the measurement")
    parser.add_argument("--memory", action="store_true", help="print the memory of each process")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is missing")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print(setting(("gradio", "uvicorn", "playwright"), options.seed))
    measured = Measured()
    with tempfile.TemporaryDirectory() as home, _suite(Path(home)) as (port, pid, ready_s):
        print(f"from `trivium up` on an empty home to all pages ready: {ready_s:.1f} s")
        tokens = _people(Path(home), port)
        small, long = _fill(f"http://127.0.0.1:{port}", {session_cookie(port): tokens[0]})
        load = _Load(f"http://127.0.0.1:{port}", session_cookie(port), tokens, small, long, measured, options.seed)
        asyncio.run(load.run(chromium, options.seconds))
        memory = _memory(pid) if options.memory else {}
    for name, times in sorted(measured.clicks.items()):
        print(
            f"  {name:24} {len(times):4} clicks  p50 {_ms(times, 0.5)}  p95 {_ms(times, 0.95)}  max {_ms(times, 1)} ms"
        )
    rate = len(measured.answers) / options.seconds
    print(f"  tabs: {rate:.0f} requests/s, p50 {_ms(measured.answers, 0.5)}, p95 {_ms(measured.answers, 0.95)} ms")
    print(f"  long jobs that ended: {load.ended}; faults: {dict(measured.faults) or 'none'}")
    for name, mebibytes in memory.items():
        print(f"  memory of {name}: {mebibytes:.0f} MiB")
    every = [one for name, times in measured.clicks.items() if not name.startswith("(") for one in times]
    p95 = _quantile(every, 0.95)
    is_good = p95 <= TARGET_MS and not measured.faults
    return verdict(
        is_good, f"p95 of {len(every)} clicks {p95:.0f} ms (target <= {TARGET_MS:.0f}), p50 {_ms(every, 0.5)} ms"
    )


# -- the suite ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _suite(home: Path) -> Iterator[tuple[int, int, float]]:
    """Keep `trivium up` running; yield its port, its process and the seconds that it took to be ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {name: value for name, value in os.environ.items() if not name.startswith("TRIVIUM_")}
    own |= {"TRIVIUM_HOME": str(home), "TRIVIUM_MEDICAL_DRAFTS": "false"}
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
        small = body | {"inputs": [uploaded("small.csv", _SMALL)], "request": {"formats": ["json"]}, "title": "Small"}
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
            people = [await self._person(await browser.new_context(locale="en-GB"), n) for n in range(PEOPLE)]
            self._until = time.monotonic() + 1e9
            keepers = [asyncio.create_task(self._keep_long_job(client, place)) for place in range(LONG_JOBS)]
            await asyncio.sleep(2)
            for act in people:  # once without a clock: what a browser and a server do the first time is not measured
                await act()
            self._out.clicks.clear()
            self._until = time.monotonic() + seconds
            tabs = [self._follow(client, place % LONG_JOBS) for place in range(FOLLOWING)]
            tabs += [
                self._poll(client, "/medical/worklist?state=open", "application/json", 5.0) for _ in range(WORKLISTS)
            ]
            tabs += [self._poll(client, "/maintenance/p/north", "text/html", 5.0) for _ in range(FLEETS)]
            own = random.Random(self._seed)
            clicks = [self._person_acts(act, number, random.Random(own.random())) for number, act in enumerate(people)]
            await asyncio.gather(*tabs, *clicks)
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
                if (await client.get(f"/api/jobs/{self._long_ids[place]}")).json()["is_final"]:
                    self.ended += 1
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
        tag, wait_s, job_id = "", _FIRST_S, ""
        while time.monotonic() < self._until:
            if job_id != self._long_ids[place]:
                tag, wait_s, job_id = "", _FIRST_S, self._long_ids[place]
            answer = await self._get(client, f"/api/jobs/{job_id}", {"if-none-match": tag} if tag else {})
            wait_s = _FIRST_S if answer.status_code == 200 else min(wait_s * 1.5, _LONGEST_S)
            tag = answer.headers.get("etag", tag)
            await asyncio.sleep(wait_s)

    async def _poll(self, client: httpx.AsyncClient, path: str, accept: str, every_s: float) -> None:
        while time.monotonic() < self._until:
            await self._get(client, path, {"accept": accept})
            await asyncio.sleep(every_s)

    async def _person_acts(self, act: Callable[[], Awaitable[str]], number: int, own: random.Random) -> None:
        """Act every five seconds at times that do not wait for anything."""
        due = time.monotonic() + number * EVERY_S / PEOPLE
        while due < self._until:
            await asyncio.sleep(max(due - time.monotonic(), 0))
            try:
                name = await act()
                self._out.clicks[name].append(time.monotonic() - due)
            except Exception as error:
                self._out.faults[f"click: {str(error).splitlines()[0][:100]}"] += 1
            due += EVERY_S * own.uniform(0.8, 1.2)

    async def _person(self, context: BrowserContext, number: int) -> Callable[[], Awaitable[str]]:
        """Open a person's page; return what does their next thing and names it once it is visible."""
        await context.add_cookies([{"name": self._cookie, "value": self._tokens[number], "url": self._url}])
        page = await context.new_page()
        acts = (_through_jobs, _through_jobs, _compare, _filter, _look_at_plant)[number % 5]
        steps = itertools.cycle(await acts(page, self._url, self._small))

        async def act() -> str:
            name, step = next(steps)
            await step()
            return name

        return act


Steps = list[tuple[str, Callable[[], Awaitable[Any]]]]


async def _through_jobs(page: Page, url: str, small: dict[str, Any]) -> Steps:
    made = await page.request.post(f"{url}/api/jobs", data=small)
    job = f"{url}{(await made.json())['url']}"
    await page.goto(job)

    async def replay() -> None:
        await page.get_by_role("button", name="Replay as a new job").click()
        await page.get_by_role("link", name="A replay of an earlier job").wait_for()

    async def to_jobs() -> None:
        await page.get_by_role("navigation").get_by_role("link", name="Jobs").click()
        await page.get_by_role("heading", level=1, name="Jobs").wait_for()

    async def to_job() -> None:
        await page.locator("tr:not([data-job]) td a").first.click()  # one that has ended
        await page.get_by_role("button", name="Replay as a new job").wait_for()

    async def home() -> None:
        await page.get_by_role("link", name="Home").first.click()
        await page.locator(".tiles").wait_for()

    around = [("list of jobs", to_jobs), ("page of a job", to_job)]
    return [("a job anew", replay), *around, ("home", home), *around]


async def _compare(page: Page, url: str, _small: dict[str, Any]) -> Steps:
    file: Any = {"name": "small.csv", "mimeType": "text/csv", "buffer": _SMALL}

    async def prepare() -> None:
        await page.goto(f"{url}/finance/")
        await page.locator(".tf-zone input").set_input_files(file)
        await page.locator(".tf-chosen li").get_by_text("KB").wait_for()

    await prepare()

    async def compare() -> None:
        await page.get_by_role("button", name="Compare", exact=True).click()
        await page.locator(".tf-job").wait_for()

    async def again() -> None:
        await prepare()

    return [("compare files", compare), ("(finance page, whole)", again)]


async def _filter(page: Page, url: str, _small: dict[str, Any]) -> Steps:
    await page.goto(f"{url}/medical/")
    await page.locator("#rows tr").first.wait_for()

    async def none() -> None:
        await page.locator("input[name=mine]").check()
        await page.locator("#none").wait_for()

    async def everything() -> None:
        await page.locator("input[name=mine]").uncheck()
        await page.locator("#rows tr").first.wait_for()

    return [("filter the worklist", none), ("filter the worklist", everything)]


async def _look_at_plant(page: Page, url: str, _small: dict[str, Any]) -> Steps:
    await page.goto(f"{url}/maintenance/p/north")

    def to(name: str) -> Callable[[], Awaitable[None]]:
        async def go() -> None:
            await page.locator(".m-nav").get_by_role("link", name=name).click()
            await page.locator(".m-nav").get_by_role("link", name=name).and_(page.locator("[aria-current]")).wait_for()

        return go

    return [("a page of a plant", to(name)) for name in ("Alerts", "Data health", "Fleet")]


# -- figures --------------------------------------------------------------------------------------------------------


def _memory(supervisor: int) -> dict[str, float]:
    """Return the proportional memory of each process of the suite in MiB, summed by what it is."""
    found: dict[str, float] = defaultdict(float)
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
    own, waiting = {supervisor}, {supervisor}
    while waiting:
        waiting = {pid for pid, parent in parents.items() if parent in waiting} - own
        own |= waiting
    for pid in own:
        with contextlib.suppress(OSError):
            words = (Path("/proc") / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
            text = (Path("/proc") / str(pid) / "smaps_rollup").read_text()
            kibibytes = int(re.search(r"^Pss: +(\d+)", text, re.MULTILINE)[1])  # type: ignore[index]
            name = (
                "broker" if "valkey" in words[0] else " ".join(words[3:5] if words[3:4] == ["worker"] else words[3:4])
            )
            if "worker" in words:
                name = f"worker {words[words.index('--queues') + 1]}" if "--queues" in words else "worker"
            found[name or words[0]] += kibibytes / 1024
    return dict(sorted(found.items()))


def _quantile(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return 1000 * ordered[min(math.ceil(share * len(ordered)), len(ordered)) - 1] if ordered else math.nan


def _ms(times: list[float], share: float) -> str:
    return f"{statistics.median(times) * 1000 if share == 0.5 and times else _quantile(times, share):.0f}"


if __name__ == "__main__":
    sys.exit(main())
