"""Clouds, meshes, sweeps and labels whose headers promise what the file does not hold."""

from __future__ import annotations

import struct

from tests.security.forged_files import Forged

PCD = (
    "VERSION .7\nFIELDS {fields}\nSIZE {size}\nTYPE {type}\nCOUNT {count}\nWIDTH {width}\nHEIGHT {height}\n"
    "VIEWPOINT 0 0 0 1 0 0 0\nPOINTS {points}\nDATA {data}\n"
)
USUAL = {
    "fields": "x y z", "size": "4 4 4", "type": "F F F", "count": "1 1 1", "width": "2", "height": "1", "points": "2",
    "data": "binary",
}  # fmt: skip


def pcd(body: bytes = bytes(24), **changes: str) -> bytes:
    return PCD.format(**(USUAL | changes)).encode() + body


def ply(body: bytes, *lines: str, layout: str = "binary_little_endian") -> bytes:
    return "\n".join(["ply", f"format {layout} 1.0", *lines, "end_header", ""]).encode() + body


XYZ = ("property float x", "property float y", "property float z")
FACE = "property list uchar int vertex_indices"


def clouds() -> Forged:
    yield "pcd-points-1e18", pcd(width=str(10**18), points=str(10**18))
    yield "pcd-points-digits", pcd(width="9" * 5000, points="9" * 5000)
    yield "pcd-points-negative", pcd(width="-2", points="-2")
    yield "pcd-points-text", pcd(width="two", points="two")
    yield "pcd-points-disagree", pcd(points="7")
    yield "pcd-size-0", pcd(size="0 0 0")
    yield "pcd-size-1000", pcd(size="1000 4 4")
    yield "pcd-size-short", pcd(size="4 4")
    yield "pcd-type", pcd(type="Q Q Q")
    yield "pcd-count-huge", pcd(count="1000000000 1 1")
    yield "pcd-count-0", pcd(count="0 0 0")
    yield "pcd-no-fields", pcd(fields="a b c")
    yield "pcd-field-twice", pcd(fields="x x x")
    yield "pcd-data-unknown", pcd(data="pickle")
    yield "pcd-cut", pcd(bytes(10))
    yield "pcd-header-endless", b"VERSION .7\n" + b"# " + b"a" * 5_000_000
    yield "pcd-header-cut", b"VERSION .7\nFIELDS x y z\n"
    packed = struct.pack("<II", 4, 2**32 - 1) + bytes(4)
    yield "pcd-compressed-bomb", pcd(packed, data="binary_compressed")
    yield "pcd-compressed-lies", pcd(struct.pack("<II", 2**32 - 1, 24) + bytes(4), data="binary_compressed")
    yield "pcd-compressed-back", pcd(struct.pack("<II", 3, 24) + b"\xff\xff\xff", data="binary_compressed")
    yield "pcd-compressed-head-alone", pcd(b"\x01", data="binary_compressed")
    yield "pcd-ascii-words", pcd(b"x y z\na b c\n", data="ascii")
    yield "pcd-ascii-short", pcd(b"1 2 3\n4 5\n", data="ascii")
    yield "pcd-ascii-long-number", pcd(b"1 2 " + b"9" * 2_000_000 + b"x\n1 2 3\n", data="ascii")
    yield "ply-vertices-1e12", ply(bytes(24), "element vertex 1000000000000", *XYZ)
    yield "ply-vertices-digits", ply(bytes(24), f"element vertex {'9' * 5000}", *XYZ)
    yield "ply-vertices-negative", ply(bytes(24), "element vertex -1", *XYZ)
    yield "ply-vertices-text", ply(bytes(24), "element vertex many", *XYZ)
    yield "ply-no-coordinates", ply(bytes(24), "element vertex 2", "property float a")
    yield "ply-property-unknown", ply(bytes(24), "element vertex 2", "property object x", *XYZ[1:])
    yield "ply-layout", ply(bytes(24), "element vertex 2", *XYZ, layout="pickle")
    yield "ply-header-endless", b"ply\nformat ascii 1.0\ncomment " + b"a" * 5_000_000
    yield "ply-header-cut", b"ply\nformat ascii 1.0\nelement vertex 2\n"
    yield "ply-property-first", ply(b"", *XYZ)
    yield "ply-cut", ply(bytes(20), "element vertex 2", *XYZ)
    yield "ply-ascii-words", ply(b"a b c\nd e f\n", "element vertex 2", *XYZ, layout="ascii")
    yield "ply-ascii-short", ply(b"1 2\n", "element vertex 2", *XYZ, layout="ascii")
    yield "xyz-words", b"x y z\nfoo bar baz\n"
    yield "xyz-long-line", b"1 " * 3_000_000
    yield "xyz-nul", b"1 2 3\n4 \x00 6\n"


def meshes() -> Forged:
    yield "stl-count-lies", bytes(80) + struct.pack("<I", 2**32 - 1) + bytes(50)
    yield "stl-count-short", bytes(80) + struct.pack("<I", 3) + bytes(50)
    yield "stl-empty", bytes(80) + struct.pack("<I", 0)
    yield "stl-head-alone", bytes(40)
    yield "stl-ascii-garbage", b"solid x\nfacet normal a b c\nouter loop\nvertex q q q\n"
    yield "stl-ascii-cut", b"solid x\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\n"
    yield "stl-ascii-nothing", b"solid x\nendsolid x\n"
    triangle = struct.pack("<12f", 0, 0, 0, *[float("nan")] * 9) + b"\x00\x00"
    yield "stl-not-a-number", bytes(80) + struct.pack("<I", 1) + triangle
    three = bytes(36)
    faces = ("element vertex 3", *XYZ, "element face 1", FACE)
    yield "ply-index-outside", ply(three + b"\x03" + struct.pack("<3i", 0, 1, 2_000_000), *faces)
    yield "ply-index-negative", ply(three + b"\x03" + struct.pack("<3i", 0, -1, 2), *faces)
    yield "ply-faces-1e12", ply(three, *faces[:4], "element face 1000000000000", FACE)
    long_list = "property list uint int vertex_indices"
    yield "ply-list-lies", ply(three + struct.pack("<I", 2**32 - 1), *faces[:5], long_list)
    yield "ply-face-cut", ply(three + b"\x03", *faces)
    yield "ply-no-faces", ply(three, *faces[:4])


def sweeps() -> Forged:
    yield "sweep-17-bytes", bytes(17)
    yield "sweep-empty", b""


def labels() -> Forged:
    yield "labels-words", b"Car a b c d e f g h i j k l m\n"
    yield "labels-short", b"Car 0 0\n"
    yield "labels-long-line", b"Car " + b"0 " * 2_000_000


def calibrations() -> Forged:
    yield "calibration-empty", b""
    yield "calibration-words", b"P2: a b c d e f g h i j k l\n"
    yield "calibration-short", b"P2: 1 2 3\n"
    yield "calibration-nul", b"\x00" * 100
