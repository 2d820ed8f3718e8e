"""Generation: cached and batched equal to one by one without a cache, filters by hand, wrong use by name."""

import math

import pytest
import torch
from tests.core_model.small import KINDS, small_config

from trivium.core_model.decoder import new_decoder
from trivium.core_model.generate import (
    Continuation,
    Sampling,
    filter_logits,
    generate,
    generate_text,
    penalize,
    stream_text,
)
from trivium.core_model.tokenizer import Tokenizer
from trivium.service.errors import InputError


def prompts_of(*lengths: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(3, 97, (length,), generator=generator).tolist() for length in lengths]


def uncached(decoder, prompt, new):
    tokens = list(prompt)
    for _ in range(new):
        token = int(decoder(torch.tensor([tokens])).logits[0, -1].argmax())
        if token in decoder.config.eos_ids:
            break
        tokens.append(token)
    return tuple(tokens[len(prompt) :])


@pytest.mark.parametrize("kind", KINDS)
def test_cached_batched_tokens_equal_uncached_ones(kind):
    decoder = new_decoder(small_config(kind), seed=2, dtype=torch.float64)
    prompts = prompts_of(3, 11, 7)
    together = generate(decoder, prompts, Sampling(max_new_tokens=16))
    with torch.no_grad():
        assert [row.token_ids for row in together] == [uncached(decoder, prompt, 16) for prompt in prompts]
    assert all(row.finish == ("length" if len(row.token_ids) == 16 else "end") for row in together)


def test_an_end_token_ends_its_row_only():
    decoder = new_decoder(small_config(), seed=2, dtype=torch.float64)
    prompts = prompts_of(4, 6)
    free = generate(decoder, prompts, Sampling(max_new_tokens=8))
    end = free[0].token_ids[3]
    assert end not in free[1].token_ids
    decoder.config = decoder.config.replace(eos_ids=(end,))
    ended = generate(decoder, prompts, Sampling(max_new_tokens=8))
    place = free[0].token_ids.index(end)
    assert ended == [Continuation(free[0].token_ids[:place], "end"), free[1]]


def test_filters_by_hand():
    logits = torch.tensor([[0.5, 0.2, 0.2, 0.1]]).log()
    assert filter_logits(logits, 1, 1.0).exp().tolist()[0] == pytest.approx([0.5, 0, 0, 0])
    assert filter_logits(logits, 0, 0.6).isfinite().tolist() == [[True, True, False, False]]
    assert filter_logits(logits, 0, 0.5).isfinite().tolist() == [[True, False, False, False]]
    assert torch.equal(filter_logits(logits, 9, 1.0), logits)
    assert filter_logits(logits, min_p=0.5).isfinite().tolist() == [[True, False, False, False]]
    assert filter_logits(logits, min_p=0.3).isfinite().tolist() == [[True, True, True, False]]


def test_repetition_makes_what_occurred_less_likely():
    logits = torch.tensor([[2.0, -2.0, 1.0, 1.0]])
    seen = torch.tensor([[True, True, False, True]])
    assert penalize(logits, seen, 2.0).tolist() == [[1.0, -4.0, 1.0, 0.5]]
    decoder = new_decoder(small_config(eos_ids=()), seed=2, dtype=torch.float64)
    prompts = prompts_of(5, 3)
    free, never = (generate(decoder, prompts, Sampling(max_new_tokens=30, repetition=factor)) for factor in (1.0, 1e9))
    assert any(len(set(row.token_ids)) < 30 for row in free)
    for prompt, row in zip(prompts, never, strict=True):
        assert len(set(row.token_ids) | set(prompt)) == 30 + len(set(prompt))


def test_prompts_may_be_embedded_by_others():
    decoder = new_decoder(small_config(), seed=2, dtype=torch.float64)
    prompts = prompts_of(4, 7)
    plain = generate(decoder, prompts, Sampling(max_new_tokens=6))
    assert generate(decoder, prompts, Sampling(max_new_tokens=6), embed=decoder.embedding) == plain
    turned = generate(decoder, prompts, Sampling(max_new_tokens=6), embed=lambda ids: -decoder.embedding(ids))
    assert turned != plain


def test_draws_follow_the_distribution_and_the_seed():
    decoder = new_decoder(small_config(vocab_size=5, eos_ids=()), seed=1)
    prompt = [1, 2, 3]
    with torch.no_grad():
        shares = (decoder(torch.tensor([prompt])).logits[0, -1] / 0.7).softmax(dim=-1)
    settings = Sampling(max_new_tokens=1, temperature=0.7, seed=3)
    drawn = [row.token_ids[0] for row in generate(decoder, [prompt] * 4000, settings)]
    counts = torch.bincount(torch.tensor(drawn), minlength=5) / 4000
    assert (counts - shares).abs().max() < 0.03  # four standard deviations of 4000 draws
    assert [row.token_ids[0] for row in generate(decoder, [prompt] * 4000, settings)] == drawn
    nearest = Sampling(max_new_tokens=1, temperature=0.7, top_k=1)
    assert {row.token_ids[0] for row in generate(decoder, [prompt] * 50, nearest)} == {int(shares.argmax())}


