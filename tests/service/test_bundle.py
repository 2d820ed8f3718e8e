"""The doctor's bundle: what it holds, and that neither secrets nor people are in it."""

from __future__ import annotations

import zipfile

import pytest
from pydantic import SecretStr

from trivium.service.bundle import Redactor, write_bundle
from trivium.service.errors import InputError

PASSWORD = "correct-horse-battery"
LOG = (
    '{"event": "request", "user": "ann.smith", "path": "/files/1/secret.htm", "request_id": "r-1"}\n'
    '{"event": "login.failed", "actor": "ann.smith", "address": "10.1.2.3"}\n'
    "GET /login?token=abcdef0123456789 Authorization: Bearer tvk_1234567890\n"
    f"postgresql://trivium:{PASSWORD}@db/x asked by ann@example.org\n"
)


def test_secrets_are_struck_out_and_people_become_marks():
    text = Redactor((PASSWORD,)).clean(LOG)
    for gone in (PASSWORD, "abcdef0123456789", "tvk_1234567890", "ann.smith", "10.1.2.3", "secret.htm", "ann@example"):
        assert gone not in text
    assert '"request_id": "r-1"' in text
    first, second = text.splitlines()[:2]
    assert first.split('"user": "')[1][:10] == second.split('"actor": "')[1][:10]  # the same person is the same mark
    assert Redactor().clean(LOG).splitlines()[0] != first  # and another one in another bundle


def test_a_bundle_of_a_deployment(runtime, migrated, tmp_path):
    settings = migrated.model_copy(update={"oidc_client_secret": SecretStr(PASSWORD)})
    (settings.home / "logs" / "web.log").write_text(LOG + "x" * (2 << 20) + LOG)
    (settings.home / "valkey").mkdir()
    (settings.home / "valkey" / "password").write_text("broker-password-1")
    (settings.home / "logs" / "broker.log").write_text("requirepass broker-password-1\n")
    runtime.jobs.submit(app="toy", kind="count", owner="ann.smith", request={"q": "private"}, title="private.htm")
    names = write_bundle(settings, tmp_path / "b.zip")
    assert names == ["doctor.txt", "settings.txt", "packages.txt", "database.json", "logs/broker.log", "logs/web.log"]
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        parts = {name: archive.read(name).decode() for name in names}
    whole = "".join(parts.values())
    for gone in (PASSWORD, "broker-password-1", "ann.smith", "private"):
        assert gone not in whole
    assert "toy.count queued 1" in parts["database.json"]
    assert "TRIVIUM_OIDC_CLIENT_SECRET = ***" in parts["settings.txt"]
    assert len(parts["logs/web.log"]) < (1 << 20) + 1000
    assert (tmp_path / "b.zip").stat().st_mode & 0o077 == 0
    with pytest.raises(InputError, match="is there already"):
        write_bundle(settings, tmp_path / "b.zip")
