"""Many texts at once: memory for what they need, and the refusal of one names its place."""

import pytest
from tests.core_model.small import small_config

from trivium.core_model.decoder import new_decoder
from trivium.core_model.generate import Sampling, generate_text
from trivium.core_model.serve import texts
from trivium.core_model.serve.engine import Engine, EngineConfig
from trivium.core_model.tokenizer import Tokenizer
from trivium.service.errors import InputError

TOKENIZER = Tokenizer.builtin()


@pytest.mark.parametrize(
    ("lengths", "rows", "pages"),
    [
        ([10], 1, 1),
        ([64, 65, 10], 3, 4),
        ([640] * 100, 64, 640),  # as many as decode together
        ([6400] * 100, 64, 2048),  # as much memory as is usual
        ([64 * 3000, 5], 2, 3000),  # but no less than one of them needs
    ],
)
def test_texts_take_the_rows_and_pages_that_they_can_fill(lengths, rows, pages):
    config = texts._fitting(lengths)
    assert (config.max_rows, config.num_pages) == (rows, pages)


def test_texts_are_continued_as_they_are_one_by_one(monkeypatch):
    decoder = new_decoder(small_config(vocab_size=TOKENIZER.vocab_size), seed=2)
    prompts = ["net sales", "revenue of the year"]
    made = []
    monkeypatch.setattr(texts, "Engine", lambda *given, **named: made.append(Engine(*given, **named)) or made[0])
    ended = sorted(
        texts.continue_texts(decoder, TOKENIZER, prompts, Sampling(max_new_tokens=5)), key=lambda one: one.number
    )
    assert [one.text for one in ended] == generate_text(decoder, TOKENIZER, prompts, Sampling(max_new_tokens=5))
    assert made[0].config == EngineConfig(max_rows=2, num_pages=2)


def test_the_refused_text_is_named_by_its_place():
    decoder = new_decoder(small_config(vocab_size=TOKENIZER.vocab_size), seed=2)
    with pytest.raises(InputError, match="prompt 2 has 70 tokens and 5 more were asked for, but the context holds 64"):
        next(texts.continue_texts(decoder, TOKENIZER, ["net", " net" * 70], Sampling(max_new_tokens=5)))
