"""The command line: what it says, its exit codes, and what it imports."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from tests.service.suite import PLUGINS, environment, trivium

from trivium.service import cli
from trivium.service.app_spec import installed_apps
from trivium.service.evidence import Report
from trivium.service.runner import run_job
from trivium.service.runtime import open_runtime
from trivium.service.settings import current_settings

HEAVY = ("gradio", "torch", "lxml", "celery", "fastapi", "sqlalchemy", "pandas", "numpy")


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def imported_by(code: str, home) -> set[str]:
    """Return which heavy modules a fresh process has imported after the code."""
    script = f"import sys\n{code}\nprint('imported:', *[name for name in {HEAVY!r} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", script], env=environment(home), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.rpartition("imported:")[2].split())


@pytest.mark.parametrize(
    "code",
    [
        "import trivium.service",
        "import trivium.service.errors, trivium.service.evidence, trivium.service.text, trivium.service.app_spec",
        "import trivium.finance, trivium.finance.app",
        "from trivium.service.cli import run; run(['--help'])",
        "from trivium.service.cli import run; run(['toy', 'count', '1'])",
    ],
)
def test_light_paths_stay_light(code, home):
    assert imported_by(code, home) == set()


def test_help_lists_apps_without_importing_them(home):
    shown = trivium("--help", home=home)
    assert shown.returncode == 0
    assert "Counts, waits and fails as told." in shown.stdout
    assert "Is never installed." in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("toy", "count", "2"), 0, ""),
        (("toy", "fail"), 1, "trivium: a.htm: is empty; give a filing\n"),
        (
            ("toy", "crash"),
            1,
            "trivium: something went wrong inside Trivium (ZeroDivisionError: by zero of all things); "
            "TRIVIUM_LOG_LEVEL=DEBUG shows where\n",
        ),
        (("toy", "count"), 2, "trivium: Missing argument 'to'; see: trivium toy count --help\n"),
        (("nose",), 2, "trivium: No such command 'nose'; see: trivium --help\n"),
        (("absent", "anything"), 1, "trivium: absent is not installed: pip install 'trivium[absent]'\n"),
        (("db", "upgrade", "--nose"), 2, "trivium: No such option: --nose; see: trivium db upgrade --help\n"),
    ],
)
def test_exit_codes_and_one_line_errors(home, arguments, code, error):
    ended = trivium(*arguments, home=home)
    assert (ended.returncode, ended.stderr) == (code, error)


def test_debug_shows_where_a_crash_was(home):
    assert 'raise ZeroDivisionError("by zero' in trivium("toy", "crash", home=home, TRIVIUM_LOG_LEVEL="DEBUG").stderr


def test_commands_of_an_owner_may_stand_at_the_top(home):
    shown = trivium("--help", home=home, TRIVIUM_APPS="core_model").stdout
    assert "Train a language model on text" in shown
    assert "core_model" not in shown
    assert trivium("core_model", home=home, TRIVIUM_APPS="core_model").returncode == 2
    assert trivium("train", home=home).stderr == "trivium: No such command 'train'; see: trivium --help\n"


def test_an_app_that_is_not_enabled_is_no_command(home):
    assert trivium("finance", home=home).stderr == "trivium: No such command 'finance'; see: trivium --help\n"


def test_db_upgrade_then_nothing_to_do(home):
    applied = trivium("db", "upgrade", home=home).stdout
    assert applied.startswith("Applied ")
    assert "service_0006" in applied
    assert trivium("db", "upgrade", home=home).stdout == "Nothing to do.\n"


def test_config_show_masks_and_names_origins(home):
    given = {"TRIVIUM_REDIS_URL": "redis://:kettle@localhost/0", "TRIVIUM_SESION_HOURS": "1", "TRIVIUM_MQTT_KEY": "k"}
    ended = trivium("config", "show", home=home, **given)
    assert "kettle" not in ended.stdout
    assert ended.stderr == "TRIVIUM_SESION_HOURS is no setting; TRIVIUM_SESSION_HOURS is\n"
    lines = {line.split()[0]: line for line in ended.stdout.splitlines()}
    starts = {re.match(r"\S+ +", line).end() for line in lines.values()}
    assert len(starts) == 1  # one column, however long the names
    assert "redis://:***@localhost/0" in lines["TRIVIUM_REDIS_URL"]
    assert " environment " in lines["TRIVIUM_REDIS_URL"]
    assert " default " in lines["TRIVIUM_PORT"]


def test_doctor_fails_only_for_what_must_work(home):
    seen = trivium("doctor", home=home, TRIVIUM_SESION_HOURS="1")
    assert seen.returncode == 0, seen.stdout
    assert "note  settings: TRIVIUM_SESION_HOURS is no setting; TRIVIUM_SESSION_HOURS is" in seen.stdout
    assert "note  broker: broker: no broker runs; start `trivium up`" in seen.stdout
    assert "note  app absent: not installed: pip install 'trivium[absent]'" in seen.stdout
    broken = trivium("doctor", home=home, TRIVIUM_REDIS_URL="redis://127.0.0.1:1/0")
    assert broken.returncode == 1
    assert "fail  broker: does not answer" in broken.stdout


def test_a_wrong_setting_is_one_line(home):
    ended = trivium("doctor", home=home, TRIVIUM_PORT="x")
    assert ended.stderr.startswith("trivium: TRIVIUM_PORT: input should be a valid integer")
    assert ended.stderr.count("\n") == 1


INSTALLED = [spec for spec in installed_apps() if not spec.missing]
LIGHT = [spec for spec in INSTALLED if any(queue.worker == "light" for queue in spec.queues)]


@pytest.mark.parametrize("spec", LIGHT, ids=[spec.name for spec in LIGHT])
def test_tasks_of_light_queues_import_no_page_and_no_model(spec, home):
    """What a light worker imports for an app: neither gradio nor torch; arrays only where sensors are scored."""
    heavy = {"gradio", "torch", "pandas"} | (set() if spec.name == "maintenance" else {"numpy"})
    code = f"from trivium.service.app_spec import resolve; resolve({spec.tasks!r})"
    assert imported_by(code, home) & heavy == set()


@pytest.fixture
def here(home, monkeypatch, capsys):
    """Run commands in this process, where the program need not start anew for each; what they print is returned."""
    monkeypatch.syspath_prepend(str(PLUGINS))
    for name, value in environment(home).items():
        if name.startswith("TRIVIUM_"):
            monkeypatch.setenv(name, value)
    current_settings.cache_clear()

    def run(*arguments):
        code = cli.run(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    yield run
    current_settings.cache_clear()


def end(job_id: str) -> None:
    """Have a job done, as a worker would."""
    runtime = open_runtime(current_settings(), publish=lambda *message: None)
    run_job(job_id, lambda context: Report("", "en"), runtime=runtime)
    runtime.close()


def test_jobs_from_the_terminal(here):
    """One job's whole life as an operator sees it; no broker runs, so its message waits for one."""
    here("db", "upgrade")
    runtime = open_runtime(current_settings(), publish=lambda *message: None)
    job_id = runtime.jobs.submit(app="toy", kind="count", owner="ann", request={}, title="Two filings").id
    runtime.close()
    assert here("jobs", "list")[1].split()[0] == job_id
    assert here("jobs", "list", "--state", "failed") == (0, "", "There is no such job.\n")
    assert "cancelled" in here("jobs", "cancel", job_id)[1]
    assert "queued" in here("jobs", "retry", job_id)[1]
    end(job_id)
    code, out, error = here("jobs", "cancel", job_id)
    assert (code, " done " in out, error.splitlines()[-1]) == (0, True, "It had ended; nothing was stopped.")
    shown = here("jobs", "show", job_id)[1]
    assert [word for word in ("ann", "1 of 3", "cancelled", "retry") if word not in shown] == []
    purged = here("jobs", "purge", "--dry-run", "--days", "1")[1]
    assert purged == "Would remove 0 jobs that ended over 1 day ago: 0 files, 0 bytes.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("show", "nose"), 1, "trivium: nose: no such job\n"),
        (("purge",), 1, "trivium: TRIVIUM_JOB_RETENTION_DAYS: jobs are kept for ever; set it, or give --days\n"),
        (
            ("list", "--state", "lost"),
            2,  # wrong use: an option that cannot be used
            "trivium: --state: 'lost' is no state of a job; "
            "use queued, running, done, failed, cancelled, quarantined\n",
        ),
    ],
)
def test_what_cannot_be_done_with_jobs_is_one_line(here, arguments, code, error):
    here("db", "upgrade")
    assert here("jobs", *arguments) == (code, "", error)
