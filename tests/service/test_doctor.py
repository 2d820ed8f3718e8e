"""What `trivium doctor` sees of machine and backups; disk is in `test_disk.py`, the command in `test_cli.py`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from trivium.service import doctor
from trivium.service.audit import Audit, Entry
from trivium.service.database import utc_now


def _found(settings, what):
    (found,) = (one for one in doctor.examine(settings) if one.what == what)
    return found.verdict, found.seen


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (0, ("ok", "the last one, monday, was made within a day")),
        (7, ("ok", "the last one, monday, was made 7 days ago")),
        (8, ("note", "the last one, monday, was made 8 days ago")),
    ],
)
def test_how_old_the_last_backup_is(runtime, migrated, days, expected):
    for age, name in ((days + 30, "earlier"), (days, "monday")):
        moment = utc_now() - timedelta(days=age, minutes=1)
        Audit(runtime.database, now=lambda moment=moment: moment).record(
            Entry("backup.made", "operator", "backup", name, "0" * 64)
        )
    assert _found(migrated, "backup") == expected


def test_no_backup_or_no_schema_to_look_it_up_in(migrated, settings, tmp_path):
    assert _found(migrated, "backup") == ("note", "never made here; make one with: trivium backup --out FOLDER")
    empty = settings.model_copy(update={"home": tmp_path / "empty"})
    verdict, seen = _found(empty, "backup")
    assert (verdict, seen.partition(" (")[0]) == ("note", "cannot be looked up")


@pytest.mark.parametrize(
    ("cores", "gib", "verdict"), [(2, 4, "ok"), (2, 3.8, "ok"), (2, 3, "note"), (1, 8, "note"), (64, 512, "ok")]
)
def test_a_machine_smaller_than_planned_is_named(migrated, monkeypatch, cores, gib, verdict):
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": gib * 2**30 // 4096}
    monkeypatch.setattr(doctor.os, "cpu_count", lambda: cores)
    monkeypatch.setattr(doctor.os, "sysconf", lambda name: sizes[name])
    found, seen = _found(migrated, "machine")
    assert found == verdict
    assert seen.endswith("; plan 2 cores and 4 GiB for these apps (TRIVIUM_APPS)") == (verdict == "note")


def test_finance_alone_needs_half(migrated, monkeypatch):
    monkeypatch.setattr(doctor.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(doctor.os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2 * 2**30 // 4096}.get)
    assert _found(migrated.model_copy(update={"apps": "finance"}), "machine")[0] == "ok"


def test_a_provider_that_the_server_would_not_start_with_is_a_failure(migrated):
    given = {"oidc_issuer": "https://idp.example", "oidc_client_id": "trivium", "oidc_roles": "it=admin"}
    assert _found(migrated.model_copy(update=given | {"oidc_client_id": ""}), "login") == (
        "fail",
        "TRIVIUM_OIDC_CLIENT_ID: is empty, but TRIVIUM_OIDC_ISSUER is set",
    )
    assert _found(migrated.model_copy(update=given | {"oidc_roles": "it=emperor"}), "login")[0] == "fail"
    assert _found(migrated.model_copy(update=given), "login") == (
        "ok",
        "also by https://idp.example, with roles for it",
    )
