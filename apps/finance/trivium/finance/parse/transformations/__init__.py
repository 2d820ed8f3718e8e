"""Turn the printed text of an inline XBRL fact into its XBRL value, by the rule that its `format` attribute names.

Rules: Inline XBRL Transformation Registries 1 to 5 of XBRL International and the SEC's own registry (`ixt-sec`).
Text is matched as the registries say, after folding white space (no-break spaces count as spaces), with three stated
allowances: month names may be written in any case with or without their accents (registry 2 and later), a final full
stop after a month name or a day is ignored, and names of places and exchanges may be written in any case.
Nothing is guessed beyond that: text outside a rule's lexical space is an error.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping

from trivium.finance.parse.transformations import dates, numbers, sec
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase, joined

__all__ = ["REGISTRIES", "transform"]

Rule = Callable[[str], str | None]
"""Takes folded text and returns the value, or None when the text is outside the rule's lexical space."""

_SPACE = re.compile(r"[ \t\r\n\xa0]+")
_XBRL = "http://www.xbrl.org/inlineXBRL/transformation/"


def _constant(value: str) -> Rule:
    return lambda text: value


_FIXED_2 = {"booleanfalse": _constant("false"), "booleantrue": _constant("true"), "nocontent": _constant("")}
_FIXED_4 = {
    "fixed-empty": _constant(""),
    "fixed-false": _constant("false"),
    "fixed-true": _constant("true"),
    "fixed-zero": _constant("0"),
}
_REGISTRY_1 = {**numbers.REGISTRY_1, **dates.REGISTRY_1}
_REGISTRY_2 = {**_FIXED_2, **numbers.REGISTRY_2, **dates.REGISTRY_2}
_REGISTRY_3 = {**_FIXED_2, **numbers.REGISTRY_3, **dates.REGISTRY_3}
_REGISTRY_4 = {**_FIXED_4, **numbers.REGISTRY_4, **dates.REGISTRY_4}
_REGISTRY_5 = {**_FIXED_4, **numbers.REGISTRY_5, **dates.REGISTRY_5}

REGISTRIES: Mapping[str, Mapping[str, Rule]] = {
    "http://www.xbrl.org/2008/inlineXBRL/transformation": _REGISTRY_1,
    f"{_XBRL}2010-04-20": _REGISTRY_1,
    f"{_XBRL}2011-07-31": _REGISTRY_2,
    f"{_XBRL}2015-02-26": _REGISTRY_3,
    f"{_XBRL}2020-02-12": _REGISTRY_4,
    f"{_XBRL}2022-02-16": _REGISTRY_5,
    "http://www.sec.gov/inlineXBRL/transformation/2015-08-31": sec.REGISTRY,
}
"""Rules by name, by namespace of their registry."""


def transform(namespace: str, name: str, text: str) -> str:
    """Return the XBRL value that a printed text stands for.

    Args:
        namespace: of the registry, as the document binds it to the prefix of `format`.
        name: of the rule inside the registry, such as `num-dot-decimal`.
        text: what the document prints, without markup.

    Returns:
        The lexical form of the value: plain decimal digits without sign, ISO 8601 dates (`--12-31` without a year,
        `2024-09` without a day), durations such as `P1Y6M`, `true` or `false`, a code, or the empty string.

    Raises:
        InputError: if the registry or the rule is unknown, or the text is outside the rule's lexical space.
    """
    value = _find(namespace, name)(_SPACE.sub(" ", text).strip(" "))
    if value is None:
        shown = text if len(text) <= 60 else f"{text[:57]}..."
        raise InputError(
            Phrase("'{shown}' is not a text that {name} can read", shown=shown, name=name),
            hint="correct the text or its format attribute",
        )
    return value


@functools.lru_cache(maxsize=1024)
def _find(namespace: str, name: str) -> Rule:
    registry = REGISTRIES.get(namespace)
    if registry is None:
        raise InputError(
            Phrase("unknown transformation registry '{namespace}'", namespace=namespace),
            hint=Phrase(
                "known: registries 1 to 5 ({xbrl}...) and the SEC's (http://www.sec.gov/inlineXBRL/...)", xbrl=_XBRL
            ),
        )
    rule = registry.get(name)
    if rule is None:
        import difflib  # 5 ms that only this error needs

        near = difflib.get_close_matches(name, registry, n=3, cutoff=0.5)
        raise InputError(
            Phrase("the transformation registry {namespace} has no '{name}'", namespace=namespace, name=name),
            hint=Phrase("nearest: {names}", names=joined(near, ", "))
            if near
            else Phrase("it has {count} other names", count=len(registry)),
        )
    return rule
