"""Specs: what is checked, what is missing, which apps a deployment shows."""

from importlib import metadata

import pytest

from trivium.service import supervise
from trivium.service.app_spec import AppSpec, Queue, enabled_apps, installed_apps, require, resolve
from trivium.service.errors import InputError
from trivium.service.runtime import open_runtime
from trivium.service.settings import Settings


def spec(**fields) -> AppSpec:
    return AppSpec(**({"name": "toy", "help": "A toy.", "package": "toy"} | fields))


def test_finance_is_found_through_its_entry_point():
    assert "finance" in [found.name for found in installed_apps()]


def test_only_the_apps_asked_for_in_their_order():
    assert [found.name for found in enabled_apps(" finance , finance")] == ["finance"]


def test_an_unknown_app_is_named():
    with pytest.raises(InputError, match=r"^TRIVIUM_APPS: no app is called 'finanse'; known: .*finance"):
        enabled_apps("finanse")


def test_a_missing_extra_is_one_line():
    absent = spec(extra="toys", needs=("json", "no_such_module"))
    assert absent.missing == ("no_such_module",)
    with pytest.raises(InputError) as caught:
        require(absent)
    assert caught.value.line == "toy is not installed: pip install 'trivium[toys]'"


def test_jobs_go_to_the_first_queue_unless_routed():
    routed = spec(queues=(Queue("fast"), Queue("deep", worker="model")), routes={"scan": "deep"})
    assert routed.queue_of("compare") == "fast"
    assert routed.queue_of("scan") == "deep"


def test_a_queue_whose_modules_are_absent_has_no_worker_and_takes_no_job(tmp_path):
    queues = (Queue("fast"), Queue("deep", needs=("json", "no_such_module")))
    poor = spec(extra="toys", tasks="toys.tasks", queues=queues, routes={"scan": "deep"})
    assert (poor.missing_for("compare"), poor.missing_for("scan")) == ((), ("no_such_module",))
    settings = Settings(home=tmp_path)
    workers = [child.arguments for child in supervise._children(settings, (poor,)) if child.name.startswith("worker")]
    assert workers == [["worker", "--no-sweeper", "--queues", "fast"]]
    runtime = open_runtime(settings, apps=(poor,), publish=lambda *message: None)
    with pytest.raises(InputError) as caught:
        runtime.jobs.submit(app="toy", kind="scan", owner="ann", request={}, inputs=())
    runtime.close()
    assert caught.value.line == "toy: scan needs no_such_module: pip install 'trivium[toys]'"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"roles": {"reader": ("toy.read",)}}, "permissions that are not declared: toy.read"),
        ({"permissions": ("toy.read",), "persons_only": ("toy.sign",)}, "permissions that are not declared: toy.sign"),
        ({"permissions": ("toy.read", "tool.read")}, r"permissions begin with toy\. and these do not: tool\.read"),
        ({"roles": {"admin": ()}}, "the role admin is the platform's"),
        ({"api_prefix": "v1"}, "api_prefix 'v1' is not a path such as /v1"),
        ({"routes": {"scan": "deep"}}, "queues that are not declared: deep"),
        ({"ui": "toy.ui:build", "pages": "toy.pages:router"}, "ui and pages would lie on the same path"),
    ],
)
def test_a_spec_that_contradicts_itself_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        spec(**fields)


def test_every_installed_app_can_be_reached_by_some_role():
    """A page needs `<app>.read`, jobs need `<app>.run`; an app that grants them to nobody is shut."""
    for found in installed_apps():
        granted = {permission for permissions in found.roles.values() for permission in permissions}
        wanted = {found.read_permission: found.has_page or found.queues, found.run_permission: found.queues}
        assert {permission for permission, is_needed in wanted.items() if is_needed} <= granted, found.name


def test_an_app_without_a_queue_takes_no_jobs():
    with pytest.raises(ValueError, match="toy has no queue"):
        spec().queue_of("compare")


def test_unknown_kind_of_worker():
    with pytest.raises(ValueError, match="no worker is called 'heavy'; known: prompt, light, model"):
        Queue("q", worker="heavy")


def test_resolve_takes_an_attribute_or_a_module():
    import json

    assert resolve("json:dumps") is json.dumps
    assert resolve("json") is json


def test_what_is_installed_is_looked_up_once(monkeypatch):
    monkeypatch.syspath_prepend("/a/path/of/this/test")
    looked = []
    scan = metadata.entry_points
    monkeypatch.setattr(metadata, "entry_points", lambda **wanted: looked.append(wanted) or scan(**wanted))
    first = installed_apps()
    assert installed_apps() is first
    assert looked == [{"group": "trivium.apps"}]
