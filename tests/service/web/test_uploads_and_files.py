"""What is sent into the store through the web shell, and what leaves it."""

from __future__ import annotations

import hashlib

import pytest

from trivium.service.runtime import LOCAL_USER

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # gradio and httpx clients under test


def test_an_upload_streams_into_the_store(visitor, runtime):
    answer = visitor.post("/api/uploads?name=a.htm", content=iter([b"ab", b"c"]))
    assert answer.json() == {"name": "a.htm", "sha256": hashlib.sha256(b"abc").hexdigest(), "size": 3}
    assert runtime.store.read(answer.json()["sha256"]) == b"abc"


def test_a_stated_length_over_the_limit_is_refused_unread(visitor):
    def body():
        pytest.fail("the body was read")
        yield b""

    answer = visitor.post("/api/uploads?name=a", content=body(), headers={"content-length": str(1024 * 1024 + 1)})
    assert answer.status_code == 413
    assert "TRIVIUM_MAX_UPLOAD_MIB" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/api/uploads?name=a", "/toy/gradio_api/upload"])
def test_an_unstated_length_is_counted(visitor, runtime, path):
    chunks = iter([b"x" * 65536] * 17)
    answer = visitor.post(path, content=chunks, headers={"content-type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 413
    assert list((runtime.store.root / "incoming").iterdir()) == []


def test_files_are_sent_as_downloads_or_in_a_sandbox(visitor, job):
    assert len(job.files) == 2
    url = visitor.get(f"/api/jobs/{job.id}").json()["files"][0]["url"]
    download = visitor.get(url)
    assert download.content == b"<h1>3</h1><script>1</script>"
    assert download.headers["content-disposition"] == "attachment; filename*=UTF-8''r%C3%A9sum%C3%A9%201.html"
    assert download.headers["x-content-type-options"] == "nosniff"
    shown = visitor.get(url + "?inline=1")
    assert shown.headers["content-disposition"].startswith("inline;")
    assert shown.headers["content-security-policy"].startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in shown.headers["content-security-policy"]
    binary = visitor.get(f"/files/{job.id}/data.bin?inline=1")
    assert binary.headers["content-disposition"].startswith("attachment;")
    assert visitor.get(f"/files/{job.id}/..%2f..%2ftrivium.db").status_code == 404


def test_files_that_leave_are_in_the_audit_log(visitor, runtime, job):
    page = job.files[0]
    before = len(list(runtime.audit.rows(subject_kind="file")))  # other tests of this module look at files, too
    for query in ("", "?inline=1"):
        assert visitor.get(f"/files/{job.id}/{page.name}{query}").status_code == 200
    assert visitor.get(f"/files/{job.id}/none.html").status_code == 404
    downloaded, shown = list(runtime.audit.rows(subject_kind="file"))[before:]
    assert (downloaded.action, shown.action) == ("file.downloaded", "file.shown")
    assert (shown.actor, shown.subject_id, shown.subject_version) == (LOCAL_USER, f"{job.id}/{page.name}", page.sha256)
