"""Every refusal of a file of points has its Chinese, with the same values in it."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

import trivium.pointcloud
from trivium.pointcloud.io import read_mesh, read_points
from trivium.service.errors import InputError

FOLDER = Path(trivium.pointcloud.__file__).parent
CHINESE = tomllib.loads((FOLDER / "locale" / "phrases.zh.toml").read_text(encoding="utf-8"))


def texts_of(file: Path) -> set[str]:
    """Texts of the errors that a module raises when it reads: templates of phrases, and those without values."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("InputError", "Phrase"):
            values = [*node.args[:1], *(one.value for one in node.keywords if one.arg == "hint")]
            found |= {one.value for one in values if isinstance(one, ast.Constant)}
    return found


def test_every_refusal_has_its_chinese_with_the_same_fields() -> None:
    files = [
        FOLDER / "io" / f"{name}.py"
        for name in ("__init__", "delimited", "lzf", "npy", "npz", "pcd", "ply", "source", "stl")
    ]
    wanted = set().union(*map(texts_of, files)) - {"cannot be read ({reason})", "known: {choices}"}  # the platform's
    assert wanted - set(CHINESE) == set()
    for english, chinese in CHINESE.items():
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", chinese)), english


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xyz", b"1 2 3\n1 2\n", "第 2 行：此行有 2 列，前面各行为 3 列"),
        ("a.stl", b"solid x", "没有 endsolid；文件不完整"),
        ("a.ply", b"", "文件为空"),
        ("a.las", b"LASF", "此处不能读取以“.las”结尾的文件；可用："),
    ],
)
def test_refusals_are_told_in_chinese(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        (read_mesh if name.endswith("stl") else read_points)(tmp_path / name)
    line = caught.value.line_in("zh")
    assert said in line
    assert str(tmp_path / name) in line
