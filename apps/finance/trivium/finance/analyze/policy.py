"""Load the mapping policy: which tagged fact is which metric. The rules themselves are in `policy.toml`, to be read."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from trivium.finance.parse.statement.cells import apart
from trivium.finance.records import Concept
from trivium.service.errors import InputError

__all__ = ["MetricRule", "Policy", "Proxy", "family_name", "load_policy"]

_STATEMENTS = ("income", "balance", "cash_flow", "cover", "note")
_UNITS = ("money", "per_share", "shares")
_NOTES = ("reported", "derived", "never")
_TAXONOMIES = (("us-gaap", ""), ("ifrs-full", "ifrs:"), ("/dei", "dei:"), ("/srt", "srt:"))
_NOTE_MARKS = re.compile(
    r"(\s*\((note|notes|see note)[^)]*\)|\s*[-–—,]?\s*see note \d+|\s*\(\d+\)|\s*\([a-z]\)|:)+\s*$", re.I
)
_CHINESE_MARKS = re.compile(
    r"^(?:[一二三四五六七八九十]+[、.．]|[（(][一二三四五六七八九十\d]+[)）]|\d+[、.．])\s*"
    r"|[（(]或股东权益[)）]|[（(][^（()）]*填列[)）]$|[（(]元\s*[/／]\s*股[)）]$"
)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A concept that is not quite the metric.

    Args:
        concept: its family name (`Revenues`, `ifrs:Revenue`).
        differs: how it differs, in a few words.
        unless: a metric that, when reported, shows that the proxy would be wrong.
        negate: whether its sign is the other way round.
        includes: a metric whose amount is in it, so that formulas do not add that one again.
        part: whether it is one kind of several; where a face shows two kinds, neither is the metric.
    """

    concept: str
    differs: str
    unless: str = ""
    negate: bool = False
    includes: str = ""
    part: bool = False


@dataclass(frozen=True, slots=True)
class MetricRule:
    """How one metric is found in a filing; see the head of `policy.toml`."""

    key: str
    statement: str
    unit: str
    concepts: tuple[str, ...]
    face_concepts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    not_labels: tuple[str, ...] = ()
    maybe_labels: tuple[str, ...] = ()
    proxies: tuple[Proxy, ...] = ()
    notes: str = "reported"
    outflow: bool = False
    cost: bool = False
    member_axis: str = ""

    @property
    def is_balance(self) -> bool:
        """Whether it is a balance at a date rather than a flow over a period."""
        return self.statement in ("balance", "cover") or self.key in _BALANCES_IN_NOTES

    def matches_label(self, label: str) -> bool:
        """Whether a printed row label says that the row is this metric.

        Note marks at its end do not count, nor numbers before Chinese rows and remarks on their signs.
        """
        text = _NOTE_MARKS.sub("", label.strip())
        texts = {text, _CHINESE_MARKS.sub("", text), apart(text)}
        if not any(pattern.fullmatch(one) for pattern in _compiled(self.labels) for one in texts):
            return False
        return not any(pattern.fullmatch(one) for pattern in _compiled(self.not_labels) for one in texts)

    def may_be(self, label: str) -> bool:
        """Whether a printed row label leaves open whether the row is this metric, or a part of it."""
        text = _NOTE_MARKS.sub("", label.strip())
        texts = {text, _CHINESE_MARKS.sub("", text)}
        return any(pattern.fullmatch(one) for pattern in _compiled(self.maybe_labels) for one in texts)


