"""Jobs: states, leases, fences, recovery, all with a clock that moves when told, on SQLite and on PostgreSQL."""

import subprocess
import sys

import pytest
from sqlalchemy import insert, select

from trivium.service import tables
from trivium.service.errors import InputError, NotFoundError
from trivium.service.estimate import Estimate
from trivium.service.evidence import ReportFile
from trivium.service.holders import this_process
from trivium.service.jobs import Job, JobEvent, JobInput, JobState, LeaseLostError

FILE = ReportFile("report.html", "text/html", "a" * 64, 5)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


def submit(runtime, **fields) -> Job:
    values = {"app": "toy", "kind": "count", "owner": "ann", "request": {"to": 3}} | fields
    return runtime.jobs.submit(**values)


def history(runtime, job: Job) -> list[str]:
    return [event.what for event in runtime.jobs.events(job.id)]


def test_a_job_is_kept_and_its_id_is_sent(runtime, outbox, clock):
    job = submit(runtime, inputs=(JobInput("a.htm", "b" * 64, 7),), title="Two filings")
    assert outbox.sent == [("toy.count", job.id, "toy")]
    read = runtime.jobs.get(job.id, owner="ann")
    assert (read.state, read.request, read.title) == (JobState.QUEUED, {"to": 3}, "Two filings")
    assert read.inputs == (JobInput("a.htm", "b" * 64, 7),)
    assert read.created_at == clock.time


def test_work_that_can_wait_has_a_queue_of_its_own(runtime, outbox):
    job = submit(runtime, can_wait=True)
    assert outbox.sent == [("toy.count", job.id, "toy.low")]


def test_what_belongs_to_another_is_not_found(runtime):
    job = submit(runtime)
    with pytest.raises(NotFoundError, match="no such job"):
        runtime.jobs.get(job.id, owner="bob")
    with pytest.raises(NotFoundError):
        runtime.jobs.cancel(job.id, owner="bob")
    assert runtime.jobs.recent(owner="bob") == []


def test_an_unknown_app_is_refused(runtime):
    with pytest.raises(InputError, match="no app is called 'nose'; enabled: toy"):
        submit(runtime, app="nose")


def test_one_key_one_job(runtime, outbox):
    first = submit(runtime, idempotency_key="k")
    assert submit(runtime, idempotency_key="k").id == first.id
    assert submit(runtime, idempotency_key="k", owner="bob").id != first.id
    assert len(outbox.sent) == 2


def test_from_claim_to_result(runtime, clock):
    job = submit(runtime)
    held = runtime.jobs.claim(job.id, "worker-1")
    assert (held.state, held.attempts, held.fence) == (JobState.RUNNING, 1, 1)
    runtime.jobs.report_progress(held, "parse", 0.5, is_new_stage=True)
    assert runtime.jobs.get(job.id).progress == 0.5
    clock.forward(3)
    runtime.jobs.finish(held, title="Done", report_sha256="c" * 64, files=(FILE,))
    done = runtime.jobs.get(job.id)
    assert (done.state, done.title, done.progress, done.files) == (JobState.DONE, "Done", 1.0, (FILE,))
    assert (done.finished_at - done.started_at).total_seconds() == 3
    assert history(runtime, job) == ["queued", "running", "stage", "done"]


def test_a_second_message_finds_nothing_to_do(runtime):
    job = submit(runtime)
    held = runtime.jobs.claim(job.id, "worker-1")
    assert runtime.jobs.claim(job.id, "worker-2") is None
    runtime.jobs.finish(held, title="", report_sha256="", files=())
    assert runtime.jobs.claim(job.id, "worker-2") is None
    assert runtime.jobs.claim("unknown", "worker-2") is None
    assert runtime.jobs.get(job.id).title == "count"


def test_every_visible_change_has_its_version(runtime):
    job = submit(runtime)
    held = runtime.jobs.claim(job.id, "w")
    runtime.jobs.report_progress(held, "parse", 0.5, is_new_stage=True)
    runtime.jobs.renew(held)  # not visible
    runtime.jobs.fail(held, error="no", reference="12345678")
    assert runtime.jobs.get(job.id).version == 4


def test_a_renewed_lease_is_left_alone(runtime, clock):
    held = runtime.jobs.claim(submit(runtime).id, "w")
    clock.forward(5)
    assert runtime.jobs.renew(held) is False
    clock.forward(5)
    assert runtime.jobs.recover() == []


