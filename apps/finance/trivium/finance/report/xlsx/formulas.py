"""Formulas of derived values as Excel formulas over the cells of their inputs.

Every shape of `Value.formula` is replayed: the expressions of formulas.toml and ratios.toml, and the fixed shapes of
changes, spans, bridges, breakdowns and peers. A text in an input cell ("n/a") gives "n/a", never an error value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from trivium.finance.analyze.expressions import Binary, Call, Expression, Name, Negative, Number, parse
from trivium.finance.analyze.model import Value

__all__ = ["Reference", "excel_formula", "guarded"]

Reference = Callable[[Value], str]
"""Gives the address of a value's cell, as seen from the sheet the formula stands in."""

_SPANS = re.compile(r"(?:^| ([+-]) )[a-z0-9_]+\[[^\]]*\]")
_SUM, _PRODUCT, _ATOM = 1, 2, 3


def excel_formula(value: Value, reference: Reference, *, missing: str, meaningless: str) -> str:
    """Return the formula of a derived value, without the leading equals sign.

    Args:
        missing: what the cell shows when an input is not a number.
        meaningless: what it shows when a base turns zero or negative.

    Raises:
        ValueError: if the formula is of no known shape or names an input that the value does not have.
    """
    role = value.id.rsplit("/", 1)[-1]
    cells = [reference(given) for given in value.inputs]
    if role in ("relative_change", "common_size"):
        return _share(cells[0], cells[1], missing, meaningless, minus_one=role == "relative_change")
    return guarded(_plain(value, cells, reference), missing)


def guarded(formula: str, missing: str) -> str:
    """Return a formula that shows `missing` where it would show an error value."""
    return f"IFERROR({formula},{_quoted(missing)})"


def _share(above: str, below: str, missing: str, meaningless: str, *, minus_one: bool) -> str:
    test = f"AND({below}>0,{above}>=0)" if minus_one else f"{below}>0"
    share = f"{above}/{below}-1" if minus_one else f"{above}/{below}"
    numbers = f"AND(ISNUMBER({above}),ISNUMBER({below}))"
    return f"IF({numbers},IF({test},{share},{_quoted(meaningless)}),{_quoted(missing)})"


def _plain(value: Value, cells: Sequence[str], reference: Reference) -> str:
    text = value.formula
    if text.startswith("-(") and "base(" in text:
        return f"{cells[1]}-{cells[0]}"
    if "base(" in text or "median(" in text or text.endswith("- members") or text == "end - start - steps":
        return "-".join(cells)
    if text.startswith("["):
        return "+".join(cells)
    if "[" in text:
        signs = [found[1] or "+" for found in _SPANS.finditer(text)]
        return "".join(f"{sign}{cell}" for sign, cell in zip(signs, cells, strict=True)).removeprefix("+")
    return _write(parse(text), lambda node: reference(_input(node, value)))[0]


def _write(node: Expression, cell: Callable[[Name | Call], str]) -> tuple[str, int]:
    """Return the text of a node and how strongly it binds."""
    match node:
        case Number(amount):
            return str(amount), _ATOM
        case Name():
            return cell(node), _ATOM
        case Negative(operand):
            return f"-{_within(_write(operand, cell), _ATOM)}", _PRODUCT
        case Binary(operator, left, right):
            strength = _SUM if operator in "+-" else _PRODUCT
            right_strength = strength + 1 if operator in "-/" else strength
            first, second = _write(left, cell), _write(right, cell)
            return f"{_within(first, strength)}{operator}{_within(second, right_strength)}", strength
        case Call("avg", (Name() as balance,)):
            # A sum, not AVERAGE, which would pass over an "n/a".
            return f"({cell(balance)}+{cell(Call('opening', (balance,)))})/2", _PRODUCT
        case Call("opening" | "prior"):
            return cell(node), _ATOM
    raise ValueError(f"a formula that no workbook can replay: {node}")


def _within(written: tuple[str, int], strength: int) -> str:
    text, own = written
    return text if own >= strength else f"({text})"


def _input(node: Name | Call, value: Value) -> Value:
    """Return the input that a name stands for: of the value's own end date, or before it for `opening` and `prior`."""
    is_earlier = isinstance(node, Call)
    name = node.arguments[0] if isinstance(node, Call) else node
    assert isinstance(name, Name)
    own = [given for given in value.inputs if given.metric == name.metric]
    end = value.period.end
    matching = [given for given in own if (given.period.end < end if is_earlier else given.period.end == end)]
    if not own or (is_earlier and not matching):
        raise ValueError(f"{value.id!r} has no input {name.metric!r} for its formula {value.formula!r}")
    return (matching or own)[0]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
