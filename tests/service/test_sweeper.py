"""The sweeper lets each enabled app look after its own, and one that fails keeps nobody else from it."""

from __future__ import annotations

from dataclasses import replace

from trivium.service.app_spec import AppSpec
from trivium.service.errors import UpstreamError
from trivium.service.sweeper import sweep_once

swept: list[str] = []


def fail(runtime) -> None:
    swept.append("failed")
    raise UpstreamError("nobody answers", where="broker")


def look(runtime) -> None:
    swept.append(str(runtime.settings.home))


def test_apps_are_swept_by_the_elected_one_only(runtime):
    swept.clear()
    specs = tuple(
        AppSpec(name=name, help="", package="trivium.service", sweep=f"tests.service.test_sweeper:{name}")
        for name in ("fail", "look")
    )
    runtime = replace(runtime, apps=specs)
    assert sweep_once(runtime, "one")
    assert swept == ["failed", str(runtime.settings.home)]
    assert not sweep_once(runtime, "two")
    assert len(swept) == 2
