"""People in a real browser for `page_load.py`: what each does, and how long after the click the browser shows it.

The browser's own clock counts, from the time stamp of the click's event to the frame after the one in which what the
click asked for is visible, on the same page or on the next one. When a click was due is the caller's: how late it
reached the browser is told beside it. No driver polls while a page loads.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from playwright.async_api import BrowserContext, Error, Page

__all__ = ["SMALL", "Click", "Person"]

SMALL = b"item,2022,2023\nRevenue,90,100\nNet income,9,11\n"
_TOO_LONG_S = 30.0

# Keeps what is waited for in the tab's storage, because a click may lead to another page of the same origin.
_WATCH = """
(() => {
  if (window !== top) return;
  const now = () => performance.timeOrigin + performance.now();
  const asked = () => JSON.parse(sessionStorage.getItem("asked") || "null");
  const isSeen = (selector) => [...document.querySelectorAll(selector)].some((one) => one.getClientRects().length);
  const look = () => {
    const ask = asked();
    if (!ask || !ask.clicked) return;
    if (!isSeen(ask.selector)) return void requestAnimationFrame(look);
    requestAnimationFrame(() => {
      sessionStorage.removeItem("asked");
      window.toldVisible(ask.clicked, now());
    });
  };
  addEventListener("click", (event) => {
    const ask = asked();
    if (!ask || ask.clicked) return;
    ask.clicked = performance.timeOrigin + event.timeStamp;
    sessionStorage.setItem("asked", JSON.stringify(ask));
    if (!ask.isNewPage) requestAnimationFrame(look);
  }, true);
  if (asked()) requestAnimationFrame(look);
})();
"""


@dataclass(frozen=True, slots=True)
class Click:
    """One click: from its event to what it asked for, and how late the event was, in seconds."""

    name: str
    took_s: float
    late_s: float


@dataclass(frozen=True, slots=True)
class _Step:
    """Something that a person does.

    Args:
        seen: selector of what is visible once it is done; empty where `act` ends when it is.
        is_new_page: whether that is on another page than the click.
    """

    name: str
    act: Callable[[], Awaitable[Any]]
    seen: str = ""
    is_new_page: bool = True


class Person:
    """Somebody with a page of their own, who does one thing after the other.

    Args:
        number: the fifth part of them each: through jobs, through jobs, compare files, filter films, look at a plant.
        small: body of a small job.
    """

    def __init__(self, context: BrowserContext, number: int, url: str, small: dict[str, Any]) -> None:
        self._context, self._number, self._url, self._small = context, number, url, small
        self._told: asyncio.Future[tuple[float, float]] | None = None

    async def open(self, cookie: dict[str, str]) -> None:
        """Open the page that they begin with."""
        await self._context.add_cookies([cookie])  # type: ignore[list-item]
        await self._context.expose_binding("toldVisible", self._take)
        await self._context.add_init_script(_WATCH)
        self._page = await self._context.new_page()
        acts = (_through_jobs, _through_jobs, _compare, _filter, _look_at_plant)[self._number % 5]
        self._steps = itertools.cycle(await acts(self._page, self._url, self._small))

    async def act(self, due: float) -> Click:
        """Do the next thing.

        Args:
            due: when it was to begin, in seconds of `time.time`.
        """
        step = next(self._steps)
        if not step.seen:
            await step.act()
            return Click(step.name, time.time() - due, 0.0)
        self._told = asyncio.get_running_loop().create_future()
        await self._ask(step)
        await step.act()
        clicked_ms, seen_ms = await asyncio.wait_for(self._told, _TOO_LONG_S)
        return Click(step.name, (seen_ms - clicked_ms) / 1000, clicked_ms / 1000 - due)

    async def _ask(self, step: _Step) -> None:
        """Tell the page what is waited for; once more where it was loading anew, as a job's page does at its end."""
        ask = {"selector": step.seen, "isNewPage": step.is_new_page}
        for is_last in (False, True):
            try:
                await self._page.evaluate("(ask) => sessionStorage.setItem('asked', JSON.stringify(ask))", ask)
                return
            except Error:
                if is_last:
                    raise
                await self._page.wait_for_load_state()

    async def _take(self, _source: Any, clicked_ms: float, seen_ms: float) -> None:
        if self._told and not self._told.done():
            self._told.set_result((clicked_ms, seen_ms))


async def _through_jobs(page: Page, url: str, small: dict[str, Any]) -> list[_Step]:
    made = await page.request.post(f"{url}/api/jobs", data=small)
    await page.goto(f"{url}{(await made.json())['url']}")

    async def replay() -> None:
        await page.locator("form[action$='/replay'] button").click()

    async def to_jobs() -> None:
        await page.locator("nav a[href='/jobs']").click()

    async def to_job() -> None:
        await page.locator("tr:not([data-job]) td a").first.click()  # one that has ended

    async def home() -> None:
        await page.locator("nav a[href='/']").click()

    around = [
        _Step("list of jobs", to_jobs, "h1#jobs"),
        _Step("page of a job", to_job, "form[action$='/replay'] button"),
    ]
    anew = _Step("a job anew", replay, "p.quiet a[href^='/jobs/']")
    return [anew, *around, _Step("home", home, ".tiles"), *around]


async def _compare(page: Page, url: str, _small: dict[str, Any]) -> list[_Step]:
    file: Any = {"name": "small.csv", "mimeType": "text/csv", "buffer": SMALL}

    async def prepare() -> None:
        await page.goto(f"{url}/finance/")
        await page.locator(".tf-zone input").set_input_files(file)
        await page.locator(".tf-chosen li").get_by_text("KB").wait_for()

    await prepare()

    async def compare() -> None:
        await page.get_by_role("button", name="Compare", exact=True).click()

    return [_Step("compare files", compare, ".tf-job", is_new_page=False), _Step("(finance page, whole)", prepare)]


async def _filter(page: Page, url: str, _small: dict[str, Any]) -> list[_Step]:
    await page.goto(f"{url}/medical/")
    await page.locator("#rows tr").first.wait_for()

    async def none() -> None:
        await page.locator("input[name=mine]").check()

    async def everything() -> None:
        await page.locator("input[name=mine]").uncheck()

    name = "filter the worklist"
    return [_Step(name, none, "#none", is_new_page=False), _Step(name, everything, "#rows tr", is_new_page=False)]


async def _look_at_plant(page: Page, url: str, _small: dict[str, Any]) -> list[_Step]:
    await page.goto(f"{url}/maintenance/p/north")

    def to(path: str) -> _Step:
        async def go() -> None:
            await page.locator(f".m-nav a[href$='{path}']").click()

        return _Step("a page of a plant", go, f".m-nav a[aria-current][href$='{path}']")

    return [to(path) for path in ("/alerts", "/health", "/north")]
