"""A real worker on the embedded broker: jobs run, and none is lost when processes are killed."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest
from tests.service.suite import PLUGINS, is_alive, needs_embedded_broker, running, trivium, wait_for

from trivium.service import migrate
from trivium.service.app_spec import enabled_apps
from trivium.service.broker import EmbeddedBroker, broker_url, connect
from trivium.service.errors import UpstreamError
from trivium.service.jobs import JobState
from trivium.service.runtime import open_runtime

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the embedded broker needs Linux or macOS")


@pytest.fixture
def broker(settings):
    needs_embedded_broker()
    settings.prepare_home()
    started = EmbeddedBroker(settings.home)
    started.start()
    yield started
    started.stop()


@pytest.fixture
def live(settings, broker, monkeypatch):
    """A runtime that publishes to the embedded broker, with the test app enabled."""
    monkeypatch.syspath_prepend(str(PLUGINS))
    opened = open_runtime(settings, apps=enabled_apps("toy"))
    migrate.upgrade(opened.database)
    yield opened
    opened.close()


def submit(runtime, kind="count", **request):
    return runtime.jobs.submit(app="toy", kind=kind, owner="ann", request=request)


def await_state(runtime, job, state, seconds=30.0):
    return wait_for(
        lambda: (found := runtime.jobs.get(job.id)).state == state and found,
        seconds=seconds,
    )


def test_the_broker_wants_its_password(settings, broker):
    socket = broker.url.partition("@")[2]
    import redis

    with pytest.raises(redis.AuthenticationError):
        redis.Redis(unix_socket_path=socket).ping()
    assert connect(broker_url(settings)).ping()
    assert (
        connect(broker.url).config_get("port") == {"port": "0"}
        or connect(broker.url).config_get("port")[b"port"] == b"0"
    )


def test_the_broker_keeps_its_queue_when_killed(settings, broker):
    connect(broker.url).rpush("toy", "message")
    time.sleep(1.1)  # the append-only file is synced every second
    os.kill(broker.pid, signal.SIGKILL)
    wait_for(lambda: broker.poll() is not None, seconds=5)
    broker.start()
    assert connect(broker_url(settings)).lrange("toy", 0, -1) == [b"message"]


def test_a_broker_left_by_a_killed_supervisor_is_replaced(settings, broker):
    left = broker.pid
    successor = EmbeddedBroker(settings.home)
    successor.start()
    try:
        wait_for(lambda: broker.poll() is not None, seconds=5)
        assert successor.pid != left
    finally:
        successor.stop()
    with pytest.raises(UpstreamError, match="no broker runs; start `trivium up`, or set TRIVIUM_REDIS_URL"):
        broker_url(settings)


def test_a_worker_refuses_an_older_schema(settings):
    settings.prepare_home()
    ended = trivium("worker", "--queues", "toy", home=settings.home)
    assert ended.returncode == 1
    assert re.search(r"\(it lacks .*service_0006\); run: trivium db upgrade\n$", ended.stderr)


def test_a_worker_refuses_unknown_queues_and_missing_extras(settings):
    unknown = trivium("worker", "--queues", "nose", home=settings.home)
    assert (unknown.returncode, unknown.stderr) == (
        2,
        "trivium: --queues: no queue is called 'nose'; known: toy, absent\n",
    )
    absent = trivium("worker", "--queues", "absent", home=settings.home)
    assert absent.stderr == "trivium: absent is not installed: pip install 'trivium[absent]'\n"


@pytest.mark.slow
def test_jobs_run_fail_and_survive_the_death_of_their_worker(live, settings, tmp_path):
    notes = tmp_path / "notes"
    home = settings.home
    with running("worker", "--queues", "toy", home=home):
        counted = await_state(live, submit(live, to=3), JobState.DONE)
        assert live.store.read(counted.files[0].sha256) == b"<h1>0, 1, 2</h1>"
        waiting = live.jobs.submit(app="toy", kind="count", owner="ann", request={"to": 1}, can_wait=True)
        await_state(live, waiting, JobState.DONE)
        failed = await_state(live, submit(live, kind="fail"), JobState.FAILED)
        assert failed.error == "a.htm: is empty"

        job = submit(live, to=8, pause_s=0.5, notes=str(notes))
        first = int(wait_for(lambda: notes.exists() and notes.read_text(), seconds=20))
        killed_at = time.monotonic()
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: len(notes.read_text().split()) == 2, seconds=20)
        recovered_s = time.monotonic() - killed_at
        done = await_state(live, job, JobState.DONE)
        assert done.attempts == 2
        assert len(done.files) == 1
        assert recovered_s < 12  # lease 6 s, sweep 1 s, the rest is for a busy machine
    assert [event.what for event in live.jobs.events(job.id)].count("recovered") == 1


@pytest.mark.slow
def test_a_whole_worker_is_killed_and_the_next_one_goes_on(live, settings, tmp_path):
    notes = tmp_path / "notes"
    with running("worker", "--queues", "toy", home=settings.home) as worker:
        job = submit(live, to=4, pause_s=0.5, notes=str(notes))
        child = int(wait_for(lambda: notes.exists() and notes.read_text(), seconds=20))
        os.kill(worker.pid, signal.SIGKILL)
        os.kill(child, signal.SIGKILL)
    with running("worker", "--queues", "toy", home=settings.home):
        done = await_state(live, job, JobState.DONE)
    assert (done.attempts, len(done.files)) == (2, 1)
    wait_for(lambda: not is_alive(child), seconds=5)


@pytest.mark.slow
def test_workers_of_other_kinds_stand_beside_one_another(settings, broker, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(PLUGINS))
    runtime = open_runtime(settings, apps=enabled_apps("toy,holder,prompt"))
    migrate.upgrade(runtime.database)
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    lower = min(ours + 7, 19)
    chosen = {"TRIVIUM_APPS": "toy,holder,prompt", "TRIVIUM_WORKER_NICENESS": str(lower)}
    with running("worker", home=settings.home, **chosen) as worker:
        notes = {app: tmp_path / app for app in ("toy", "holder", "prompt")}
        jobs = [
            runtime.jobs.submit(
                app=app, kind="count", owner="ann", request={"to": 2, "pause_s": 0.2, "notes": str(notes[app])}
            )
            for app in notes
            for _ in range(4)
        ]
        for job in jobs:
            await_state(runtime, job, JobState.DONE)
        processes = {app: set(notes[app].read_text().split()) for app in notes}
        assert len(processes["holder"]) == 1  # four jobs, one copy of the models
        assert len(processes["toy"]) == settings.light_processes
        assert len(set.union(*processes.values())) == sum(map(len, processes.values()))
        niceness = {app: {os.getpriority(os.PRIO_PROCESS, int(pid)) for pid in processes[app]} for app in notes}
        assert niceness == {"toy": {lower}, "holder": {lower}, "prompt": {ours}}
        holder = parent_of(int(processes["holder"].pop()))
        assert holder != worker.pid
        os.kill(holder, signal.SIGKILL)  # half a worker would leave half of the queues unserved
        wait_for(lambda: worker.poll() is not None, seconds=15)
    runtime.close()


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
