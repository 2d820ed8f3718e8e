"""What takes readings in and stores them runs without torch, LightGBM and Gradio; a worker also without pyarrow."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "lightgbm", "sklearn", "gradio", "scipy", "pandas")


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        (("trivium.maintenance.api", "trivium.maintenance.plant_cli"), HEAVY),
        (("trivium.maintenance.tasks", "trivium.maintenance.ingest.sweep"), (*HEAVY, "pyarrow")),
        (("trivium.maintenance.pages", "trivium.maintenance.seed", "trivium.maintenance.replay_cli"), HEAVY),
        (
            ("trivium.maintenance.app", "trivium.maintenance.client"),
            (*HEAVY, "pyarrow", "numpy", "sqlalchemy", "redis"),
        ),
    ],
)
def test_light_paths_stay_light(modules, absent):
    code = f"import sys, {', '.join(modules)}; print(sorted(set({absent!r}) & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
