"""`trivium people`, `trivium keys` and `trivium login` as an operator types them, and what refuses to listen."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from tests.service.suite import environment, trivium

from trivium.service.access import open_access
from trivium.service.database import Database
from trivium.service.settings import Settings

GOOD = "giraffe-lamp-seven"


_SCRIPT = """
import contextlib, io, json, sys
from trivium.service.cli import run
for words, typed in json.loads(sys.argv[1]):
    sys.stdin, out, err = io.StringIO(typed), io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([answers[-1][1][4:12] if word == "KEY" else word for word in words]) if words else 0
    answers = [*globals().get("answers", []), (code, out.getvalue(), err.getvalue())]
print(json.dumps(answers))
"""


def typed(home, *lines):
    """Type lines one after the other in one process; a pair is a line and what is given on standard input.

    `KEY` stands for the id of the key that the line before printed. Returns code, output and errors of each.
    """
    pairs = [(line.split(), "") if isinstance(line, str) else (line[0].split(), line[1]) for line in lines]
    command = [sys.executable, "-c", _SCRIPT, json.dumps(pairs)]
    ended = subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_an_empty_list_is_told_beside_the_result(tmp_path):
    lines = ["people list", "keys list", "jobs list", "jobs list --state failed", "jobs holds", "audit show --actor me"]
    told = typed(tmp_path / "home", "db upgrade", *lines)[1:]
    assert [(code, out) for code, out, _ in told] == [(0, "")] * len(lines)
    assert [err for _, _, err in told] == [
        "There is no account yet.\n",
        "No key has been made.\n",
        "There is no such job.\n",
        "There is no such job.\n",
        "No hold is in force.\n",
        "The log has no such row.\n",
    ]


@pytest.mark.slow
def test_people_from_the_terminal(tmp_path):
    """One account's whole life."""
    home = tmp_path / "home"
    _ready, made, weak, invited, changed, disabled, last, login, glass, wrong = typed(
        home,
        "db upgrade",
        ("people add Ann --role admin --password-stdin", f"{GOOD}\n"),
        ("people add bob --password-stdin", "password1234\n"),
        "people add bob --role player",
        "people roles bob toy:watcher admin",
        "people disable ann",
        "people disable bob",
        "login",
        "login --break-glass bob",
        "login --break-glass ann",
    )
    assert re.match(r"ann +password +never logged in +admin$", made[1])
    assert (weak[0], weak[2].count("\n")) == (1, 1)
    assert weak[2].startswith("trivium: password: is among the first that would be guessed")
    link = r"http://127\.0\.0\.1:7860/login\?token=\S+"
    assert re.search(rf"^Give this link to bob \(once, within a day\): {link}$", invited[1], re.MULTILINE)
    assert changed[1].split("logged in")[1].strip() == "toy:watcher, admin"
    assert " disabled " in disabled[1]
    assert last[2].startswith("trivium: bob: is the last account with the role admin; give somebody else")
    assert login[2].startswith("trivium: log in with your account at http://127.0.0.1:7860; ")
    assert re.fullmatch(rf"{link}\n", glass[1])
    assert glass[2].startswith("Works once, within 15 minutes, with the role admin alone.")
    assert wrong[2] == "trivium: ann: is disabled; see: trivium people list\n"
    settings = Settings(home=home)
    database = Database(settings.database)
    people = open_access(settings, (), database).people.all()
    database.close()
    assert {one.name: (one.is_disabled, one.has_password) for one in people} == {
        "ann": (True, True),
        "bob": (False, False),
    }
    assert GOOD not in (home / "logs" / "security.log").read_text()


@pytest.mark.slow
def test_a_table_of_people(tmp_path):
    home, table, links = tmp_path / "home", tmp_path / "people.csv", tmp_path / "links.csv"
    table.write_text("name,roles\nann,admin\nbob,toy:watcher\n", encoding="utf-8-sig")
    _ready, tried, done, again, listed, wrong = typed(
        home,
        "db upgrade",
        f"people import {table} --dry-run",
        f"people import {table} --links {links}",
        f"people import {table} --links {links}.2",
        "people list --csv",
        f"people import {table} --links {links}",
    )
    assert tried[1] == done[1] == f"add       {'ann':24} admin\nadd       {'bob':24} toy:watcher\n"
    assert [line.split()[0] for line in again[1].splitlines()] == ["same", "same"]
    assert listed[1] == "name,roles,language,state,last_login\nann,admin,,invited,\nbob,toy:watcher,,invited,\n"
    assert wrong[2] == f"trivium: {links}: cannot be made (File exists); name a new file\n"
    given = dict(line.split(",") for line in links.read_text().splitlines())
    assert list(given) == ["name", "ann", "bob"]
    assert re.fullmatch(r"http://127\.0\.0\.1:7860/login\?token=\S+", given["bob"])
    assert links.stat().st_mode & 0o777 == 0o600
    assert "token=" not in done[1]


@pytest.mark.slow
def test_keys_from_the_terminal(tmp_path):
    _ready, made, rotated, revoked, listed, refused = typed(
        tmp_path / "home",
        "db upgrade",
        "keys create plant-7 --scope toy.post --days 0",
        "keys rotate KEY --overlap-hours 2",
        "keys revoke KEY",
        "keys list",
        "keys create plant-7 --scope toy.sign",
    )
    assert re.fullmatch(r"tvk_[0-9a-f]{8}_[\w-]{43}\n", made[1])
    old, new = made[1][4:12], rotated[1][4:12]
    assert revoked[1] == f"{new} of plant-7 is revoked\n"
    assert made[1][13:].strip() not in listed[1]
    assert re.search(rf"^{old}  plant-7 +active +never used +until \S+ \S+ +toy\.post$", listed[1], re.MULTILINE)
    assert re.search(rf"^{new}  plant-7 +revoked +never used +unlimited +toy\.post$", listed[1], re.MULTILINE)
    assert refused[2].startswith(
        "trivium: scope: toy.sign is no permission of a key; use some of absent.read, service.metrics, toy.post"
    )


@pytest.mark.slow
def test_nobody_listens_to_other_machines_before_somebody_can_log_in(tmp_path):
    refused = trivium("up", home=tmp_path / "home", TRIVIUM_HOST="0.0.0.0", TRIVIUM_PORT="17990")
    assert refused.returncode == 1
    assert refused.stderr == (
        "trivium: TRIVIUM_HOST: listens on 0.0.0.0, for other machines too, only once somebody has an account; "
        "make one with: trivium people add NAME --role admin; or set TRIVIUM_OIDC_ISSUER\n"
    )
