"""The server that the tests of a module share."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from tests.medical.deployment import deployed
from tests.medical.pages.site import Site

from trivium.service.passwords import Passwords


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        patch.setattr("trivium.service.people.Passwords", lambda: cheap)
        patch.setattr("trivium.medical.workflow.step_up.Passwords", lambda: cheap)
        with deployed(tmp_path_factory.mktemp("site")) as runtime:
            yield Site(runtime)
