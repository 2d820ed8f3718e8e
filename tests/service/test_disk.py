"""A disk that fills up, on a real file system of 16 MiB: warned of, refused with words, never half written."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.service.conftest import TOY

from trivium.service import migrate
from trivium.service.access import open_access
from trivium.service.disk import DiskFullError, Usage, require_space, usage_of
from trivium.service.doctor import examine
from trivium.service.runtime import LOCAL_USER, open_runtime
from trivium.service.settings import Settings
from trivium.service.store import BlobStore
from trivium.service.web import create_web

SIZE = 16 * 1024 * 1024
HOST = "http://127.0.0.1:7860"


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory):
    """A file system of its own; making one needs root, or a user that may mount."""
    folder = tmp_path_factory.mktemp("small")
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True)
        reason = mounted.stderr.strip() if mounted.returncode else ""
    except FileNotFoundError as error:
        reason = str(error)
    if reason:
        # A right that no package brings: a container without it is no worse a place for the other tests.
        pytest.skip(f"no small file system can be made here ({reason})")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def disk(small_disk):
    """The small file system with room again, whatever the test before put there."""
    yield small_disk
    (small_disk / "ballast").unlink(missing_ok=True)


def fill(folder: Path, share: float) -> None:
    """Write ballast until the file system is so full."""
    usage = usage_of(folder)
    with (folder / "ballast").open("ab") as file:
        file.write(bytes(int(share * (usage.used + usage.free)) + 4096 - usage.used))


def incoming(folder: Path) -> list[str]:
    return [path.name for path in (folder / "blobs" / "incoming").glob("*")]


def test_shares_count_what_this_user_can_have():
    assert Usage(85, 15).is_low
    assert not Usage(84, 16).is_low
    assert Usage(95, 5).is_full
    assert not Usage(94, 6).is_full
    assert Usage(0, 0).is_full


def test_a_folder_that_is_not_there_yet_counts_by_its_parent(disk):
    assert usage_of(disk / "not" / "yet").free == usage_of(disk).free
    assert usage_of(disk).used + usage_of(disk).free == SIZE


def test_what_would_fill_the_disk_is_refused_by_its_size(disk):
    require_space(disk, 1024)
    with pytest.raises(DiskFullError, match=r"16,000,000 bytes would fill the server's disk, which has [\d,]+ bytes"):
        require_space(disk, 16_000_000)


def test_a_blob_without_room_leaves_nothing_behind(disk):
    store = BlobStore(disk / "blobs")
    fill(disk, 0.97)
    with pytest.raises(DiskFullError, match="the server's disk is full"):
        store.put(bytes(1 << 20))
    assert incoming(disk) == []
    small = store.put(b"the result of a job that was running")  # the last shares are for these
    assert store.read(small.sha256).startswith(b"the result")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_uploads_stop_at_95_percent_and_go_on_when_there_is_room(disk):
    settings = Settings(home=disk / "home")
    runtime = open_runtime(settings, apps=(TOY,), publish=lambda *message: None)
    migrate.upgrade(runtime.database)
    access = open_access(settings, runtime.apps, runtime.database)
    access.first()
    client = TestClient(create_web(runtime), base_url=HOST)
    client.get("/login", params={"token": access.sessions.make_link_token(LOCAL_USER)})

    def upload(size: int):
        return client.post("/api/uploads", params={"name": "a.bin"}, content=b"x" * size)

    first = upload(1000)
    assert first.status_code == 201
    fill(disk, 0.86)
    assert upload(2000).status_code == 201
    assert {f.what: f.verdict for f in examine(settings)}["disk"] == "note"
    too_large = upload(2 << 20)
    assert (too_large.status_code, too_large.json()["error"].split(";")[-1]) == (507, " nothing of it was kept")
    fill(disk, 0.955)
    refused = upload(10)
    assert refused.status_code == 507
    assert refused.json()["error"] == (
        "the server's disk is 96 % full, and takes nothing new from 95 % on; "
        "free some space, or ask whoever runs this server to; nothing of it was kept"
    )
    chunked = client.post("/api/uploads", params={"name": "a"}, content=(b"y" for _ in range(3)))
    assert chunked.status_code == 507
    assert incoming(disk / "home") == []
    assert {f.what: f.verdict for f in examine(settings)}["disk"] == "fail"
    assert runtime.store.read(first.json()["sha256"]) == b"x" * 1000  # what is there can be read
    assert client.get("/api/jobs").json() == []
    (disk / "ballast").unlink()
    assert upload(10).status_code == 201
    runtime.close()
