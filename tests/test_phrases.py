"""Every message that a page can show has its Chinese, with the same values in it."""

from __future__ import annotations

import errno
import os
import re
import string
import tomllib
from http import HTTPStatus
from pathlib import Path

import pytest
from tests.phrase_source import constants, messages

_ROOT = Path(__file__).resolve().parents[1]
_SERVICE = """
    account_pages api disk errors guard invalid job_pages jobs keys keys_pages login_pages oidc passwords people
    people_pages permission phrase recovery roles runner runtime store visitor web
"""
_FINANCE = "edgar fetch gather overrides pipeline rates tasks"
_MAINTENANCE = """
    api_parts backtest backtest_job costs model_folder models alerts/book alerts/thresholds ingest/assess ingest/learn
    ingest/monitor ingest/scorers ingest/trained pages/comparison pages/fleet pages/model_pages pages/routes pages/view
"""
_MEDICAL = """
    intake/* network/archive network/calling network/priors network/sending out/* pages/* parse/* tasks workflow/*
"""
_OWNERS = {
    "finance": (
        "apps",
        [
            "parse/*.py",
            "parse/*/*.py",
            "analyze/compare.py",
            "analyze/duplicates.py",
            "check/*.py",
            "ui/*.py",
            *(f"{name}.py" for name in _FINANCE.split()),
        ],
    ),
    "maintenance": ("apps", [f"{name}.py" for name in _MAINTENANCE.split()]),
    "medical": ("apps", [f"{name}.py" for name in _MEDICAL.split()]),
    "service": ("packages", [f"{name}.py" for name in _SERVICE.split()]),
}
"""Folder and files of each owner whose messages reach pages."""
_PLACE = re.compile(r"/\w+|dei:\w+|TRIVIUM_\w+|recovered|reference")
"""What names a place in a file or a setting, and is no text."""
_AT_START = {"is empty, but TRIVIUM_OIDC_ISSUER is set", "needs the module {module}", "pip install 'trivium[oidc]'"}
"""Said at the start of a server only, on its terminal."""
_JOINED = {"{first}; {next}", "{first}, {next}", "{first} or {next}"}
_QUOTED = re.compile(r'"([^"\n]*)"')
_FIELD = re.compile(r"\{\w+\}")
_HAN = re.compile("[\u4e00-\u9fff]")


def _folder(owner: str) -> Path:
    return _ROOT / _OWNERS[owner][0] / owner / "trivium" / owner


def _chinese(owner: str) -> dict[str, str]:
    return tomllib.loads((_folder(owner) / "locale" / "phrases.zh.toml").read_text(encoding="utf-8"))


def _fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("owner", _OWNERS)
def test_every_message_of_a_page_has_its_chinese(owner):
    known = {**_chinese("service"), **_chinese(owner)}
    files = [path for pattern in _OWNERS[owner][1] for path in sorted(_folder(owner).glob(pattern))]
    found = list(messages(*files))
    assert len(found) > 50
    assert [one.place for one in found if one.text is None] == []  # f-strings: nothing can be made of them
    missing = {one.text: one.place for one in found if one.text not in known and not _PLACE.fullmatch(one.text)}
    assert missing.keys() - _AT_START == set(), missing


@pytest.mark.parametrize("owner", _OWNERS)
def test_a_translation_is_chinese_keeps_every_value_and_is_used(owner):
    known = _chinese(owner)
    assert {template: told for template, told in known.items() if _fields(template) != _fields(told)} == {}
    words = {template: told for template, told in known.items() if any(map(str.isalpha, _FIELD.sub("", template)))}
    assert [told for told in words.values() if not _HAN.search(_FIELD.sub("", told))] == []
    said = set().union(*(constants(path) for path in _folder(owner).rglob("*.py")))
    tables = [path for path in _folder(owner).rglob("*.toml") if path.parent.name != "locale"]
    said |= {text for path in tables for text in _QUOTED.findall(path.read_text(encoding="utf-8"))}
    said |= {status.phrase for status in HTTPStatus}  # what the framework says
    said |= {os.strerror(code) for code in errno.errorcode}  # in brackets behind what could not be done
    assert known.keys() - said - _JOINED == set()


def test_no_two_owners_say_one_thing_in_two_ways():
    seen: dict[str, tuple[str, str]] = {}
    for owner in _OWNERS:
        for template, told in _chinese(owner).items():
            assert seen.setdefault(template, (owner, told))[1] == told, (template, owner, seen[template][0])