def test_a_lost_lease_starts_again_and_the_old_holder_is_fenced_out(runtime, clock, outbox):
    job = submit(runtime)
    old = runtime.jobs.claim(job.id, "w-1")
    clock.forward(6.1)
    assert [again.id for again in runtime.jobs.recover()] == [job.id]
    assert outbox.sent[-1] == ("toy.count", job.id, "toy.again")  # before those that have not begun
    for write in (
        lambda: runtime.jobs.renew(old),
        lambda: runtime.jobs.report_progress(old, "parse", 0.9, is_new_stage=True),
        lambda: runtime.jobs.finish(old, title="", report_sha256="", files=(FILE,)),
        lambda: runtime.jobs.fail(old, error="late", reference=""),
        lambda: runtime.jobs.stop(old),
    ):
        with pytest.raises(LeaseLostError):
            write()
    new = runtime.jobs.claim(job.id, "w-2")
    assert (new.attempts, new.fence) == (2, 3)
    with pytest.raises(LeaseLostError):
        runtime.jobs.fail(old, error="late", reference="")
    runtime.jobs.finish(new, title="", report_sha256="", files=(FILE,))
    assert runtime.jobs.get(job.id).files == (FILE,)
    assert history(runtime, job) == ["queued", "running", "recovered", "running", "done"]


def test_a_job_that_kills_its_worker_is_quarantined(runtime, clock):
    job = submit(runtime)
    for _ in range(3):
        held = runtime.jobs.claim(job.id, "w")
        runtime.jobs.report_progress(held, "parse", 0.1, is_new_stage=True)
        clock.forward(7)
        runtime.jobs.recover()
    ended = runtime.jobs.get(job.id)
    assert (ended.state, ended.attempts) == (JobState.QUARANTINED, 3)
    assert ended.error == "the worker died 3 times while it ran this job, the last time in the stage 'parse'"
    assert runtime.jobs.events(job.id)[-1] == JobEvent(clock.time, "quarantined", ended.error, "parse", "w")
    assert len(ended.error_reference) == 8
    assert runtime.jobs.claim(job.id, "w") is None


def test_a_job_survives_a_broker_that_is_away(runtime, outbox):
    outbox.is_away = True
    job = submit(runtime)
    assert job.state == JobState.QUEUED
    outbox.is_away = False
    assert [again.id for again in runtime.jobs.recover()] == [job.id]
    assert outbox.sent == [("toy.count", job.id, "toy")]
    assert runtime.jobs.recover() == []


def test_a_broker_that_is_away_is_asked_once_a_sweep(runtime, outbox):
    outbox.is_away = True
    jobs = [submit(runtime) for _ in range(3)]
    outbox.asked = 0
    assert len(runtime.jobs.recover()) == 3
    assert outbox.asked == 1
    outbox.is_away = False
    assert [again.id for again in runtime.jobs.recover()] == [job.id for job in jobs]
    assert [sent[1] for sent in outbox.sent] == [job.id for job in jobs]


def sends_within(runtime, clock, seconds: int) -> list[int]:
    """Sweep every second; return when messages were sent."""
    moments = []
    for second in range(1, seconds + 1):
        clock.forward(1)
        moments += [second for _ in runtime.jobs.recover()]
    return moments


def test_a_message_that_got_lost_is_sent_again_with_doubling_waits(runtime, clock):
    submit(runtime)
    assert sends_within(runtime, clock, 100) == [6, 17, 38, 79]


def test_while_its_queue_is_busy_a_job_waits_longer_for_another_message(runtime, clock):
    running = runtime.jobs.claim(submit(runtime).id, "w")
    clock.forward(1)
    submit(runtime)
    moments = []
    for second in range(1, 200):
        clock.forward(1)
        runtime.jobs.renew(running)
        moments += [second for _ in runtime.jobs.recover()]
    assert moments == [61, 182]


def test_a_job_that_later_ones_have_overtaken_has_lost_its_message(runtime, clock, outbox):
    swallowed = submit(runtime)
    clock.forward(3)
    beside = submit(runtime, app="toy")
    clock.forward(3)
    later = submit(runtime)
    runtime.jobs.claim(later.id, "w")
    assert [job.id for job in runtime.jobs.recover()] == [swallowed.id]  # 6 s behind; `beside` only 3
    assert outbox.sent[-1] == ("toy.count", swallowed.id, "toy.again")
    assert runtime.jobs.recover() == []
    assert runtime.jobs.get(beside.id).state == JobState.QUEUED


def test_a_recovered_job_does_not_make_others_look_overtaken(runtime, clock):
    first = submit(runtime)
    runtime.jobs.claim(first.id, "w")
    submit(runtime)
    clock.forward(7)
    assert [job.id for job in runtime.jobs.recover()] == [first.id]
    runtime.jobs.claim(first.id, "w")
    clock.forward(1)
    assert runtime.jobs.recover() == []


