"""The envelope: gzip and zstd there and back, bombs refused in bounded memory, damaged bytes named."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
import zstandard

from trivium.maintenance.ingest.envelope import decompress, format_of
from trivium.service.errors import InputError

TEXT = b"asset,time,temp\n" * 1000


def test_there_and_back():
    assert decompress(TEXT, "") == TEXT
    assert decompress(gzip.compress(TEXT), "gzip") == TEXT
    assert decompress(gzip.compress(TEXT) + gzip.compress(TEXT), "GZIP") == TEXT + TEXT
    assert decompress(zstandard.compress(TEXT), "zstd") == TEXT
    assert decompress(zstandard.ZstdCompressor(write_content_size=False).compress(TEXT), "zstd") == TEXT


@pytest.mark.parametrize(("name", "compress"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_a_bomb_is_refused_in_bounded_memory(name, compress):
    bomb = compress(b"\0" * 30_000_000)
    assert len(bomb) < 200_000
    tracemalloc.start()
    with pytest.raises(InputError, match="body: holds more than 1 MiB after decompression; send smaller batches"):
        decompress(bomb, name, max_bytes=1024 * 1024)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000  # of 30


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_damaged_bytes(name):
    whole = gzip.compress(TEXT) if name == "gzip" else zstandard.compress(TEXT)
    with pytest.raises(InputError, match=f"body: is no complete {name} data"):
        decompress(b"garbage" + whole, name)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_body_that_ends_early(name):
    whole = gzip.compress(TEXT) if name == "gzip" else zstandard.compress(TEXT)
    with pytest.raises(InputError, match=f"is no complete {name} data"):
        decompress(whole[:-6], name)


def test_another_encoding():
    with pytest.raises(InputError, match="Content-Encoding: 'br' is not supported; use gzip or zstd"):
        decompress(TEXT, "br")


def test_formats():
    assert format_of("application/json; charset=utf-8", b"") == "json"
    assert format_of("application/x-ndjson", b"") == "ndjson"
    assert format_of("", b"[{}]") == "json"
    assert format_of("", b'{"rows": []}') == "json"
    assert format_of("", b'{"tag": 1}\n{"tag": 2}') == "ndjson"
    assert format_of("application/x-www-form-urlencoded", b"tag,time,value") == "csv"  # what curl says by itself
    assert format_of("", b"\xff\xff\xff\xff....") == "arrow"
    with pytest.raises(InputError, match="Content-Type: 'image/png' is not supported"):
        format_of("image/png", b"")
