"""Scores of text against a loop over single tokens, in any window, and wrong windows by name."""

import math

import pytest
import torch
from tests.core_model.small import small_config

from trivium.core_model.decoder import new_decoder
from trivium.core_model.evaluate.perplexity import TextScore, score_texts
from trivium.core_model.tokenizer import Tokenizer
from trivium.service.errors import InputError

TEXTS = ["Net sales rose by a tenth.", "Pump 7: bearing hot, 高温。", "a"]


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.builtin()


@pytest.fixture(scope="module")
def decoder(tokenizer):
    return new_decoder(small_config(vocab_size=tokenizer.vocab_size, max_positions=32), seed=1, dtype=torch.float64)


def nats_of(decoder, ids: list[int], first: int) -> float:
    with torch.no_grad():
        shares = decoder(torch.tensor([ids])).logits[0].log_softmax(dim=-1)
    return -sum(float(shares[place - 1, ids[place]]) for place in range(first, len(ids)))


def test_every_token_of_every_text_is_counted_once(decoder, tokenizer):
    score = score_texts(decoder, tokenizer, TEXTS, batch_size=2)
    ids = [[tokenizer.eos_id, *tokenizer.encode(text)] for text in TEXTS]
    assert score.documents == 3
    assert score.tokens == sum(len(row) - 1 for row in ids)
    assert score.num_bytes == sum(len(text.encode()) for text in TEXTS)
    assert score.nats == pytest.approx(sum(nats_of(decoder, row, 1) for row in ids), rel=1e-6)
    assert score.bits_per_byte == pytest.approx(score.nats / math.log(2) / score.num_bytes)
    assert score.perplexity == pytest.approx(math.exp(score.nats / score.tokens))


@pytest.mark.parametrize("overlap", [0, 3])
def test_windows_count_each_token_once_with_the_context_they_say(decoder, tokenizer, overlap):
    text = "Net sales rose and fell and rose again by a tenth of a tenth."
    ids = [tokenizer.eos_id, *tokenizer.encode(text)]
    expected, done, start = 0.0, 1, 0
    while done < len(ids):
        end = min(start + 6, len(ids))
        expected += nats_of(decoder, ids[start:end], done - start)
        done, start = end, end - 1 - overlap
    score = score_texts(decoder, tokenizer, [text], window=6, overlap=overlap)
    assert score.tokens == len(ids) - 1
    assert score.nats == pytest.approx(expected, rel=1e-6)


def test_scores_add_up():
    both = TextScore(1, 10, 40, 20.0) + TextScore(2, 30, 160, 60.0)
    assert (both.documents, both.loss) == (3, 2.0)
    assert both.bits_per_byte == pytest.approx(80 / math.log(2) / 200)
    assert TextScore(1, 1, 1, 1e6).perplexity == math.inf


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 33}, "window is 33, the model's context 32; use 2 to 32"),
        ({"window": 1}, "window is 1, the model's context 32"),
        ({"window": 8, "overlap": 7}, "overlap is 7 of a window of 8; leave at least two"),
    ],
)
def test_wrong_windows_are_named(decoder, tokenizer, settings, message):
    with pytest.raises(InputError, match=message):
        score_texts(decoder, tokenizer, TEXTS, **settings)
