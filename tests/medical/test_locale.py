"""The catalogue: the same keys in both languages, sorted, with the same fields in each text."""

import string
import tomllib
from importlib import resources

from trivium.medical.reading.checks import KINDS
from trivium.medical.workflow.states import ReportState


def fields(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


def read(language: str) -> dict:
    return tomllib.loads((resources.files("trivium.medical") / "locale" / f"{language}.toml").read_text("utf-8"))


def test_both_languages_say_the_same_things():
    english, chinese = read("en"), read("zh")
    assert list(english) == list(chinese) == sorted(english)
    for section, texts in english.items():
        assert list(texts) == list(chinese[section]) == sorted(texts)
        for key, text in texts.items():
            assert text.strip(), (section, key)
            assert fields(text) == fields(chinese[section][key]), (section, key)


def test_every_state_and_mark_has_a_text():
    english = read("en")
    assert set(ReportState) <= set(english["state"])
    assert set(ReportState) | {"open", "all", "unsent"} == set(english["filter"])
    assert set(KINDS) == set(english["mark"])
