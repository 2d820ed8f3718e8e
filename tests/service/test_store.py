"""The blob store: by content, whole or not at all."""

import hashlib

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
    before = store.path(ABC).stat().st_mtime_ns
    store.put(b"abc")
    assert store.path(ABC).stat().st_mtime_ns == before
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
