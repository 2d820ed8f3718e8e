"""The demo's jobs: submitted once, however often the demo starts."""

from pathlib import Path

import pytest
from tests.finance.deployment import deployed, work

from trivium.finance.samples import write_samples
from trivium.finance.seed import seed
from trivium.service.jobs import JobState
from trivium.service.runtime import LOCAL_USER


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> list[Path]:
    return write_samples(tmp_path_factory.mktemp("samples"))


def test_a_second_start_adds_nothing(tmp_path, samples):
    with deployed(tmp_path / "home") as runtime:
        seed(runtime, samples)
        first = runtime.jobs.recent(owner=LOCAL_USER, app="finance")
        seed(runtime, samples)
        assert runtime.jobs.recent(owner=LOCAL_USER, app="finance") == first
        files = {job.title: [one.name for one in job.inputs] for job in first}
    assert len(first) == 4
    assert files["A bank and an insurer, FY2024"] == ["BRKF_10-K_FY2024.htm", "SGIG_10-K_FY2024.htm"]
    assert len(files["Qorvane Microdevices: two years with quarters"]) == 5
    assert len(files["Three industrial companies, FY2024"]) == 3


@pytest.mark.slow
def test_every_job_of_the_demo_is_done_by_a_worker(tmp_path, samples):
    with deployed(tmp_path / "home") as runtime:
        seed(runtime, samples)
        for job in runtime.jobs.recent(owner=LOCAL_USER):
            done = work(runtime, job)
            assert done.state is JobState.DONE, done.error
            assert "comparison.html" in [file.name for file in done.files]
