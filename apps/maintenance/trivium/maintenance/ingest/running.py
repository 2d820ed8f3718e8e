"""The expression that says when an asset runs: comparisons of its tags, joined by `and`, `or`, `not`.

    speed > 500 and not (`valve-7` < 5 or load <= 0.1)

A name with other signs than letters, digits, `_`, `.` and `-` stands in backquotes. A comparison with a tag that has no
value now is unknown, and so is what depends on it; unknown is not scored. Nothing is called.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from trivium.service.errors import InputError

__all__ = ["Expression", "parse_expression"]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.-])|(?P<compare>>=|<=|==|!=|>|<)"
    r"|(?P<paren>[()])|`(?P<quoted>[^`]+)`|(?P<name>\w[\w.\-]*))"
)
_COMPARE: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    ">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal, "==": np.equal, "!=": np.not_equal,
}  # fmt: skip
_MIRROR = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "==": "==", "!=": "!="}
_MOST_NESTED = 20
# A truth value a row: 1 true, 0 false, NaN unknown.
_Truth = Callable[[Mapping[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Args:
        text: as it was written.
        tags: names it uses.
    """

    text: str
    tags: tuple[str, ...]
    _truth: _Truth

    def holds(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return 1 where it is true, 0 where it is false and NaN where that cannot be told.

        Args:
            values: (N,) float64 by tag, NaN where there is no value.
        """
        return self._truth(values)


@functools.lru_cache(maxsize=1024)
def parse_expression(text: str) -> Expression:
    """Read an expression.

    Raises:
        InputError: naming the place where it stops making sense.
    """
    parser = _Parser(text)
    truth = parser.either(0)
    parser.end()
    return Expression(text, tuple(dict.fromkeys(parser.names)), truth)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self.names: list[str] = []
        self._kind, self._word = "", ""
        self._next()

    def either(self, depth: int) -> _Truth:
        left = self._both(depth)
        while self._word.lower() == "or" and self._kind == "name":
            self._next()
            left = _or(left, self._both(depth))
        return left

    def end(self) -> None:
        if self._kind:
            raise self._error("and or or")

    def _both(self, depth: int) -> _Truth:
        left = self._one(depth)
        while self._word.lower() == "and" and self._kind == "name":
            self._next()
            left = _and(left, self._one(depth))
        return left

    def _one(self, depth: int) -> _Truth:
        if depth > _MOST_NESTED:
            raise InputError("is nested too deeply", where=self._text[:80])
        if self._kind == "name" and self._word.lower() == "not":
            self._next()
            return _not(self._one(depth + 1))
        if self._word == "(" and self._kind == "paren":
            self._next()
            inner = self.either(depth + 1)
            if self._word != ")":
                raise self._error("a closing parenthesis")
            self._next()
            return inner
        return self._comparison()

    def _comparison(self) -> _Truth:
        first_kind, first = self._kind, self._word
        if first_kind not in ("name", "quoted", "number"):
            raise self._error("a tag")
        self._next()
        if self._kind != "compare":
            raise self._error("a comparison")
        sign = self._word
        self._next()
        second_kind, second = self._kind, self._word
        if {first_kind == "number", second_kind == "number"} != {True, False} or not second_kind:
            raise self._error("a number on one side and a tag on the other")
        self._next()
        name, number = (second, first) if first_kind == "number" else (first, second)
        self.names.append(name)
        return _compare(name, _MIRROR[sign] if first_kind == "number" else sign, float(number))

    def _next(self) -> None:
        if not self._text[self._place :].strip():
            self._kind, self._word = "", ""
            return
        found = _TOKEN.match(self._text, self._place)
        if found is None:
            raise self._error("a tag, a number or a comparison")
        self._place = found.end()
        self._kind = str(found.lastgroup)
        self._word = found.group(self._kind)

    def _error(self, wanted: str) -> InputError:
        seen = f"before {self._word!r}" if self._word else "at the end"
        return InputError(f"{wanted} is missing {seen}", where=self._text[:80] or "running", hint="as in: speed > 500")


def _compare(name: str, sign: str, number: float) -> _Truth:
    def truth(values: Mapping[str, np.ndarray]) -> np.ndarray:
        column = values[name]
        return np.where(np.isnan(column), np.nan, _COMPARE[sign](column, number))

    return truth


def _and(left: _Truth, right: _Truth) -> _Truth:
    def truth(values: Mapping[str, np.ndarray]) -> np.ndarray:
        a, b = left(values), right(values)
        return np.where((a == 0) | (b == 0), 0.0, a * b)

    return truth


def _or(left: _Truth, right: _Truth) -> _Truth:
    def truth(values: Mapping[str, np.ndarray]) -> np.ndarray:
        a, b = left(values), right(values)
        return np.where((a == 1) | (b == 1), 1.0, a + b)

    return truth


def _not(inner: _Truth) -> _Truth:
    return lambda values: 1.0 - inner(values)
