"""Hostile bytes, made here: wrong kinds of file, bombs, lying headers. Nothing is downloaded, nothing is live.

Each function yields `(name, bytes)`. What each reader must answer stands in `answers.toml`.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator

Forged = Iterator[tuple[str, bytes]]
MIB = 1 << 20


class Evil:
    """What runs when somebody unpickles it; nobody may."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('code of the file was run')",))


def gzip_bomb(mib: int) -> bytes:
    """A thousandth of the size that it unpacks to."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, mtime=0) as stream:
        for _ in range(mib):
            stream.write(bytes(MIB))
    return out.getvalue()


def zip_of(*entries: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def npz_with_pickle() -> bytes:
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + pickle.dumps([Evil()])
    return zip_of(("points.npy", npy))


def wrong_kinds() -> Forged:
    """Files of other kinds, by their first bytes."""
    yield "elf", b"\x7fELF\x02\x01\x01" + bytes(200)
    yield "exe", b"MZ\x90\x00" + bytes(200)
    yield "macho", b"\xcf\xfa\xed\xfe" + bytes(200)
    yield "class", b"\xca\xfe\xba\xbe\x00\x00\x004" + bytes(200)
    yield "wasm", b"\x00asm\x01\x00\x00\x00" + bytes(200)
    yield "pickle", pickle.dumps(Evil())
    yield "npz-pickle", npz_with_pickle()
    yield "npy-pickle", zipfile.ZipFile(io.BytesIO(npz_with_pickle())).read("points.npy")
    yield "sqlite", b"SQLite format 3\x00" + bytes(200)
    yield "rar", b"Rar!\x1a\x07\x01\x00" + bytes(200)
    yield "7z", b"7z\xbc\xaf\x27\x1c" + bytes(200)
    yield "mp4", b"\x00\x00\x00\x18ftypmp42" + bytes(200)
    yield "gif", b"GIF89a\xff\xff\xff\xff" + bytes(200)
    yield "pdf", b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n"
    yield "hdf5", b"\x89HDF\r\n\x1a\n" + bytes(200)
    yield "zeros", bytes(4096)
    yield "ones", b"\xff" * 4096
    yield "nothing", b""
    yield "blanks", b" \n\t\r\n" * 50


def broken_gzip() -> Forged:
    whole = gzip.compress(b"a,b\n1,2\n" * 5000, mtime=0)
    yield "gzip-cut", whole[:-30]
    yield "gzip-crc", whole[:-8] + b"\x00\x00\x00\x00" + whole[-4:]
    yield "gzip-size", whole[:-4] + b"\xff\xff\xff\x7f"
    yield "gzip-head-alone", b"\x1f\x8b"
    yield "gzip-method", b"\x1f\x8b\x63" + whole[3:]
    yield "gzip-noise", whole[:40] + bytes(200) + whole[240:]


def xml() -> Forged:
    """XML that asks for more than it shows."""
    laughs = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{("&" + chr(97 + n) + ";") * 10}">' for n in range(9)
    )
    root = '<xbrl xmlns="http://www.xbrl.org/2003/instance">'
    yield "billion-laughs", f"{laughs}]>{root}&j;</xbrl>".encode()
    yield "quadratic", (f'<!DOCTYPE x [<!ENTITY a "{"A" * 50000}">]>{root}' + "&a;" * 5000 + "</xbrl>").encode()
    for name, target in (
        ("file", "file:///etc/passwd"),
        ("http", "http://169.254.169.254/latest/meta-data"),
        ("ftp", "ftp://127.0.0.1/x"),
        ("php", "php://filter/read=convert.base64-encode/resource=/etc/passwd"),
    ):
        yield f"entity-{name}", f'<!DOCTYPE x [<!ENTITY e SYSTEM "{target}">]>{root}&e;</xbrl>'.encode()
    yield (
        "parameter-entity",
        f'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>{root}&q;</xbrl>'.encode(),
    )
    yield "entity-loop", f'<!DOCTYPE x [<!ENTITY a "&b;"><!ENTITY b "&a;">]>{root}&a;</xbrl>'.encode()
    yield "deep", b"<a>" * 100_000
    yield "deep-closed", b"<a>" * 20_000 + b"</a>" * 20_000
    yield "long-name", b"<" + b"a" * 20_000_000 + b"/>"
    yield "many-attributes", b"<a " + b" ".join(b'x%d="1"' % n for n in range(50_000)) + b"/>"
    yield "twice-an-attribute", b'<a x="1" x="2"/>'
    yield "utf16-odd", b"\xff\xfe<\x00a\x00/\x00>"
    yield "utf16-surrogate", b"\xff\xfe\x00\xd8<\x00a\x00/\x00>\x00"
    yield "nul", b"<xbrl>\x00</xbrl>"
    yield "unclosed", b"<xbrl"
    yield "no-element", b'<?xml version="1.0"?><!-- nothing -->'
    yield "plain-html", b"<html><body><script>alert(1)</script></body></html>"
    yield "svg-script", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    yield "xinclude", b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
    yield "xslt", b'<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"/>'


def zips() -> Forged:
    yield "zip-empty", zip_of()
    yield "zip-bomb", zip_of(("report.xml", bytes(200 * MIB)))
    yield "zip-many", zip_of(*((f"{n}.xml", b"<a/>") for n in range(1000)))
    yield "zip-nested", zip_of(("a.zip", zip_of(("b.zip", zip_of(("c.xml", b"<a/>"))))))
    yield "zip-up", zip_of(("../../../../etc/cron.d/x.xml", b"<a/>"))
    yield "zip-absolute", zip_of(("/etc/passwd", b"root"))
    yield "zip-backslash", zip_of(("..\\..\\x.xml", b"<a/>"))
    whole = zip_of(("a.xml", b"<a/>" * 1000))
    yield "zip-cut", whole[:-40]
    yield "zip-head-alone", b"PK\x03\x04"
    yield "zip-crc", whole[:14] + b"\x00\x00\x00\x00" + whole[18:]
    lying = bytearray(whole)
    place = whole.rindex(b"PK\x01\x02")
    lying[place + 24 : place + 28] = struct.pack("<I", 4)  # says that it unpacks to four bytes
    yield "zip-size", bytes(lying)
    locked = bytearray(whole)
    locked[6] |= 1
    locked[place + 8] |= 1
    yield "zip-locked", bytes(locked)
    yield "xlsx-without-sheets", zip_of(("[Content_Types].xml", b"<Types/>"), ("xl/workbook.xml", b"<workbook/>"))
    yield (
        "xlsx-laughs",
        zip_of(
            ("[Content_Types].xml", b"<Types/>"),
            ("xl/workbook.xml", b'<!DOCTYPE x [<!ENTITY a "ha">]><workbook>&a;</workbook>'),
        ),
    )
    yield "ole-garbage", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


def jsons() -> Forged:
    facts = {"cik": 1, "entityName": "X", "facts": {"us-gaap": {"Assets": {"units": {"USD": [{}]}}}}}
    yield "json-deep", b'{"facts":' + b"[" * 200_000
    yield "json-deep-closed", b'{"facts":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    yield "json-cut", json.dumps(facts).encode()[:-3]
    yield "json-list-of-facts", b'{"facts": [1, 2]}'
    yield "json-facts-null", b'{"cik": 1, "entityName": "X", "facts": null}'
    yield "json-fact-without-value", json.dumps(facts).encode()
    yield "json-digits", b'{"facts": ' + b"9" * 100_000 + b"}"
    yield "json-bad-utf8", b'{"facts": "\xff\xfe"}'
    yield "json-control", b'{"facts": "\x00\x01"}'


def png(width: int, height: int, *, data: bytes = b"", extra: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    middle = b"".join(chunk(kind, content) for kind, content in extra)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + middle + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    )


def jpeg(width: int, height: int) -> bytes:
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    return (
        b"\xff\xd8\xff\xc0"
        + struct.pack(">H", len(frame) + 2)
        + frame
        + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
        + bytes(20)
        + b"\xff\xd9"
    )


def pictures() -> Forged:
    yield "png-30000", png(30_000, 30_000)
    yield "png-widest", png(2**31 - 1, 2**31 - 1)
    yield "png-one-row", png(2**31 - 1, 1)
    yield "png-empty-size", png(0, 0)
    yield "png-without-data", png(1000, 1000)
    yield "png-short-data", png(1000, 1000, data=bytes(5000))
    yield (
        "png-text-bomb",
        png(64, 64, data=bytes(65 * 64), extra=((b"zTXt", b"a\x00\x00" + zlib.compress(bytes(64 * MIB))),)),
    )
    yield (
        "png-profile-bomb",
        png(64, 64, data=bytes(65 * 64), extra=((b"iCCP", b"a\x00\x00" + zlib.compress(bytes(64 * MIB))),)),
    )
    yield "png-chunk-length", png(64, 64)[:33] + b"\x7f\xff\xff\xffIDAT" + bytes(50)
    yield "png-cut", png(64, 64, data=bytes(65 * 64))[:-30]
    yield "png-head-alone", b"\x89PNG\r\n\x1a\n"
    yield "jpeg-65500", jpeg(65_500, 65_500)
    yield "jpeg-empty-size", jpeg(0, 0)
    yield "jpeg-noise", jpeg(64, 64)
    yield "jpeg-head-alone", b"\xff\xd8\xff\xe0"
    yield "tiff", b"II*\x00" + bytes(300)
    yield "webp", b"RIFF\xff\xff\xff\x7fWEBPVP8 " + bytes(100)
    yield (
        "bmp",
        b"BM" + struct.pack("<IHHI", 10**9, 0, 0, 54) + struct.pack("<IiiHHI", 40, 2**30, 2**30, 1, 24, 0) + bytes(24),
    )
    yield "ico", b"\x00\x00\x01\x00\xff\xff" + bytes(100)
    yield "eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n"
    yield "svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="9999999" height="9999999"/>'
