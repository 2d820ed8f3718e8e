from __future__ import annotations

import re

import pytest
from starlette.datastructures import MutableHeaders

from trivium.service.kept_files import content_tag, let_keep, tagged


def _kept(path: str, query: bytes = b"") -> str | None:
    headers = MutableHeaders({"cache-control": "no-cache"})
    let_keep(headers, path, query, "0123456789ab")
    return headers["cache-control"]


def test_the_tag_follows_content_and_names(tmp_path, monkeypatch):
    static = tmp_path / "kept_example" / "pages" / "static"
    static.mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path)
    tags = []
    for name, content in (("a.js", "1"), ("a.js", "2"), ("b.js", "2")):
        (static / name).write_text(content)
        tags.append(content_tag(["kept_example"]))
    assert len(set(tags)) == 3
    assert re.fullmatch(r"[0-9a-f]{12}", tags[0])
    assert content_tag(["kept_example"]) == tags[-1]


def test_links_to_static_files_and_no_others_get_the_tag():
    page = (
        '<link href="/static/trivium.css"><script src="/medical/static/study.js"></script>'
        '<a href="/jobs">static/</a><img src="https://elsewhere/static/a.png"><a href="/files/1/static/a.css">x</a>'
        '<a data-x="/static/a.css">'
    )
    assert tagged(page, "7") == page.replace("trivium.css", "trivium.css?v=7").replace("study.js", "study.js?v=7")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/static/trivium.css", b"v=0123456789ab"),
        ("/medical/static/study.js", b"v=0123456789ab"),
        ("/finance/assets/index-DphvyggB.js", b""),
    ],
)
def test_what_is_named_by_its_content_is_kept_for_a_year(path, query):
    assert _kept(path, query) == "private, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/static/trivium.css", b""),
        ("/static/trivium.css", b"v=another"),
        ("/static/trivium.css", b"v=0123456789ab&v=1"),
        ("/jobs", b"v=0123456789ab"),
        ("/files/1f2e3d4c/static.css", b"v=0123456789ab"),
        ("/finance/assets/index.js", b""),
        ("/finance/gradio_api/file=/assets/index-DphvyggB.js", b""),
    ],
)
def test_nothing_else_is(path, query):
    assert _kept(path, query) == "no-cache"
