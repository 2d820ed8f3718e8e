"""The blob store: by content, whole or not at all."""

import hashlib
import os
import time

import pytest

from trivium.service.errors import InputError, NotFoundError
from trivium.service.store import BlobStore

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # SHA-256 of b"abc", FIPS 180-2 example


@pytest.fixture
def store(tmp_path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def files_in(store: BlobStore) -> list[str]:
    return sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file())


def test_chunks_become_one_blob_under_its_hash(store):
    blob = store.put(iter([b"a", b"", b"bc"]))
    assert (blob.sha256, blob.size) == (ABC, 3)
    assert files_in(store) == [f"ba/78/{ABC}"]
    assert store.read(ABC) == b"abc"
    assert ABC in store


def test_the_same_content_is_stored_once(store):
    store.put(b"abc")
    before = store.path(ABC).stat().st_ino
    store.put(b"abc")
    assert store.path(ABC).stat().st_ino == before
    assert len(files_in(store)) == 1


def test_too_large_is_refused_after_the_limit_and_leaves_nothing(store):
    taken = []

    def chunks():
        for _ in range(1000):
            taken.append(10)
            yield b"0123456789"

    with pytest.raises(InputError, match=r"^big\.htm: is larger than the 25 bytes allowed$"):
        store.put(chunks(), max_bytes=25, name="big.htm")
    assert len(taken) == 3
    assert files_in(store) == []


def test_an_interrupted_write_leaves_nothing(store):
    def interrupted():
        yield b"half"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.put(interrupted())
    assert files_in(store) == []


def test_a_file_is_read_in(store, tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    assert store.put_file(path).sha256 == ABC
    with pytest.raises(InputError, match=r"none\.txt: cannot be read \(No such file"):
        store.put_file(tmp_path / "none.txt")


@pytest.mark.parametrize("name", ["../../etc/passwd", "", ABC.upper(), ABC + "\n", "a" * 64])
def test_what_is_no_stored_hash_is_not_found(store, name):
    store.put(b"abc")
    with pytest.raises(NotFoundError):
        store.read(name)


def test_empty_content_is_a_blob(store):
    assert store.put(b"").sha256 == hashlib.sha256(b"").hexdigest()


def age(store, sha256, seconds):
    moment = time.time() - seconds
    os.utime(store.path(sha256), (moment, moment))


def test_a_blob_that_nobody_wants_is_discarded(store):
    store.put(b"abc")
    assert store.discard(ABC, unused_s=60) is None  # just stored
    age(store, ABC, 61)
    assert store.unused_size(ABC, unused_s=60) == 3
    assert store.discard(ABC, unused_s=60) == 3
    assert ABC not in store
    assert store.discard(ABC, unused_s=60) is None


@pytest.mark.parametrize("want", ["put", "keep"])
def test_a_blob_that_is_wanted_again_stays(store, want):
    store.put(b"abc")
    age(store, ABC, 61)
    assert (store.put(b"abc") if want == "put" else store.keep(ABC)).size == 3
    assert store.discard(ABC, unused_s=60) is None
    assert store.read(ABC) == b"abc"


def test_a_blob_wanted_while_it_is_moved_aside_comes_back(store, monkeypatch):
    """The moment between the first look and the move: someone keeps the blob there."""
    store.put(b"abc")
    age(store, ABC, 61)
    first_look = store.unused_size

    def look_then_keep(sha256, *, unused_s):
        size = first_look(sha256, unused_s=unused_s)
        store.keep(sha256)
        return size

    monkeypatch.setattr(store, "unused_size", look_then_keep)
    assert store.discard(ABC, unused_s=60) is None
    assert store.read(ABC) == b"abc"


def test_what_a_killed_purge_moved_aside_comes_back(store):
    store.put(b"abc")
    (store.root / "outgoing").mkdir()
    store.path(ABC).replace(store.root / "outgoing" / ABC)
    store.restore_outgoing()
    assert store.read(ABC) == b"abc"


def test_what_is_not_there_cannot_be_kept(store):
    with pytest.raises(NotFoundError, match="no such content in the store"):
        store.keep(ABC)
