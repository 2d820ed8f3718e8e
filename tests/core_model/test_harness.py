"""Without the harness, one line says what to install."""

import importlib.util

import pytest
from tests.core_model.small import small_config

from trivium.core_model.decoder import new_decoder
from trivium.core_model.evaluate.harness import run_tasks
from trivium.service.errors import InputError


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "lm_eval" else found(name))
    with pytest.raises(InputError, match=r"^tasks need the package lm-eval; pip install lm-eval$"):
        run_tasks(new_decoder(small_config(), seed=1), tmp_path, ["any"])