_BALANCES_IN_NOTES = {
    "cash_incl_restricted",
    "finance_lease_liabilities",
    "operating_lease_liabilities",
    "operating_lease_liabilities_current",
    "remaining_performance_obligations",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """All metric rules, in the order of the file."""

    rules: Mapping[str, MetricRule]
    named_concepts: frozenset[str] = field(default_factory=frozenset)

    def __getitem__(self, metric: str) -> MetricRule:
        return self.rules[metric]


@functools.lru_cache(maxsize=4096)
def _compiled(labels: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Compile labels when a rule first looks at one: all of them together take as long as reading a filing."""
    return tuple(re.compile(label, re.IGNORECASE) for label in labels)


@functools.lru_cache(maxsize=65536)
def family_name(concept: Concept) -> str:
    """Return a concept's name as the policy writes it, whatever the taxonomy's year; empty for an issuer's own."""
    for mark, prefix in _TAXONOMIES:
        if mark in concept.namespace and concept.is_standard:
            return prefix + concept.name
    return ""


def load_policy(path: Path | None = None) -> Policy:
    """Load the shipped policy, with a user's file laid over it metric by metric.

    Raises:
        InputError: if the user's file cannot be read or a rule is malformed; names the file, metric and field.
    """
    # A user's file is read anew each time: it may change while a worker lives.
    return _load(path) if path is not None else _shipped()


@functools.cache
def _shipped() -> Policy:
    return _load(None)


def _load(path: Path | None) -> Policy:
    shipped = resources.files("trivium.finance.analyze") / "policy.toml"
    tables = tomllib.loads(shipped.read_text(encoding="utf-8"))
    if path is not None:
        tables = tables | _read_override(path, tables)
    rules = {key: _rule(key, table, str(path or "policy.toml")) for key, table in tables.items()}
    if path is not None:
        _check_labels(rules.values(), str(path))
    named = {name for rule in rules.values() for name in (*rule.concepts, *rule.face_concepts)}
    named |= {proxy.concept for rule in rules.values() for proxy in rule.proxies}
    _check_references(rules, str(path or "policy.toml"))
    return Policy(rules, frozenset(named))


def _read_override(path: Path, shipped: dict[str, Any]) -> dict[str, Any]:
    try:
        override = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"the mapping policy cannot be read ({error})", where=str(path), hint="see docs/metrics.md"
        ) from error
    return {key: shipped.get(key, {}) | table if isinstance(table, dict) else table for key, table in override.items()}


def _check_labels(rules: Iterable[MetricRule], where: str) -> None:
    """Refuse a label that is no regular expression."""
    for rule in rules:
        try:
            _compiled(rule.labels + rule.not_labels + rule.maybe_labels)
        except re.error as error:
            raise InputError(f"[{rule.key}] has a malformed label or proxy ({error})", where=where) from error


def _check_references(rules: Mapping[str, MetricRule], where: str) -> None:
    """Refuse a proxy that names an unknown metric, or waits for a metric that waits for it in turn."""
    for rule in rules.values():
        for proxy in rule.proxies:
            for metric in filter(None, (proxy.unless, proxy.includes)):
                if metric not in rules:
                    raise InputError(f"[{rule.key}] names the metric {metric!r}, which no rule defines", where=where)
        waiting, seen = [rule.key], set[str]()
        while waiting:
            following = {proxy.unless for proxy in rules[waiting.pop()].proxies if proxy.unless} - seen
            if rule.key in following:
                raise InputError(f"[{rule.key}] waits by `unless` for a metric that waits for it", where=where)
            seen |= following
            waiting += following


def _rule(key: str, table: Any, where: str) -> MetricRule:
    if not isinstance(table, dict):
        raise InputError(f"{key!r} is not a table", where=where, hint=f"write [{key}]")
    known = {
        "statement",
        "unit",
        "concepts",
        "face_concepts",
        "labels",
        "not_labels",
        "maybe_labels",
        "proxies",
        "notes",
        "outflow",
        "cost",
        "member_axis",
    }
    if unknown := sorted(set(table) - known):
        raise InputError(
            f"[{key}] has unknown fields {', '.join(unknown)}", where=where, hint=f"use {', '.join(sorted(known))}"
        )
    choices = (
        (table.get("statement"), _STATEMENTS),
        (table.get("unit"), _UNITS),
        (table.get("notes", "never"), _NOTES),
    )
    if any(value not in allowed for value, allowed in choices):
        raise InputError(
            f"[{key}] needs statement ({', '.join(_STATEMENTS)}), unit ({', '.join(_UNITS)}) and, if given, notes "
            f"({', '.join(_NOTES)})",
            where=where,
        )
    for name in ("concepts", "face_concepts", "labels", "not_labels", "maybe_labels", "proxies"):
        kind = dict if name == "proxies" else str
        if not isinstance(table.get(name, []), list) or not all(isinstance(one, kind) for one in table.get(name, ())):
            raise InputError(f"[{key}] {name} is not a list", where=where, hint=f'write {name} = ["..."]')
    try:
        proxies = tuple(Proxy(**proxy) for proxy in table.get("proxies", ()))
    except TypeError as error:
        raise InputError(f"[{key}] has a malformed label or proxy ({error})", where=where) from error
    return MetricRule(
        key=key,
        statement=table["statement"],
        unit=table["unit"],
        concepts=tuple(table.get("concepts", ())),
        face_concepts=tuple(table.get("face_concepts", ())),
        labels=tuple(table.get("labels", ())),
        not_labels=tuple(table.get("not_labels", ())),
        maybe_labels=tuple(table.get("maybe_labels", ())),
        proxies=proxies,
        notes=table.get("notes", _NOTES[0]),
        outflow=bool(table.get("outflow", False)),
        cost=bool(table.get("cost", False)),
        member_axis=table.get("member_axis", ""),
    )