def test_a_stop_text_is_cut_off():
    tokenizer = Tokenizer.builtin()
    decoder = new_decoder(small_config(vocab_size=tokenizer.vocab_size, eos_ids=(), dim=16), seed=1)
    whole = generate_text(decoder, tokenizer, ["Net sales rose"], Sampling(max_new_tokens=12))[0]
    stop = whole[6:9]
    cut = generate_text(decoder, tokenizer, ["Net sales rose"], Sampling(max_new_tokens=12, stop=(stop,)))[0]
    assert cut == whole[: whole.index(stop)]
    rows = generate(
        decoder, [tokenizer.encode("Net sales rose")], Sampling(max_new_tokens=12, stop=(stop,)), tokenizer=tokenizer
    )
    assert rows[0].finish == "stop"
    assert len(rows[0].token_ids) < 12


class Said:
    """A tokenizer of bytes and a decoder that says one fixed text, to see what a stream holds back."""

    def __init__(self, text: str) -> None:
        self.text = text

    def encode(self, text):
        return [3]

    def decode(self, ids):
        return bytes(ids).decode(errors="replace")


@pytest.mark.parametrize(
    ("text", "stop", "pieces"),
    [
        ("ab\u00e9\u6587!", (), ["a", "b", "\u00e9", "\u6587", "!"]),
        ("ab. Then", (". The",), ["a", "b"]),
        ("ab. Thus", (". The",), ["a", "b", ". Thu", "s"]),
        ("ab. T", (". The",), ["a", "b", ". T"]),
        ("aab", ("ab", "b"), ["a"]),
    ],
)
def test_a_stream_gives_what_is_certain(monkeypatch, text, stop, pieces):
    from trivium.core_model import generate as module

    monkeypatch.setattr(module, "_tokens", lambda *given: ([token] for token in text.encode()))
    decoder = new_decoder(small_config(vocab_size=256, eos_ids=()), seed=1)
    assert list(stream_text(decoder, Said(text), "x", Sampling(stop=stop))) == pieces


def test_a_stream_joins_to_the_whole_text():
    tokenizer = Tokenizer.builtin()
    decoder = new_decoder(small_config(vocab_size=tokenizer.vocab_size, eos_ids=(), dim=16), seed=1)
    settings = Sampling(max_new_tokens=40, temperature=1.5, top_p=0.9, seed=4)
    pieces = list(stream_text(decoder, tokenizer, "Net sales rose", settings))
    assert len(pieces) > 10
    assert "".join(pieces) == generate_text(decoder, tokenizer, ["Net sales rose"], settings)[0]


def test_a_window_without_global_tokens_has_no_longest_text():
    decoder = new_decoder(small_config("window", max_positions=8, eos_ids=()), seed=1)
    assert len(generate(decoder, prompts_of(6), Sampling(max_new_tokens=20))[0].token_ids) == 20


@pytest.mark.parametrize(
    ("prompts", "sampling", "message"),
    [
        ([], {}, "no prompt was given"),
        ([[3], []], {"max_new_tokens": 4}, "prompt 2 is empty"),
        ([[3, 97]], {}, "prompt 1 holds token 97, the vocabulary ends at 96; use the tokenizer that lies beside"),
        (
            [[3] * 60],
            {"max_new_tokens": 5},
            "prompt 1 has 60 tokens and 5 more were asked for, but the context holds 64; shorten the prompt",
        ),
        ([[3]], {"stop": ("x",)}, "stop texts need a tokenizer"),
    ],
)
def test_wrong_use_is_named(prompts, sampling, message):
    with pytest.raises(InputError, match=message):
        generate(new_decoder(small_config(), seed=1), prompts, Sampling(**sampling))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": math.nan}, "temperature is nan; use 0 for greedy, or more"),
        ({"temperature": math.inf}, "temperature is inf; use 0 for greedy, or more"),
        ({"repetition": math.nan}, "repetition is nan; use 1 for no change, or more"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"top_k": -1}, "top_k is -1"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"min_p": 1.0}, "min_p is 1.0"),
        ({"repetition": 0.0}, "repetition is 0.0"),
        ({"seed": 2**63}, "seed is 9223372036854775808; use a whole number from 0 to"),
        ({"stop": ("",)}, "an empty stop text"),
    ],
)
def test_wrong_sampling_is_named(settings, message):
    with pytest.raises(InputError, match=message):
        Sampling(**settings)