def test_the_job_of_a_process_that_has_ended_is_recovered_at_once(runtime):
    ended = subprocess.run(
        [sys.executable, "-c", "from trivium.service.holders import this_process; print(this_process())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    job, alive = submit(runtime), submit(runtime)
    runtime.jobs.claim(job.id, ended.stdout.strip())
    runtime.jobs.claim(alive.id, this_process())
    if this_process().partition("@")[2]:  # else this system does not tell
        assert [again.id for again in runtime.jobs.recover()] == [job.id]
        event = runtime.jobs.events(job.id)[-1]
        assert (event.what, event.detail, event.worker) == ("recovered", "gone", ended.stdout.partition("@")[0])


def test_cancel_before_it_runs(runtime, clock):
    job = submit(runtime)
    assert runtime.jobs.cancel(job.id, owner="ann").state == JobState.CANCELLED
    assert runtime.jobs.claim(job.id, "w") is None


def test_cancel_while_it_runs_is_told_at_renewal(runtime):
    held = runtime.jobs.claim(submit(runtime).id, "w")
    assert runtime.jobs.cancel(held.id).state == JobState.RUNNING
    assert runtime.jobs.renew(held) is True
    runtime.jobs.stop(held)
    assert runtime.jobs.get(held.id).state == JobState.CANCELLED
    assert history(runtime, held) == ["queued", "running", "cancel", "cancelled"]


def test_cancel_reaches_a_job_whose_worker_died(runtime, clock):
    held = runtime.jobs.claim(submit(runtime).id, "w")
    runtime.jobs.cancel(held.id)
    clock.forward(7)
    assert runtime.jobs.recover() == []
    assert runtime.jobs.get(held.id).state == JobState.CANCELLED


def end(runtime, job: Job, state: str, clock) -> Job:
    """Bring a job to an end without a result."""
    if state == "cancelled":
        return runtime.jobs.cancel(job.id)
    for _ in range(3):
        held = runtime.jobs.claim(job.id, "w")
        runtime.jobs.report_progress(held, "parse", 0.7, is_new_stage=True)
        if state == "failed":
            runtime.jobs.fail(held, error="no", reference="12345678")
            break
        clock.forward(7)
        runtime.jobs.recover()
    return runtime.jobs.get(job.id)


@pytest.mark.parametrize("state", ["failed", "cancelled", "quarantined"])
def test_a_job_without_a_result_is_tried_again(runtime, clock, outbox, state):
    job = end(runtime, submit(runtime, can_wait=True), state, clock)
    assert job.state == state
    again = runtime.jobs.retry(job.id, owner="ann")
    assert (again.state, again.attempts, again.progress, again.error) == (JobState.QUEUED, 0, 0.0, "")
    assert (again.finished_at, again.cancel_requested, again.version) == (None, False, job.version + 1)
    assert outbox.sent[-1] == ("toy.count", job.id, "toy.low")
    held = runtime.jobs.claim(job.id, "w")
    assert held.fence > job.fence
    for _ in range(2):  # a whole series of attempts again
        clock.forward(7)
        runtime.jobs.recover()
        held = runtime.jobs.claim(job.id, "w")
    runtime.jobs.finish(held, title="", report_sha256="", files=())
    assert history(runtime, job).count("retry") == 1


def test_retry_leaves_alone_what_waits_or_runs_and_refuses_what_is_done(runtime, outbox):
    job = submit(runtime)
    assert runtime.jobs.retry(job.id).version == job.version
    held = runtime.jobs.claim(job.id, "w")
    assert runtime.jobs.retry(job.id).state == JobState.RUNNING
    runtime.jobs.finish(held, title="", report_sha256="", files=())
    with pytest.raises(InputError, match="the job is done; replay it to do the same work as a new job"):
        runtime.jobs.retry(job.id)
    with pytest.raises(NotFoundError):
        runtime.jobs.retry(job.id, owner="bob")
    assert len(outbox.sent) == 1


def test_an_old_holder_is_fenced_out_of_a_retried_job(runtime):
    held = runtime.jobs.claim(submit(runtime).id, "w")
    runtime.jobs.fail(held, error="no", reference="")
    runtime.jobs.retry(held.id)
    with pytest.raises(LeaseLostError):
        runtime.jobs.once(held, "effect", lambda connection: pytest.fail("was written"))


def test_replay_is_a_new_job_with_the_same_files_and_request(runtime, clock, outbox):
    inputs = (JobInput("a.htm", "b" * 64, 7),)
    job = end(runtime, submit(runtime, inputs=inputs, title="Two", can_wait=True), "failed", clock)
    again = runtime.jobs.replay(job.id, owner="ann", idempotency_key="k")
    assert (again.id != job.id, again.origin, again.state) == (True, job.id, JobState.QUEUED)
    assert (again.owner, again.title, again.request, again.inputs) == ("ann", "Two", {"to": 3}, inputs)
    assert outbox.sent[-1] == ("toy.count", again.id, "toy.low")
    assert runtime.jobs.replay(job.id, idempotency_key="k").id == again.id  # a second click
    assert runtime.jobs.replay(job.id).id != again.id
    with pytest.raises(NotFoundError):
        runtime.jobs.replay(job.id, owner="bob")
    assert runtime.jobs.get(job.id).state == JobState.FAILED


def test_an_effect_happens_once_in_a_jobs_life(runtime, clock):
    def effect(connection) -> None:
        connection.execute(insert(tables.lease).values(name=f"e{clock.time}", holder="h", until=clock.time))

    job = submit(runtime)
    old = runtime.jobs.claim(job.id, "w")
    assert runtime.jobs.once(old, "alert", effect) is True
    assert runtime.jobs.once(old, "alert", effect) is False
    clock.forward(7)
    runtime.jobs.recover()
    new = runtime.jobs.claim(job.id, "w")
    assert runtime.jobs.once(new, "alert", effect) is False
    with pytest.raises(LeaseLostError):
        runtime.jobs.once(old, "other", effect)
    with runtime.database.read() as connection:
        assert len(connection.execute(select(tables.lease)).all()) == 1


def test_an_effect_that_fails_may_be_tried_again(runtime):
    held = runtime.jobs.claim(submit(runtime).id, "w")
    with pytest.raises(ZeroDivisionError):
        runtime.jobs.once(held, "alert", lambda connection: 1 / 0)
    assert runtime.jobs.once(held, "alert", lambda connection: None) is True


def test_history_has_time_stage_and_worker(runtime, clock):
    held = runtime.jobs.claim(submit(runtime).id, "host:7@a:1")
    clock.forward(2)
    runtime.jobs.report_progress(held, "parse", 0.1, is_new_stage=True)
    runtime.jobs.cancel(held.id)
    events = runtime.jobs.events(held.id)
    assert [(event.what, event.stage, event.worker) for event in events] == [
        ("queued", "", ""), ("running", "", "host:7"), ("stage", "parse", ""), ("cancel", "parse", ""),
    ]  # fmt: skip
    assert (events[2].at - events[1].at).total_seconds() == 2


def test_an_estimate_comes_from_three_earlier_jobs(runtime, clock):
    def work(job: Job, parse_s: float, check_s: float) -> None:
        held = runtime.jobs.claim(job.id, "w")
        for stage, seconds in (("parse", parse_s), ("check", check_s)):
            runtime.jobs.report_progress(held, stage, 0.5, is_new_stage=True)
            clock.forward(seconds)
        runtime.jobs.finish(held, title="", report_sha256="", files=())

    work(submit(runtime), 3, 1)
    work(submit(runtime), 4, 2)
    assert runtime.jobs.estimate(submit(runtime)) is None
    runtime.jobs._estimates._kept.clear()
    work(submit(runtime), 5, 9)
    job = submit(runtime)
    assert runtime.jobs.estimate(job) == Estimate(6.0, 3, is_late=False)  # medians 4 s and 2 s
    held = runtime.jobs.claim(job.id, "w")
    runtime.jobs.report_progress(held, "parse", 0.1, is_new_stage=True)
    clock.forward(1)
    assert runtime.jobs.estimate(runtime.jobs.get(job.id)) == Estimate(5.0, 3, is_late=False)
    clock.forward(4)
    assert runtime.jobs.estimate(runtime.jobs.get(job.id)) == Estimate(2.0, 3, is_late=True)
    runtime.jobs.finish(held, title="", report_sha256="", files=())
    assert runtime.jobs.estimate(runtime.jobs.get(job.id)) is None


def test_lists_are_newest_first(runtime, clock):
    ids = []
    for _ in range(3):
        ids.append(submit(runtime).id)
        clock.forward(1)
    assert [job.id for job in runtime.jobs.recent(owner="ann", app="toy")] == ids[::-1]
    assert [job.id for job in runtime.jobs.recent(limit=1)] == ids[-1:]
    assert runtime.jobs.recent(app="other") == []
    runtime.jobs.cancel(ids[0])
    assert [job.id for job in runtime.jobs.recent(state=JobState.CANCELLED)] == ids[:1]


def test_one_holder_of_a_named_lease(runtime, clock):
    assert runtime.jobs.hold("sweeper", "a", seconds=3)
    assert not runtime.jobs.hold("sweeper", "b", seconds=3)
    clock.forward(2)
    assert runtime.jobs.hold("sweeper", "a", seconds=3)
    clock.forward(3.1)
    assert runtime.jobs.hold("sweeper", "b", seconds=3)
    assert not runtime.jobs.hold("sweeper", "a", seconds=3)
