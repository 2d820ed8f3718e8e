"""What is wrong with a request's values, in words of our own and in the reader's language."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from trivium.service import invalid
from trivium.service.invalid import invalid_text
from trivium.service.phrase import Phrase, phrases, translate


class _Kind(StrEnum):
    LIFE = "life"
    ALERT = "alert"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=2, max_length=4, pattern="^[a-z]+$")] = "abc"
    count: Annotated[int, Field(ge=1, lt=9)] = 1
    share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.5
    is_on: bool = False
    kind: _Kind = _Kind.LIFE
    mode: Literal["en", "zh"] = "en"
    at: datetime | None = None
    rows: Annotated[list[int], Field(min_length=1, max_length=2)] = [1]
    per: str = "s"

    @field_validator("per")
    @classmethod
    def _is_known(cls, per: str) -> str:
        if per != "s":
            raise ValueError(Phrase("'{language}' is no language of ours", language=per))
        return per


class _Needs(BaseModel):
    title: str


def _said(body: dict[str, Any], language: str = "en", model: type[BaseModel] = _Body) -> str:
    with pytest.raises(ValidationError) as raised:
        model.model_validate(body)
    return translate(invalid_text(raised.value.errors()[0]), language)


@pytest.mark.parametrize(
    ("body", "english", "chinese"),
    [
        ({"name": 1}, "name: is not a text", "name：不是文本"),
        ({"name": "a"}, "name: has fewer than 2 characters", "name：不足 2 个字符"),
        ({"name": "abcde"}, "name: has more than 4 characters", "name：超过 4 个字符"),
        ({"name": "A1"}, "name: does not have the form ^[a-z]+$", "name：不符合格式 ^[a-z]+$"),
        ({"count": "x"}, "count: is not a whole number", "count：不是整数"),
        ({"count": 1.5}, "count: is not a whole number", "count：不是整数"),
        ({"count": "9" * 5000}, "count: is not a whole number", "count：不是整数"),
        ({"count": 0}, "count: is less than 1", "count：小于下限 1"),
        ({"count": 9}, "count: is not less than 9", "count：应小于 9"),
        ({"share": "x"}, "share: is not a number", "share：不是数字"),
        ({"share": float("nan")}, "share: is not a finite number", "share：不是有限数"),
        ({"share": 0}, "share: is not more than 0.0", "share：应大于 0.0"),
        ({"share": 2}, "share: is more than 1.0", "share：大于上限 1.0"),
        ({"is_on": "perhaps"}, "is_on: is neither true nor false", "is_on：既不是 true 也不是 false"),
        ({"kind": "x"}, "kind: is not one of 'life', 'alert'", "kind：不在可选值 'life', 'alert' 之中"),
        ({"mode": "fr"}, "mode: is not one of 'en', 'zh'", "mode：不在可选值 'en', 'zh' 之中"),
        ({"at": "soon"}, "at: is not a time such as 2026-01-31T12:00:00Z", "at：不是时间（如 2026-01-31T12:00:00Z）"),
        ({"rows": {}}, "rows: is not a list", "rows：不是列表"),
        ({"rows": []}, "rows: has 0 entries, and needs 1 at least", "rows：有 0 项，至少需要 1 项"),
        ({"rows": [1, "x"]}, "rows.1: is not a whole number", "rows.1：不是整数"),
        ({"row": 1}, "row: is not a field of this request", "row：不是此请求的字段"),
        ({"per": "fr"}, "per: 'fr' is no language of ours", "per：不支持语言“fr”"),
    ],
)
def test_a_wrong_value_is_told_in_both_languages(body, english, chinese):
    assert (_said(body), _said(body, "zh")) == (english, chinese)


def test_a_missing_field_is_told():
    assert (_said({}, model=_Needs), _said({}, "zh", _Needs)) == ("title: is missing", "title：缺失")


def test_a_kind_without_words_of_ours_keeps_those_of_pydantic():
    entry = {"type": "multiple_of", "loc": ("body", "n"), "msg": "Input should be a multiple of 2", "ctx": {}}
    assert invalid_text(entry) == "body.n: Input should be a multiple of 2"


def test_every_word_has_its_chinese():
    assert set(invalid._WORDS.values()) - phrases("zh").keys() == set()
