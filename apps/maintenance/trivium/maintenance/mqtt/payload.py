"""A Sparkplug B payload: protobuf bytes to metrics, and the one command that a host sends back.

Field numbers and data types are those of the Eclipse Sparkplug specification, version 3.0.0, section 6.4.1. Metrics are
all that is read; data sets, templates, files and text are left out, for they are no readings. A payload that is cut off
or damaged is one error; unknown fields are passed over, as protobuf asks for.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from trivium.service.errors import InputError

__all__ = ["BOOLEAN", "DOUBLE", "INT64", "UINT64", "Metric", "Payload", "read_payload", "write_command"]

INT64, UINT64, DOUBLE, BOOLEAN = 4, 8, 10, 11
_SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}  # Int8 to Int64, sent as unsigned
_NUMERIC = range(1, 12)  # Int8 to Boolean
_MOST_METRICS = 10_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_QUALITY = "Quality"


@dataclass
class Metric:
    """One metric.

    Args:
        name: empty where only the alias is sent.
        alias: that the birth gave it; None for none.
        time_ms: milliseconds since 1970; None for that of the payload.
        datatype: of the specification; 0 where the birth has said it.
        value: a float or double as sent; None for null, and for what is no number.
        raw: a whole number as sent, before `as_type` gives it its sign; None where it is none.
        quality: code of the property `Quality`: 192 good, 0 bad, 500 stale; None when it is not told.
        is_null: said to have no value.
        is_historical, is_transient: not current; not to be kept.
        has_other: its value is text, a set or a file.
    """

    name: str = ""
    alias: int | None = None
    time_ms: int | None = None
    datatype: int = 0
    value: float | None = None
    raw: int | None = None
    quality: int | None = None
    is_null: bool = False
    is_historical: bool = False
    is_transient: bool = False
    has_other: bool = False

    def as_type(self, datatype: int) -> float | None:
        """Return the value as a number of a data type; None where it is none."""
        if self.is_null or datatype not in _NUMERIC:
            return None
        if self.raw is None:
            return self.value
        bits = _SIGNED_BITS.get(datatype)
        if bits is None:
            return float(self.raw)
        low = self.raw & ((1 << bits) - 1)
        return float(low - (1 << bits) if low >> (bits - 1) else low)


@dataclass
class Payload:
    """A payload; `seq` is None where it has none."""

    time_ms: int | None = None
    seq: int | None = None
    metrics: list[Metric] = field(default_factory=list)


def read_payload(data: bytes) -> Payload:
    """Read a payload.

    Raises:
        InputError: if the bytes are no Sparkplug B payload.
    """
    found = Payload()
    try:
        for number, kind, value in _fields(data):
            if number == 1 and kind == _VARINT:
                found.time_ms = _whole(value)
            elif number == 2 and kind == _BYTES:
                if len(found.metrics) == _MOST_METRICS:
                    raise InputError(f"has more than {_MOST_METRICS:,} metrics", where="payload")
                found.metrics.append(_metric(_view(value)))
            elif number == 3 and kind == _VARINT:
                found.seq = _whole(value)
    except (ValueError, struct.error, IndexError) as error:
        raise InputError(f"is no Sparkplug B payload ({error})", where="payload") from error
    return found


def write_command(name: str, time_ms: int) -> bytes:
    """Return a payload that sets one boolean metric to true, as for `Node Control/Rebirth`."""
    text = name.encode()
    metric = _tag(1, _BYTES) + _varint(len(text)) + text
    for number, value in ((3, time_ms), (4, BOOLEAN), (14, 1)):
        metric += _tag(number, _VARINT) + _varint(value)
    return _tag(1, _VARINT) + _varint(time_ms) + _tag(2, _BYTES) + _varint(len(metric)) + metric


def _metric(data: memoryview) -> Metric:
    found = Metric()
    for number, kind, value in _fields(data):
        if number == 1 and kind == _BYTES:
            found.name = _text(value)
        elif number == 9 and kind == _BYTES:
            found.quality = _quality(_view(value))
        elif number == 12 and kind == _FIXED32:
            found.value = _finite(struct.unpack("<f", _view(value))[0])
        elif number == 13 and kind == _FIXED64:
            found.value = _finite(struct.unpack("<d", _view(value))[0])
        elif number >= 15:
            found.has_other = True
        elif kind == _VARINT:
            _take_varint(found, number, _whole(value))
    return found


def _take_varint(found: Metric, number: int, value: int) -> None:
    if number in (10, 11, 14):
        found.raw = value
    elif number in (2, 3, 4):
        setattr(found, {2: "alias", 3: "time_ms", 4: "datatype"}[number], value)
    elif number in (5, 6, 7):
        setattr(found, {5: "is_historical", 6: "is_transient", 7: "is_null"}[number], bool(value))


def _quality(data: memoryview) -> int | None:
    """Return the property `Quality` of a property set; keys and values stand in the same order."""
    keys: list[str] = []
    values: list[int | None] = []
    for number, kind, value in _fields(data):
        if number == 1 and kind == _BYTES:
            keys.append(_text(value))
        elif number == 2 and kind == _BYTES:
            inner = (
                _whole(one) for field_, type_, one in _fields(_view(value)) if type_ == _VARINT and field_ in (3, 4)
            )
            values.append(next(inner, None))
    return dict(zip(keys, values, strict=False)).get(_QUALITY)


def _fields(data: bytes | memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yield number, wire type and value of each field."""
    view, place = memoryview(data), 0
    while place < len(view):
        key, place = _read_varint(view, place)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, place = _read_varint(view, place)
            yield number, kind, value
            continue
        if kind == _BYTES:
            length, place = _read_varint(view, place)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {kind}")
        if number == 0 or place + length > len(view):
            raise ValueError("a field is cut off")
        yield number, kind, view[place : place + length]
        place += length


def _read_varint(view: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = view[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place
    raise ValueError("a number has more than ten bytes")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _tag(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _whole(value: int | memoryview) -> int:
    assert isinstance(value, int), "by its wire type"
    return value


def _view(value: int | memoryview) -> memoryview:
    assert isinstance(value, memoryview), "by its wire type"
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_view(value)).decode("utf-8")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
