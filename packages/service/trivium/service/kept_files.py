"""Files that browsers keep: scripts, styles and pictures of pages, asked for once in place of with every click.

A page links them with a tag of the release's content (`/static/trivium.css?v=1f2e3d4c5b6a`), so that another release is
another address; what is asked for by that address may be kept for a year. Gradio has tags in its own names.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path

from starlette.datastructures import MutableHeaders

__all__ = ["content_tag", "let_keep", "tagged"]

_LINK = re.compile(r'(?<=\s)((?:href|src)="/(?:[a-z_]+/)?static/[\w.-]+)(?=")')
_OURS = re.compile(r"/(?:[a-z_]+/)?static/[\w.-]+")
_GRADIOS = re.compile(r"/[a-z_]+/assets/[\w.-]+-[\w-]{8,}\.(?:js|css|woff2?|ttf|svg|png)")
_KEEP = "private, max-age=31536000, immutable"


def content_tag(packages: Iterable[str]) -> str:
    """Return a tag of all files below `static` in these packages, which are not imported."""
    digest = hashlib.sha256()
    for package in sorted(packages):
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(folder).rglob("static/*")):
                if path.is_file():
                    digest.update(f"{package}/{path.name}".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def tagged(html: str, tag: str) -> str:
    """Put the tag into a page's links to static files. Links begin at `/`: the root comes later (`root.in_links`)."""
    return _LINK.sub(rf"\g<1>?v={tag}", html)


def let_keep(headers: MutableHeaders, path: str, query: bytes, tag: str) -> None:
    """Let the browser keep an answer of status 200 whose address names its content."""
    is_named = query == f"v={tag}".encode() and _OURS.fullmatch(path)
    if is_named or _GRADIOS.fullmatch(path):
        headers["cache-control"] = _KEEP
