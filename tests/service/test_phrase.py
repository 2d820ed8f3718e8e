"""Messages told in the reader's language: by hand, through storage, copies and other processes."""

import pickle
from copy import deepcopy

import pytest

from trivium.service.errors import InputError, NotFoundError
from trivium.service.phrase import Phrase, joined, pack, translate, unpack
from trivium.service.roles import Roles


def _password() -> InputError:
    what = Phrase("has {count} characters; at least {least} are needed", count=5, least=12)
    return InputError(what, where="password", hint="use four unrelated words, or let a password manager make one")


ENGLISH = (
    "password: has 5 characters; at least 12 are needed; use four unrelated words, or let a password manager make one"
)
CHINESE = "密码：共 5 个字符，至少需要 12 个；请使用四个互不相关的词，或由密码管理器生成"


def test_an_error_says_its_line_in_english_and_in_chinese():
    error = _password()
    assert str(error) == error.line == error.line_in("en") == ENGLISH
    assert error.line_in("zh") == CHINESE


def test_a_message_that_was_stored_in_english_is_told_in_chinese():
    stored = pack(_password().line)
    assert type(stored) is str
    assert unpack(stored) == ENGLISH
    assert translate(unpack(stored), "zh") == CHINESE


@pytest.mark.parametrize("copied", [deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_a_message_keeps_its_parts_when_its_error_is_copied_or_crosses_to_another_process(copied):
    assert copied(_password()).line_in("zh") == CHINESE


@pytest.mark.parametrize(
    "text", ["", "plain", '{"phrase": ', '{"phrase": 3}', '{"phrase": "{a}", "values": {}}', '{"phrase": "{a[0]}"}']
)
def test_what_was_not_packed_comes_back_as_it_is(text):
    assert unpack(text) == text
    assert unpack(pack(text)) == text


def test_what_nobody_translated_stays_and_what_stands_in_it_is_told():
    text = Phrase("never heard of {thing}", thing="password")
    assert translate(text, "zh") == "never heard of 密码"
    assert translate("never heard of that", "zh") == "never heard of that"


def test_a_value_with_braces_or_line_breaks_is_only_a_value():
    text = Phrase("no app is called '{app}'", app="{x}\n{0}")
    assert text == "no app is called '{x} {0}'"
    assert translate(text, "zh") == "没有名为“{x} {0}”的应用"


def test_texts_are_joined_in_the_way_of_the_language():
    assert joined([]) == ""
    parts = joined(["no such job", _password().line], "; ")
    assert translate(parts, "zh") == f"没有这个任务；{CHINESE}"
    assert translate(joined(["en", "zh", "de"], ", "), "zh") == "en、zh、de"


def test_a_role_that_does_not_exist_is_refused_in_chinese():
    with pytest.raises(InputError) as caught:
        Roles([]).named(["nurse"])
    assert caught.value.line_in("zh") == "角色：没有名为“nurse”的角色；可用：admin"


def test_an_error_without_place_and_hint_is_its_text():
    assert NotFoundError("no such key").line_in("zh") == "没有这个密钥"
