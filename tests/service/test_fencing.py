"""Fencing between real processes, on SQLite and on PostgreSQL: one job, two workers that both believe to hold it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter

import pytest
from tests.service.suite import wait_for

from trivium.service.database import utc_now
from trivium.service.jobs import JobState

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="stops a process by a signal")]

WORKER = """
import sys
from trivium.service.evidence import ReportFile
from trivium.service.database import utc_now
from trivium.service.jobs import JobPolicy, Jobs, LeaseLostError
from trivium.service.database import Database
url, name, *ids = sys.argv[1:]
jobs = Jobs(Database(url), publish=lambda *message: None, queue_of=lambda app, kind: app, policy=JobPolicy(lease_s=0.5))
print("ready", flush=True)
sys.stdin.readline()
held = [job for job_id in ids if (job := jobs.claim(job_id, name))]
print(*[job.id for job in held], flush=True)
sys.stdin.readline()
for job in held:
    try:
        jobs.finish(job, title=name, report_sha256="", files=(ReportFile("f", "text/plain", "a" * 64, 1),))
        print("finished", flush=True)
    except LeaseLostError:
        print("lost", flush=True)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


class Worker:
    """A process that claims, waits for a line, and finishes what it claimed."""

    def __init__(self, runtime, name: str, *job_ids: str) -> None:
        command = [sys.executable, "-c", WORKER, runtime.settings.database, name, *job_ids]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.line() == "ready"

    def line(self) -> str:
        return self.process.stdout.readline().strip()

    def go(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def worker(runtime):
    started = []

    def start(name: str, *job_ids: str) -> Worker:
        started.append(Worker(runtime, name, *job_ids))
        return started[-1]

    yield start
    for item in started:
        item.end()


def submit(runtime):
    return runtime.jobs.submit(app="toy", kind="count", owner="ann", request={})


def test_a_worker_that_hung_cannot_write_over_its_successor(runtime, worker, monkeypatch):
    monkeypatch.setattr(runtime.jobs, "_now", utc_now)
    job = submit(runtime)
    hung, next_one = worker("hung", job.id), worker("next", job.id)
    hung.go()
    assert hung.line() == job.id
    os.kill(hung.process.pid, signal.SIGSTOP)
    wait_for(runtime.jobs.recover, seconds=5)
    next_one.go()
    assert next_one.line() == job.id
    next_one.go()
    assert next_one.line() == "finished"
    os.kill(hung.process.pid, signal.SIGCONT)
    hung.go()
    assert hung.line() == "lost"
    done = runtime.jobs.get(job.id)
    assert (done.state, done.title, done.attempts, len(done.files)) == (JobState.DONE, "next", 2, 1)


def test_of_two_workers_one_gets_each_job(runtime, worker):
    ids = [submit(runtime).id for _ in range(30)]
    rivals = [worker("a", *ids), worker("b", *ids)]
    for rival in rivals:
        rival.go()
    claimed = [rival.line().split() for rival in rivals]
    assert Counter(claimed[0] + claimed[1]) == Counter(ids)
    assert {runtime.jobs.get(job_id).attempts for job_id in ids} == {1}
