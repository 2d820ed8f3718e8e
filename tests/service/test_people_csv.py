"""A table of people: what it asks for, and what is wrong with one."""

from __future__ import annotations

import io

import pytest

from trivium.service.errors import InputError
from trivium.service.people_csv import changes, read_people, write_people


def _read(text, roles):
    return read_people(io.StringIO(text), "people.csv", roles)


def test_a_table_adds_changes_and_leaves_alone(people, roles):
    people.add("ann", ["admin"], actor="operator")
    people.add("bob", ["toy:watcher"], actor="operator")
    people.external("https://id.example|7", "cat", ("toy:watcher",))
    people.add("dan", ["admin"], actor="operator")
    table = "Name,Roles,Language\nAnn,toy:watcher,\nbob,watcher,\ncat,admin,\n Eve ,admin toy:player,zh\n"
    found = changes(_read(table, roles), people.all(), roles)
    assert [(change.what, change.wanted.name, change.wanted.roles) for change in found] == [
        ("add", "eve", ("admin", "toy:player")),  # first: an admin is there before ann is none
        ("roles", "ann", ("toy:watcher",)),
        ("same", "bob", ("toy:watcher",)),
        ("external", "cat", ("admin",)),
    ]
    assert found[0].wanted.language == "zh"


def test_what_is_written_can_be_read(people, roles):
    people.add("@home", ["admin", "toy:player"], actor="operator", language="zh")
    people.set_disabled(people.add("bob", actor="operator").id, True, actor="operator")
    out = io.StringIO()
    write_people(people.all(), out)
    assert out.getvalue() == (
        "name,roles,language,state,last_login\n'@home,admin toy:player,zh,invited,\nbob,,,disabled,\n"
    )
    again = changes(_read(out.getvalue(), roles), people.all(), roles)
    assert [change.what for change in again] == ["same", "same"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "people.csv: has no columns name and roles; begin with: name,roles,language"),
        ("name,role\nann,admin\n", "people.csv: has no columns name and roles; begin with: name,roles,language"),
        ("name,roles,name\n", "people.csv: has no columns name and roles; begin with: name,roles,language"),
        ("name,roles\nann\n", "people.csv line 2: has another number of fields than the first line"),
        ("name,roles\nann,admin,zh\n", "people.csv line 2: has another number of fields than the first line"),
        ("name,roles\nann,admin\nANN,\n", "people.csv line 3: ann comes a second time"),
        ("name,roles,language\nann,,fr\n", "people.csv line 2: language: 'fr' is no language of ours; use en, zh"),
        ('name,roles\n"ann', "people.csv: is no CSV in UTF-8 (unexpected end of data)"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(roles, table, message):
    with pytest.raises(InputError) as caught:
        _read(table, roles)
    assert caught.value.line == message


@pytest.mark.parametrize(("table", "part"), [("name,roles\nann b,\n", "'ann b'"), ("name,roles\nann,boss\n", "boss")])
def test_names_and_roles_are_those_of_accounts(roles, table, part):
    with pytest.raises(InputError, match=r"^people\.csv line 2: ") as caught:
        _read(table, roles)
    assert part in caught.value.line
