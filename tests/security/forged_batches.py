"""Batches and registries that a gateway gone wrong or a stranger could send: `(name, body, type, encoding)`."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Iterator

import zstandard
from tests.security.forged_files import MIB, gzip_bomb

JSON, NDJSON, CSV = "application/json", "application/x-ndjson", "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
Batch = tuple[str, bytes, str, str]
ROW = {"asset": "P-101", "time": "2026-03-01T12:00:00Z", "speed": 2950}


def _zstd_window() -> bytes:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, compression_level=1)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return packer.compress(bytes(150 * MIB)) + packer.flush()


def batches() -> Iterator[Batch]:
    line = b"asset,time,speed\nP-101,2026-03-01T12:00:00Z,2950\n"
    packed = gzip.compress(line * 50, mtime=0)
    zipped = zstandard.compress(line * 50)
    for name in ("br", "deflate", "compress", "gzip, gzip", "../gzip", "a" * 5000):
        yield f"encoding-{name[:12]}", line, CSV, name
    yield "gzip-bomb", gzip_bomb(100), CSV, "gzip"
    yield "gzip-bombs-in-a-row", gzip_bomb(40) * 3, CSV, "gzip"
    yield "gzip-cut", packed[:-9], CSV, "gzip"
    yield "gzip-not", line, CSV, "gzip"
    yield "gzip-tail", packed + b"tail", CSV, "gzip"
    yield "zstd-bomb", zstandard.compress(bytes(100 * MIB)), CSV, "zstd"
    yield "zstd-window", _zstd_window(), CSV, "zstd"
    yield "zstd-cut", zipped[:-5], CSV, "zstd"
    yield "zstd-not", line, CSV, "zstd"
    for media in (
        "text/xml",
        "application/x-python-pickle",
        "multipart/form-data",
        "image/png",
        "application/zip",
        "*/*",
    ):
        yield f"type-{media}", line, media, ""
    for name, body in {
        "deep": b"[" * 200_000,
        "deep-closed": b'{"rows":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        "cut": json.dumps({"rows": [ROW]}).encode()[:-4],
        "text": b'"hello"',
        "number": b"7",
        "null": b"null",
        "no-rows": b"{}",
        "rows-text": b'{"rows": "many"}',
        "rows-empty": b'{"rows": []}',
        "rows-numbers": b'{"rows": [1, 2]}',
        "rows-10001": json.dumps({"rows": [ROW] * 10_001}).encode(),
        "no-time": b'{"rows": [{"asset": "a", "speed": 1}]}',
        "bad-utf8": b'{"rows": [{"asset": "\xff"}]}',
        "units-text": json.dumps({"rows": [ROW], "units": "all"}).encode(),
        "zone": json.dumps({"rows": [ROW], "zone": "../../etc/passwd"}).encode(),
        "time-format": json.dumps({"rows": [ROW | {"time": "x"}], "time_format": "%" * 5000}).encode(),
        "columns-5000": json.dumps({"rows": [ROW | {f"c{n}": 1 for n in range(5000)}]}).encode(),
    }.items():
        yield f"json-{name}", body, JSON, ""
    for name, body in {
        "deep": b"[" * 200_000 + b"\n",
        "second-line": json.dumps(ROW).encode() + b"\n{nope\n",
        "numbers": b"1\n2\n",
        "empty": b"\n\n",
        "bad-utf8": b'{"asset": "\xff\xfe"}\n',
    }.items():
        yield f"ndjson-{name}", body, NDJSON, ""
    for name, body in {
        "empty": b"",
        "header-alone": b"asset,time,speed\n",
        "no-time": b"asset,speed\na,1\n",
        "huge-field": b"asset,time,speed\n" + b"a" * 30_000_000 + b",2026-03-01T12:00:00Z,1\n",
        "open-quote": b'asset,time,speed\n"a,2026-03-01T12:00:00Z,1\n' + b"x,y,z\n" * 200_000,
        "columns-200000": b",".join(b"c%d" % n for n in range(200_000)) + b"\n" + b"," * 199_999 + b"\n",
        "nul": b"asset,time,speed\na\x00b,2026-03-01T12:00:00Z,1\n\x00\x00\x00",
        "column-twice": b"asset,time,speed,speed\na,2026-03-01T12:00:00Z,1,2\n",
        "rows-20000": b"asset,time,speed\n" + b"a,2026-03-01T12:00:00Z,1\n" * 20_000,
    }.items():
        yield f"csv-{name}", body, CSV, ""
    for name, body in {
        "noise": b"\xff\xff\xff\xff" + bytes(200),
        "length-lies": b"\xff\xff\xff\xff" + struct.pack("<i", 2**31 - 1) + bytes(100),
        "length-negative": b"\xff\xff\xff\xff" + struct.pack("<i", -5) + bytes(100),
        "file-cut": b"ARROW1\x00\x00" + bytes(20),
        "empty": b"",
    }.items():
        yield f"arrow-{name}", body, ARROW, ""


def registries() -> Iterator[tuple[str, bytes]]:
    head = b"asset,tag,unit\n"
    yield "registry-empty", b""
    yield "registry-header-alone", head
    yield "registry-no-columns", b"a,b\n1,2\n"
    yield "registry-huge-field", head + b"a" * 20_000_000 + b",t,rpm\n"
    yield "registry-nul", head + b"\x00,\x00,\x00\n"
    yield "registry-twice", head + b"P-1,speed,rpm\nP-1,speed,rpm\n"
    yield "registry-open-quote", head + b'"P-1,speed,rpm\n' * 1000
