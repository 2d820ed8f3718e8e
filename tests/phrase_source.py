"""Finds in source files the messages that pages show: arguments of errors and problems, and templates of `Phrase`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ERRORS = frozenset(
    {"DiskFullError", "InputError", "ModelError", "NotFoundError", "Problem", "UpstreamError", "ValueError"}
)
CARRIERS = ("what", "where", "hint", "reason", "problem", "fault")
"""Variables that hold a part of a message before it is raised."""


@dataclass(frozen=True)
class Message:
    """A constant text of a message, or None where it is put together without a template, and its place."""

    text: str | None
    place: str
    fields: frozenset[str] = frozenset()
    """What a `Phrase` is given; empty for a constant."""


def messages(*paths: Path) -> Iterator[Message]:
    """Yield each message of the files, and each place where one is formatted in a way that cannot be translated."""
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            for part in _parts(node):
                yield from _texts(part, f"{path.name}:{part.lineno}")


def constants(path: Path) -> set[str]:
    """Return every text that stands in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _parts(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in ERRORS:
            named = [keyword.value for keyword in node.keywords if keyword.arg in ("what", "where", "hint")]
            return [*node.args[:2], *named]
        if name == "Phrase":
            return [node]
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        name = node.targets[0].id
        return [node.value] if name.lstrip("_").lower() in CARRIERS else []
    return []


def _has_words(piece: ast.expr) -> bool:
    """Whether a piece of an f-string is a text with words in it, not only signs or a prefix of a name."""
    return isinstance(piece, ast.Constant) and " " in str(piece.value) and any(sign.isalpha() for sign in piece.value)


def _texts(node: ast.expr, place: str) -> Iterator[Message]:
    match node:
        case ast.Constant(value=str(text)) if text:
            yield Message(text, place)
        case ast.JoinedStr(values=pieces) if any(_has_words(piece) for piece in pieces):
            yield Message(None, place)
        case ast.IfExp(body=body, orelse=other):
            yield from _texts(body, place)
            yield from _texts(other, place)
        case ast.BoolOp(values=values):
            for value in values:
                yield from _texts(value, place)
        case ast.Call(func=ast.Name(id="Phrase"), args=[ast.Constant(value=str(text))]):
            yield Message(text, place, frozenset(keyword.arg or "**" for keyword in node.keywords))
