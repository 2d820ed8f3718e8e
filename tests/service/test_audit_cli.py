"""`trivium audit` as its operator types it: verify, show, head; and the head's signature."""

import base64
import json
import os
import stat

import pytest
from sqlalchemy import text

from trivium.service import audit_head
from trivium.service.audit import Audit, Entry
from trivium.service.cli import run
from trivium.service.database import Database
from trivium.service.errors import InputError
from trivium.service.settings import current_settings


@pytest.fixture
def database(migrated):
    current_settings.cache_clear()
    opened = Database(migrated.database)
    yield opened
    opened.close()
    current_settings.cache_clear()


@pytest.fixture
def log(database, clock):
    audit = Audit(database, now=clock)
    for number in range(1, 6):
        audit.record(Entry("job.submitted", "ann", "job", f"j{number}", "1", {"app": "toy"}))
    audit.record(Entry("key.revoked", "operator", "key", "k1"))
    return database


def change(database, statement):
    with database.write() as connection:
        connection.execute(text(statement))


def test_a_whole_log_is_told_to_be_whole(log, capsys):
    assert run(["audit", "verify"]) == 0
    assert capsys.readouterr().out.startswith("The audit log is whole: 6 rows; last hash ")


def test_a_changed_row_is_named(log, capsys):
    change(log, "UPDATE service_audit SET actor = 'bob' WHERE seq = 4")
    assert run(["audit", "verify"]) == 1
    assert capsys.readouterr().err == "trivium: audit log: row 4 was changed (changed; 3 rows before it are whole)\n"


def test_rows_are_shown_with_filters(log, capsys):
    assert run(["audit", "show", "--action", "key"]) == 0
    assert capsys.readouterr().out == "      6  2026-01-02T03:04:05Z  operator  key.revoked  key:k1\n"
    assert run(["audit", "show", "--subject", "job:j2", "--actor", "ann", "--since", "2026-01-02"]) == 0
    assert capsys.readouterr().out == ('      2  2026-01-02T03:04:05Z  ann  job.submitted  job:j2@1  {"app":"toy"}\n')
    assert run(["audit", "show", "--since", "2026-01-03"]) == 0
    assert capsys.readouterr().out == ""
    assert run(["audit", "show", "--limit", "1", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["seq"], row["action"], len(row["prev_hash"])) == (6, "key.revoked", 64)


def test_a_head_shows_what_was_cut_off(log, tmp_path, capsys):
    head = tmp_path / "head.json"
    assert run(["audit", "head", "--out", str(head)]) == 0
    assert "Signed row 6" in capsys.readouterr().out
    Audit(log).record(Entry("job.submitted", "ann", "job", "j6", "1"))  # the log goes on
    assert run(["audit", "verify", "--head", str(head)]) == 0
    assert "7 rows, with row 6 as the head of 2" in capsys.readouterr().out
    change(log, "DELETE FROM service_audit WHERE seq > 4")
    assert run(["audit", "verify"]) == 0  # the chain alone cannot tell
    capsys.readouterr()
    assert run(["audit", "verify", "--head", str(head)]) == 1
    assert "rows 5 to 6 are missing at the end: the head names row 6 (missing; 4 rows" in capsys.readouterr().err


def test_a_head_is_replaced_only_while_the_log_contains_it(log, tmp_path, capsys):
    head, other = tmp_path / "head.json", tmp_path / "letter.txt"
    assert run(["audit", "head", "--out", str(head)]) == 0
    Audit(log).record(Entry("job.submitted", "ann", "job", "j6", "1"))
    assert run(["audit", "head", "--out", str(head)]) == 0
    assert json.loads(head.read_text())["seq"] == 7
    change(log, "DELETE FROM service_audit WHERE seq > 4")
    capsys.readouterr()
    assert run(["audit", "head", "--out", str(head)]) == 1
    assert "the head names row 7; nothing was signed; keep the database" in capsys.readouterr().err
    assert json.loads(head.read_text())["seq"] == 7
    other.write_text("Dear Ann")
    assert run(["audit", "head", "--out", str(other)]) == 1
    assert "letter.txt: is no head of an audit log" in capsys.readouterr().err
    assert other.read_text() == "Dear Ann"


def test_a_head_is_checked_elsewhere_with_the_public_key_alone(log, migrated, tmp_path, capsys):
    head = tmp_path / "head.json"
    run(["audit", "head", "--out", str(head)])
    public = capsys.readouterr().out.split()[-1]
    (migrated.home / audit_head.KEY_FILE).unlink()
    assert run(["audit", "verify", "--head", str(head)]) == 1
    assert "has signed no head; give the public key with --key" in capsys.readouterr().err
    assert run(["audit", "verify", "--head", str(head), "--key", public]) == 0


def test_a_head_that_was_changed_or_signed_by_another_is_refused(log, migrated, tmp_path, capsys):
    head = tmp_path / "head.json"
    run(["audit", "head", "--out", str(head)])
    public = capsys.readouterr().out.split()[-1]
    given = json.loads(head.read_text())
    for name, value in (
        ("seq", 5),
        ("hash", "0" * 64),
        ("at", "2020"),
        ("signature", base64.b64encode(b"x" * 64).decode()),
    ):
        head.write_text(json.dumps(given | {name: value}))
        with pytest.raises(InputError, match="is not signed with the trusted key, or was changed since"):
            audit_head.read_head(head, public)
    other = audit_head.signing_key(tmp_path)  # a forger signs with a key of their own, which is in the file
    head.write_text(audit_head.signed_head(audit_head.Head(4, "a" * 64, "2026"), other))
    with pytest.raises(InputError, match="is not signed with the trusted key"):
        audit_head.read_head(head, public)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"format": "x", "seq": 1, "hash": "a", "at": "b"}'])
def test_a_file_that_is_no_head(content, tmp_path):
    path = tmp_path / "head.json"
    path.write_bytes(content)
    public = audit_head.public_key(audit_head.signing_key(tmp_path))
    with pytest.raises(InputError, match=r"is no head of an audit log; write one with: trivium audit head --out FILE"):
        audit_head.read_head(path, public)


def test_a_public_key_that_is_none(log, tmp_path, capsys):
    run(["audit", "head", "--out", str(tmp_path / "head.json")])
    capsys.readouterr()
    assert run(["audit", "verify", "--head", str(tmp_path / "head.json"), "--key", "kettle"]) == 1
    assert "kettle: is no Ed25519 public key in base64; give what `trivium audit head`" in capsys.readouterr().err
    assert run(["audit", "verify", "--key", "kettle"]) == 2
    assert "--key: is of use with a head only; give --head FILE too" in capsys.readouterr().err


def test_a_damaged_log_gets_no_head(log, tmp_path, capsys):
    change(log, "DELETE FROM service_audit WHERE seq = 2")
    assert run(["audit", "head", "--out", str(tmp_path / "head.json")]) == 1
    assert "row 2 is missing; nothing was signed" in capsys.readouterr().err
    assert not (tmp_path / "head.json").exists()


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    os.umask(0o022)
    first = audit_head.public_key(audit_head.signing_key(tmp_path))
    path = tmp_path / audit_head.KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert audit_head.public_key(audit_head.signing_key(tmp_path)) == first
    audit_head._make_key(path)  # a second process that found none a moment ago
    assert audit_head.public_key(audit_head.signing_key(tmp_path)) == first
    assert [item.name for item in tmp_path.iterdir()] == [audit_head.KEY_FILE]
    path.write_text("kettle")
    with pytest.raises(InputError, match="is no private key"):
        audit_head.signing_key(tmp_path)
