"""People in a real browser for `page_load.py`: what each does, and how long after it was due the browser shows it.

A person brings the mouse over what they will click a moment before it is time, and the pages' script learns what to
wait for. At the time itself nothing is asked or computed: press and release are the browser's own input events
(`Input.dispatchMouseEvent` of the DevTools protocol), sent together. The browser's clock ends the time, which is the
machine's: in the frame after the one in which what the click asked for is visible, on the same page or the next one.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playwright.async_api import BrowserContext, CDPSession, Error, Page

if TYPE_CHECKING:
    from playwright._impl._api_structures import SetCookieParam  # what `add_cookies` takes; not exported

__all__ = ["SMALL", "Click", "Person"]

SMALL = b"USD in millions,2022,2023\nRevenue,90,100\nCost of sales,50,60\nNet income,9,11\n"
_AIM_S = 0.4  # before a click is due, the mouse is brought there
_LOOK_S = 0.05  # between two looks for a target that is not there yet
_TOO_LONG_S = 30.0

# Keeps what is waited for in the tab's storage, because a click may lead to another page of the same origin.
_WATCH = """
(() => {
  if (window !== top) return;
  const now = () => performance.timeOrigin + performance.now();
  const asked = () => JSON.parse(sessionStorage.getItem("asked") || "null");
  const shown = (selector) => [...document.querySelectorAll(selector)].find((one) => one.getClientRects().length);
  const look = () => {
    const ask = asked();
    if (!ask || !ask.clicked) return;
    if (!shown(ask.seen)) return void requestAnimationFrame(look);
    requestAnimationFrame(() => {
      sessionStorage.removeItem("asked");
      window.toldVisible(ask.clicked, now());
    });
  };
  // Returns the middle of what is to be clicked, if a click there meets it; then what is waited for is known, too.
  window.aim = (ask) => {
    const target = document.readyState === "complete" && shown(ask.target);
    if (!target) return null;
    target.scrollIntoView({ block: "nearest" });
    const { x, y, width, height } = target.getClientRects()[0]; // of a link over several lines, the first
    const place = [x + width / 2, y + height / 2];
    if (!target.contains(document.elementFromPoint(...place))) return null;
    sessionStorage.setItem("asked", JSON.stringify(ask));
    return place;
  };
  addEventListener("click", (event) => {
    const ask = asked();
    if (!ask || ask.clicked || !event.isTrusted || !event.target.closest(ask.target)) return;
    ask.clicked = performance.timeOrigin + event.timeStamp;
    sessionStorage.setItem("asked", JSON.stringify(ask));
    if (!ask.isNewPage) requestAnimationFrame(look);
  }, true);
  if (asked()) requestAnimationFrame(look);
})();
"""


@dataclass(frozen=True, slots=True)
class Click:
    """One click: seconds from when it was due to what it asked for, and those of them until its event was made."""

    name: str
    took_s: float
    event_s: float


@dataclass(frozen=True, slots=True)
class _Step:
    """Something that a person does.

    Args:
        target: selector of what they click.
        seen: selector of what is visible once it is done.
        is_new_page: whether that is on another page than the click.
        instead: what they do instead of a click; it is done when this ends.
    """

    name: str
    target: str = ""
    seen: str = ""
    is_new_page: bool = True
    instead: Callable[[], Awaitable[None]] | None = None


class Person:
    """Somebody with a page of their own, who does one thing after the other.

    Args:
        number: the fifth part of them each: through jobs, through jobs, compare files, filter films, look at a plant.
        small: body of a small job.
    """

    def __init__(self, context: BrowserContext, number: int, url: str, small: dict[str, Any]) -> None:
        self._context, self._number, self._url, self._small = context, number, url, small
        self._told: asyncio.Future[tuple[float, float]] | None = None
        self._page: Page
        self._mouse: CDPSession
        self._steps: itertools.cycle[_Step]

    async def open(self, cookie: SetCookieParam) -> None:
        """Open the page that they begin with."""
        await self._context.add_cookies([cookie])
        await self._context.expose_binding("toldVisible", self._take)
        await self._context.add_init_script(_WATCH)
        self._page = await self._context.new_page()
        self._mouse = await self._context.new_cdp_session(self._page)
        acts = (_through_jobs, _through_jobs, _compare, _filter, _look_at_plant)[self._number % 5]
        self._steps = itertools.cycle(await acts(self._page, self._url, self._small))

    async def act(self, due: float) -> Click:
        """Do the next thing.

        Args:
            due: when to click, in seconds of `time.monotonic`; what is late by then counts.
        """
        step = next(self._steps)
        if step.instead:
            await asyncio.sleep(due - time.monotonic())
            await step.instead()
            return Click(step.name, time.monotonic() - due, 0.0)
        await asyncio.sleep(due - _AIM_S - time.monotonic())
        place = await self._aim(step)
        self._told = asyncio.get_running_loop().create_future()
        await asyncio.sleep(due - time.monotonic())
        await asyncio.gather(self._send("mousePressed", place), self._send("mouseReleased", place))
        clicked_ms, seen_ms = await asyncio.wait_for(self._told, _TOO_LONG_S)
        due_ms = 1000 * (time.time() - (time.monotonic() - due))
        return Click(step.name, (seen_ms - due_ms) / 1000, (clicked_ms - due_ms) / 1000)

    async def _aim(self, step: _Step) -> tuple[float, float]:
        """Bring the mouse over the target as soon as the page shows it; return where that is."""
        ask = {"target": step.target, "seen": step.seen, "isNewPage": step.is_new_page}
        for _ in range(int(_TOO_LONG_S / _LOOK_S)):
            try:
                place = await self._page.evaluate("(ask) => window.aim(ask)", ask)
            except Error:  # between two pages, as a job's page is when it ends
                place = None
            if place:
                await self._send("mouseMoved", place)
                return place
            await asyncio.sleep(_LOOK_S)
        raise TimeoutError(f"{step.name}: nothing to click at {step.target}")

    async def _send(self, kind: str, place: tuple[float, float]) -> None:
        button = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
        await self._mouse.send("Input.dispatchMouseEvent", {"type": kind, "x": place[0], "y": place[1], **button})

    async def _take(self, _source: Any, clicked_ms: float, seen_ms: float) -> None:
        if self._told and not self._told.done():
            self._told.set_result((clicked_ms, seen_ms))


async def _through_jobs(page: Page, url: str, small: dict[str, Any]) -> list[_Step]:
    made = await page.request.post(f"{url}/api/jobs", data=small)
    await page.goto(f"{url}{(await made.json())['url']}")
    replay, to_jobs, to_home = "form[action$='/replay'] button", "nav a[href='/jobs']", "nav a[href='/']"
    anew = _Step("a job anew", replay, "p.quiet a[href^='/jobs/']")
    around = [
        _Step("list of jobs", to_jobs, "h1#jobs"),
        _Step("page of a job", "tr:not([data-job]) td a", replay),  # one that has ended
    ]
    return [anew, *around, _Step("home", to_home, ".tiles"), *around]


async def _compare(page: Page, url: str, _small: dict[str, Any]) -> list[_Step]:
    file: Any = {"name": "small.csv", "mimeType": "text/csv", "buffer": SMALL}

    async def choose() -> None:
        await page.goto(f"{url}/finance/")
        await page.locator(".tf-zone input").set_input_files(file)
        await page.locator(".tf-chosen li").get_by_text("KB").wait_for()

    await choose()
    compare = _Step("compare files", "#tf-compare", ".tf-job", is_new_page=False)
    return [compare, _Step("(finance page, whole)", instead=choose)]


async def _filter(page: Page, url: str, _small: dict[str, Any]) -> list[_Step]:
    await page.goto(f"{url}/medical/")
    await page.locator("#rows tr").first.wait_for()
    name, mine = "filter the worklist", "input[name=mine]"
    return [_Step(name, mine, "#none", is_new_page=False), _Step(name, mine, "#rows tr", is_new_page=False)]


async def _look_at_plant(page: Page, url: str, _small: dict[str, Any]) -> list[_Step]:
    await page.goto(f"{url}/maintenance/p/north")

    def to(path: str) -> _Step:
        return _Step("a page of a plant", f".m-nav a[href$='{path}']", f".m-nav a[aria-current][href$='{path}']")

    return [to(path) for path in ("/alerts", "/health", "/north")]
