"""The installer in a bundle, up to where it would install: CI does that, in minutes (`tools/prove_bundle.sh`)."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

INSTALLER = Path(__file__).parents[2] / "tools" / "install_offline.sh"


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "trivium"
    (folder / "wheels").mkdir(parents=True)
    shutil.copy(INSTALLER, folder / "install.sh")
    (folder / "python").write_text("{}.{}\n".format(*sys.version_info[:2]))
    (folder / "extras").write_text("finance\n")
    (folder / "wheels" / "a.whl").write_bytes(b"abc")
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(b'abc').hexdigest()}  wheels/a.whl\n")
    return folder


def install(bundle, python=sys.executable):
    command = ["sh", str(bundle / "install.sh"), "there"]
    environment = {"PATH": "/usr/bin:/bin", "TRIVIUM_PYTHON": python}
    ended = subprocess.run(command, cwd=bundle.parent, env=environment, capture_output=True, text=True, timeout=60)
    return ended.returncode, ended.stderr


def test_a_damaged_or_missing_file_is_named(bundle):
    (bundle / "wheels" / "a.whl").write_bytes(b"abd")
    assert install(bundle) == (1, "wheels/a.whl is missing or damaged; copy the bundle again\n")
    (bundle / "wheels" / "a.whl").unlink()
    assert install(bundle) == (1, "wheels/a.whl is missing or damaged; copy the bundle again\n")
    assert not (bundle.parent / "there").exists()


def test_another_python_is_refused(bundle):
    (bundle / "python").write_text("3.99\n")
    text = (
        f"this bundle needs Python 3.99, and {sys.executable} is not one; install it, or name it with TRIVIUM_PYTHON\n"
    )
    assert install(bundle) == (1, text)
