"""Workbooks calculated anew by LibreOffice: what a reader sees after every formula ran, without the stored results."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

_STORED = re.compile(rb"</f><v>[^<]*</v>")

needs_soffice = pytest.mark.skipif(
    shutil.which("soffice") is None and os.environ.get("CI") != "true", reason="LibreOffice is not installed"
)


def without_results(workbook: bytes) -> bytes:
    """Return the workbook with no result stored beside any formula, so that only calculation can give one."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as given, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bare:
        for entry in given.infolist():
            content = given.read(entry)
            if entry.filename.startswith("xl/worksheets/sheet"):
                content = _STORED.sub(b"</f>", content)
            bare.writestr(entry, content)
    return target.getvalue()


def converted(document: bytes, name: str, to: str, folder: Path) -> Path:
    """Convert a document with a LibreOffice of its own profile; `to` is a suffix such as `xlsx` or `pdf`."""
    source = folder / name
    source.write_bytes(document)
    out = folder / "converted"
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    command = ["soffice", "--headless", profile, "--convert-to", to, "--outdir", str(out), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return out / f"{source.stem}.{to.partition(':')[0]}"
