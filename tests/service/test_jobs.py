"""Jobs: states, leases, fences, recovery, all with a clock that moves when told, on SQLite and on PostgreSQL."""

import pytest

from trivium.service.errors import InputError, NotFoundError
from trivium.service.evidence import ReportFile
from trivium.service.jobs import Job, JobInput, JobState, LeaseLostError

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
    assert outbox.sent[-1] == ("toy.count", job.id, "toy")
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
        runtime.jobs.claim(job.id, "w")
        clock.forward(7)
        runtime.jobs.recover()
    ended = runtime.jobs.get(job.id)
    assert (ended.state, ended.attempts) == (JobState.QUARANTINED, 3)
    assert ended.error == "the worker died 3 times while it ran this job"
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


def test_a_message_that_got_lost_is_sent_again(runtime, clock, outbox):
    job = submit(runtime)
    clock.forward(31)
    assert [again.id for again in runtime.jobs.recover()] == [job.id]
    assert len(outbox.sent) == 2


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


def test_lists_are_newest_first(runtime, clock):
    ids = []
    for _ in range(3):
        ids.append(submit(runtime).id)
        clock.forward(1)
    assert [job.id for job in runtime.jobs.recent(owner="ann", app="toy")] == ids[::-1]
    assert [job.id for job in runtime.jobs.recent(limit=1)] == ids[-1:]
    assert runtime.jobs.recent(app="other") == []


def test_one_holder_of_a_named_lease(runtime, clock):
    assert runtime.jobs.hold("sweeper", "a", seconds=3)
    assert not runtime.jobs.hold("sweeper", "b", seconds=3)
    clock.forward(2)
    assert runtime.jobs.hold("sweeper", "a", seconds=3)
    clock.forward(3.1)
    assert runtime.jobs.hold("sweeper", "b", seconds=3)
    assert not runtime.jobs.hold("sweeper", "a", seconds=3)
