"""The quality of a reading: from OPC status codes and from what historians write where a value should be.

A reading that is not good is never the number 0. OPC UA status codes keep their severity in the two highest of 32 bits
(OPC 10000-4, 7.39); OPC DA qualities keep it in bits 6 and 7 of a byte (OPC DA 3.0, 6.8). The same 0 is good in the
one and bad in the other, so a column of codes is read as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from trivium.service.errors import InputError

__all__ = ["ABSENT", "BAD", "GOOD", "RANGE", "UNCERTAIN", "is_status_value", "of_codes", "of_text"]

GOOD, UNCERTAIN, BAD, RANGE, ABSENT = 0, 1, 2, 3, 255

SCHEMES = ("opc-ua", "opc-da")
_UA_NAMES = ("status", "status_code", "statuscode", "opcua_status")
_GOOD = re.compile(r"good|ok|normal|valid|true", re.IGNORECASE)
_UNCERTAIN = re.compile(r"uncertain|questionable|substituted|suspect|doubtful", re.IGNORECASE)
_MOST_SUBCODES = 0x01FF  # of OPC UA; far from what a counter would hold by chance


def of_text(text: str) -> int:
    """Return the quality that a word such as `Good` or `Bad_NoCommunication` states; any other word is bad."""
    word = text.strip()
    if _GOOD.match(word) and not re.match(r"good_?nodata", word, re.IGNORECASE):
        return GOOD
    return UNCERTAIN if _UNCERTAIN.match(word) else BAD


def of_codes(column: Sequence[object], name: str, scheme: str = "") -> np.ndarray:
    """Return the quality of each row from a column of codes or words; an empty cell says nothing, so it is good.

    Args:
        column: numbers, words, decimal or hexadecimal text.
        name: of the column; `status` and its kin hold OPC UA codes where the numbers do not tell.
        scheme: `opc-ua` or `opc-da` when the sender says which.

    Raises:
        InputError: if the scheme is unknown.
    """
    if scheme and scheme not in SCHEMES:
        raise InputError(
            f"{scheme!r} is no scheme of quality codes", where="quality", hint=f"use {' or '.join(SCHEMES)}"
        )
    codes = [_code(cell) for cell in column]
    numbers = [code for code in codes if isinstance(code, int)]
    is_ua = scheme == "opc-ua" or (not scheme and _looks_ua(numbers, name))
    found = np.empty(len(codes), np.uint8)
    for row, code in enumerate(codes):
        if code is None:
            found[row] = GOOD
        elif isinstance(code, str):
            found[row] = of_text(code)
        else:
            found[row] = _ua(code) if is_ua else _da(code)
    return found


def is_status_value(values: np.ndarray) -> np.ndarray:
    """Tell which numbers are OPC UA status codes that a gateway wrote in place of a value.

    Args:
        values: any shape, float64.
    """
    with np.errstate(invalid="ignore"):
        near = (values >= 0x40010000) & (values < 0x100000000) & (values == np.floor(values))
    if not near.any():
        return near
    codes = np.where(near, values, 0).astype(np.int64)
    subcode = (codes >> 16) & 0x3FFF
    return near & (codes & 0xFFFF == 0) & (codes >> 30 != 0) & (subcode > 0) & (subcode <= _MOST_SUBCODES)


def _code(cell: object) -> int | str | None:
    if cell is None:
        return None
    if isinstance(cell, bool):
        return "good" if cell else "bad"
    if isinstance(cell, (int, float)):
        return None if cell != cell else _in_32_bits(cell)
    text = str(cell).strip()
    if not text:
        return None
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,16}", text):
        return _in_32_bits(int(text, 16))
    if re.fullmatch(r"-?\d{1,16}(\.0+)?", text):
        return _in_32_bits(float(text))
    return text


def _in_32_bits(number: float) -> int | str:
    """Return a code; below 0 it was written as a signed number. What needs more bits is no code, and not good."""
    return int(number) % 2**32 if -(2**31) <= number < 2**32 else "bad"


def _looks_ua(numbers: Sequence[int], name: str) -> bool:
    if any(number > 0xFFFF for number in numbers):
        return True
    if any(number not in (0,) for number in numbers):  # 192, 64, 216: only DA has small codes
        return False
    return name.strip().lower() in _UA_NAMES


def _ua(code: int) -> int:
    return (GOOD, UNCERTAIN, BAD, BAD)[(code >> 30) & 3]


def _da(code: int) -> int:
    if code > 0xFF:  # Sparkplug's 500 is "stale"
        return BAD
    return (BAD, UNCERTAIN, BAD, GOOD)[(code >> 6) & 3]
