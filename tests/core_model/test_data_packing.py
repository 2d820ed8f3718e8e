"""Packed rows: every token once a pass, borders of documents, another order in each pass, the same rows by number."""

import numpy as np
import pytest
import torch

from trivium.core_model.data.packing import PackedRows
from trivium.core_model.data.tokens import TokenStore
from trivium.service.errors import InputError

LENGTHS = (5, 1, 30, 7, 7, 12)


@pytest.fixture
def store(tmp_path):
    """Six documents; the id of a token is 100 times its document plus its place."""
    documents = [([100 * number + place for place in range(size)], size) for number, size in enumerate(LENGTHS)]
    TokenStore.write(tmp_path / "store", documents, vocab_size=600)
    return TokenStore.open(tmp_path / "store")


def test_a_pass_shows_every_token_once_and_keeps_documents_whole(store):
    rows = PackedRows(store, length=8, seed=3)
    assert rows.rows_per_epoch == 7  # 62 tokens; six are left out
    for epoch in range(3):
        batch = rows.batch(range(7 * epoch, 7 * epoch + 7))
        seen = batch.tokens.flatten().tolist()
        assert len(set(seen)) == 56
        for tokens, documents, positions in zip(batch.tokens, batch.documents, batch.positions, strict=True):
            assert torch.equal(tokens // 100 == (tokens // 100)[:1], documents == 0)
            inside = documents[1:] == documents[:-1]
            assert torch.equal(inside, tokens[1:] == tokens[:-1] + 1)
            assert torch.equal(positions[1:][inside], positions[:-1][inside] + 1)
            assert positions[0] == 0
            assert (positions[1:][~inside] == 0).all()


def test_rows_depend_on_seed_and_number_alone(store):
    rows, again = PackedRows(store, 8, seed=3), PackedRows(store, 8, seed=3)
    first = rows.batch(range(20)).tokens
    assert torch.equal(again.batch([17, 4]).tokens, first[[17, 4]])
    assert not torch.equal(PackedRows(store, 8, seed=4).batch(range(20)).tokens, first)
    passes = [set(map(tuple, first[7 * epoch : 7 * epoch + 7].tolist())) for epoch in range(2)]
    assert passes[0] != passes[1]


def test_both_shuffles_happen(store):
    rows = PackedRows(store, 8, seed=3)
    order, ends, places = rows._shuffle(0)
    assert order.tolist() != sorted(order.tolist())
    assert places.tolist() != sorted(places.tolist())
    assert ends[-1] == 62
    assert np.array_equal(np.diff(ends), np.array(LENGTHS)[order[1:]])


def test_too_little_text_is_named(store):
    with pytest.raises(InputError, match="62 tokens in 6 documents do not fill one row of 64; give more text"):
        PackedRows(store, 64, seed=0)
