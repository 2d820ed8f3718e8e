"""Tabs that nobody clicks in, for `page_load.py`: they ask as the pages' scripts do, and keep long jobs under way.

A tab is a thread with a connection of its own, in a process beside the one that clicks: what they cost is a program's
share of a browser's (`http.client`, about 0.4 ms of processor a request), and they are never in a click's way.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

__all__ = ["FOLLOWING", "LONG_JOBS", "Answers", "OpenTabs"]

FOLLOWING, WORKLISTS, FLEETS, LONG_JOBS = 40, 5, 5, 3
_FIRST_S, _NEWS_S, _LONGEST_S = 0.5, 2.0, 8.0  # as in static/jobs.js
_AGAIN_S = 5.0  # between two looks at a worklist or a fleet


@dataclass(slots=True)
class Answers:
    """What the tabs got while they were open: seconds of each answer, what failed, how many long jobs ended."""

    open_s: float = 0.0
    took_s: list[float] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    ended: int = 0


class OpenTabs:
    """All tabs in a process of their own, from now until they are closed.

    Args:
        port: of the suite on this machine.
        cookie: name and token of the session that they share.
        long: body of a long job.
        seed: of when each tab asks first.
    """

    def __init__(self, port: int, cookie: tuple[str, str], long: dict[str, Any], seed: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_keep, args=(theirs, port, cookie, long, seed), daemon=True)
        self._process.start()

    def close(self) -> Answers:
        """Close the tabs; return what they got since they were opened."""
        self._ours.send("close")
        answers: Answers = self._ours.recv()
        self._process.join()
        return answers


def _keep(pipe: Connection, port: int, cookie: tuple[str, str], long: dict[str, Any], seed: int) -> None:
    """Keep tabs and long jobs until told to stop; then send what they got."""
    tabs = _Tabs(port, "=".join(cookie), long)
    works: list[tuple[Any, ...]] = [(tabs.keep_long_job, place) for place in range(LONG_JOBS)]
    works += [(tabs.follow, place % LONG_JOBS, random.Random(seed + place)) for place in range(FOLLOWING)]
    works += [(tabs.look, "/medical/worklist?state=open", "application/json")] * WORKLISTS
    works += [(tabs.look, "/maintenance/p/north", "text/html")] * FLEETS
    with ThreadPoolExecutor(len(works)) as threads:
        began = time.monotonic()
        running = [threads.submit(*work) for work in works]
        pipe.recv()
        tabs.closing.set()
        tabs.answers.open_s = time.monotonic() - began
    for one in running:
        if error := one.exception():
            tabs.answers.faults[f"a tab: {type(error).__name__} {error}"] += 1
    pipe.send(tabs.answers)


class _Tabs:
    """What all tabs of the process share. Each method is the life of one tab, in a thread of its own."""

    def __init__(self, port: int, cookie: str, long: dict[str, Any]) -> None:
        self._port, self._cookie, self._long = port, cookie, long
        self._long_ids = [""] * LONG_JOBS
        self.answers = Answers()
        self.closing = threading.Event()

    def keep_long_job(self, place: int) -> None:
        """Start a long job, and another one when it has ended."""
        tab = self._tab()
        while not self.closing.is_set():
            _, body, _ = tab.ask("POST", "/api/jobs", {"content-type": "application/json"}, json.dumps(self._long))
            job = json.loads(body)
            self._long_ids[place] = job["id"]
            while not job["is_final"] and not self.closing.wait(1.0):
                _, body, _ = tab.ask("GET", f"/api/jobs/{job['id']}", {})
                job = json.loads(body)
            if job["is_final"]:
                self.answers.ended += 1
                if job["state"] != "done":
                    self.answers.faults[f"a long job: {job['state']} ({job['error'][:80]})"] += 1

    def follow(self, place: int, own: random.Random) -> None:
        """Ask for a long job as `static/jobs.js` does; go to the next one when it has ended."""
        tab = self._tab()
        tag, wait_s, job_id, began = "", own.uniform(0, _FIRST_S), "", 0.0
        while not self.closing.wait(wait_s):
            if job_id != self._long_ids[place]:
                tag, wait_s, job_id, began = "", _FIRST_S, self._long_ids[place], time.monotonic()
            if not job_id:
                continue
            status, _, headers = self._timed(tab, f"/api/jobs/{job_id}", {"if-none-match": tag} if tag else {})
            if status == 200:
                wait_s = max(_FIRST_S, min((time.monotonic() - began) / 4, _NEWS_S))
            else:
                wait_s = min(wait_s * 1.5, _LONGEST_S)
            tag = headers.get("etag") or tag

    def look(self, path: str, accept: str) -> None:
        """Ask for the same again and again."""
        tab = self._tab()
        while not self.closing.wait(_AGAIN_S):
            self._timed(tab, path, {"accept": accept})

    def _tab(self) -> _Tab:
        return _Tab(self._port, self._cookie)

    def _timed(self, tab: _Tab, path: str, headers: dict[str, str]) -> tuple[int, bytes, Mapping[str, str]]:
        began = time.monotonic()
        answer = tab.ask("GET", path, headers)
        self.answers.took_s.append(time.monotonic() - began)
        if answer[0] >= 400:
            self.answers.faults[f"{answer[0]} {path.partition('?')[0]}"] += 1
        return answer


class _Tab:
    """A connection that stays open while it is used; the server closes one that was quiet for some seconds."""

    def __init__(self, port: int, cookie: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._cookie = cookie

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: str | None = None
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Return status, body and headers of an answer."""
        for is_last in (False, True):
            try:
                self._connection.request(method, path, body, headers | {"cookie": self._cookie})
                answer = self._connection.getresponse()
                return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
            except (http.client.RemoteDisconnected, ConnectionError, http.client.CannotSendRequest):
                self._connection.close()
                if is_last:
                    raise
        raise AssertionError("the second try returns or raises")
