"""The kernels equal their plain twins: on a GPU as compiled, elsewhere in Triton's interpreter."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="no Triton on this platform")

# Float32 on a CPU; a GPU's grouped products take bfloat16 (8 bits of precision).
ON_GPU = torch.cuda.is_available()
LIMITS = {
    "copying": 1e-6,
    "activation": 1e-6,
    "products": 1e-6 if not ON_GPU else 5e-3,  # float32 products may be TF32
    "wide products": 1e-6 if not ON_GPU else 1e-2,
    "products by expert": 1e-6 if not ON_GPU else 1e-2,
    "few rows": 1e-6 if not ON_GPU else 1e-2,
    "summing of few": 1e-6 if not ON_GPU else 1e-2,
    "routing of few": 1e-6 if not ON_GPU else 1e-2,
    "chained": 1e-5 if not ON_GPU else 3e-2,
    "routing": 1e-6 if not ON_GPU else 2e-2,  # gradients in bfloat16
    "token losses": 1e-6 if not ON_GPU else 1e-2,
    "reading pages": 1e-6 if not ON_GPU else 2e-3,
    "whole": 1e-6 if not ON_GPU else 3e-2,
    "few": 1e-6 if not ON_GPU else 3e-2,
}
NAMES = (
    "sorting",
    "sorting one token",
    "sorting for many experts",
    "sorting many",
    "copying",
    "activation",
    "products",
    "wide products",
    "products by expert",
    "few rows",
    "routing",
    "routing of few",
    "routing of no number",
    "summing of few",
    "both ends",
    "token losses",
    "reading pages",
    "whole",
    "few",
    "one graph",
    "chained",
)


@pytest.fixture(scope="module")
def differences() -> dict[str, float]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if not ON_GPU:
        environment["TRITON_INTERPRET"] = "1"
    command = [sys.executable, str(Path(__file__).with_name("kernel_checks.py"))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_equals_its_plain_twin(differences, name):
    assert differences[name] <= LIMITS.get(name, 0.0)


@pytest.mark.slow
def test_every_check_is_asked_for(differences):
    assert set(differences) == set(NAMES)
