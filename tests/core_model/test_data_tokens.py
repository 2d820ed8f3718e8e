"""Documents to token files: every kind of source, what is held out, used again, and every line that is no document."""

import gzip
import json

import numpy as np
import pytest

from trivium.core_model.data.tokens import find_files, is_held_out, prepare, read_documents
from trivium.core_model.tokenizer import Tokenizer
from trivium.service.errors import InputError

TEXTS = [f"Document {number} says {number * number}." for number in range(40)]


def write_lines(file, texts):
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
    file.write_bytes(gzip.compress(lines) if file.suffix == ".gz" else lines)


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    (folder / "deep").mkdir(parents=True)
    write_lines(folder / "a.jsonl", TEXTS[:20])
    write_lines(folder / "deep" / "b.jsonl.gz", TEXTS[20:38])
    (folder / "deep" / "c.txt").write_text(TEXTS[38])
    with gzip.open(folder / "d.txt.gz", "wt") as out:
        out.write(TEXTS[39])
    (folder / "README.md").write_text("not a source")
    return folder


def texts_of(store, tokenizer):
    return [tokenizer.decode(store.document(number)) for number in range(store.num_documents)]


def test_every_document_is_on_one_side_and_comes_back_as_it_was(corpus, tmp_path):
    tokenizer = Tokenizer.builtin()
    stores = prepare([corpus], tokenizer, tmp_path / "tokens", holdout=0.3)
    sides = {side: texts_of(store, tokenizer) for side, store in stores.items()}
    assert sorted(sides["train"] + sides["held_out"]) == sorted(TEXTS)
    assert sides["held_out"] == [text for text in sides["held_out"] if is_held_out(text, 0.3)]
    assert 4 <= len(sides["held_out"]) <= 20  # 12 expected of 40
    assert stores["train"].num_bytes == sum(len(text.encode()) for text in sides["train"])
    assert stores["train"].ids.dtype == np.uint16
    assert stores["train"].document(0)[0] == stores["train"].document(0)[-1] == tokenizer.eos_id


def test_prepared_once_and_again_only_when_something_changed(corpus, tmp_path):
    tokenizer, folder, counts = Tokenizer.builtin(), tmp_path / "tokens", []
    prepare([corpus], tokenizer, folder, holdout=0.0, progress=counts.append)
    assert counts == list(range(1, 41))
    prepare([corpus], tokenizer, folder, holdout=0.0, progress=counts.append)
    assert len(counts) == 40
    write_lines(corpus / "e.jsonl", ["One more."])
    assert prepare([corpus], tokenizer, folder, holdout=0.0)["train"].num_documents == 41
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_nothing_held_out_is_an_empty_store(corpus, tmp_path):
    stores = prepare([corpus], Tokenizer.builtin(), tmp_path / "tokens", holdout=0.0)
    assert (stores["held_out"].num_documents, stores["held_out"].num_tokens) == (0, 0)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"text": "x"}\n{"txt": 1}\n', r'a.jsonl, line 2: no {"text": ...}'),
        ("a.jsonl", b'{"text": "x"}\n{"text": "y"\n', "a.jsonl, line 2: not JSON"),
        ("a.jsonl", b'{"text": "x"}\n\xff\n', "a.jsonl: cannot be read: .*; give it as UTF-8, whole"),
        ("a.jsonl.gz", gzip.compress(b'{"text": "x"}\n' * 9, mtime=0)[:-9], "a.jsonl.gz, after line"),
        ("a.jsonl.gz", b"plain", "a.jsonl.gz: cannot be read: Not a gzipped file"),
        ("a.txt.gz", gzip.compress(b"word " * 99, mtime=0)[:10] + b"\xff" * 40, "a.txt.gz: cannot be read: Error"),
        ("a.jsonl", b'{"text": "ab\\ud800"}', r"a.jsonl, line 1: half a character \('\\ud800'\) at 2 of the text"),
        ("a.jsonl", b"[" * 100_000, "a.jsonl, line 1: not JSON"),
    ],
)
def test_lines_that_are_no_documents_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_documents(tmp_path / name))


def test_a_file_that_is_named_is_taken_as_it_is(tmp_path):
    (tmp_path / "a.md").write_text("# Title\n\nText.\n")
    assert find_files([tmp_path / "a.md"]) == [tmp_path / "a.md"]
    assert list(read_documents(tmp_path / "a.md")) == ["# Title\n\nText."]


def test_sources_that_are_none_are_named(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"")
    for source, message in (
        (tmp_path / "absent", "absent: no such file or folder"),
        (tmp_path / "a.pdf", "a.pdf: not a kind of text that is read; give .jsonl"),
        (tmp_path, "no .jsonl, .jsonl.gz, .txt, .txt.gz file in it"),
    ):
        with pytest.raises(InputError, match=message):
            find_files([source])
