"""Continuous batching: the same tokens as one by one, whoever joins or leaves; pages that come back; refusals."""

import pytest
import torch
from tests.core_model.small import KINDS, small_config

from trivium.core_model.decoder import new_decoder
from trivium.core_model.generate import Continuation, Sampling, generate
from trivium.core_model.serve.engine import Engine, EngineConfig
from trivium.service.errors import InputError

FEW = EngineConfig(max_rows=2, num_pages=8, page_size=16, prefill_tokens=24)


def prompts_of(*lengths: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(3, 97, (length,), generator=generator).tolist() for length in lengths]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_come_and_go_get_the_tokens_of_one_by_one(kind):
    decoder = new_decoder(small_config(kind), seed=2, dtype=torch.float64)
    prompts = prompts_of(3, 17, 7, 30, 5)
    sampling = Sampling(max_new_tokens=20)
    together = Engine(decoder, FEW).run(prompts, sampling)
    assert together == [generate(decoder, [prompt], sampling)[0] for prompt in prompts]


def test_a_request_may_join_while_others_decode():
    decoder = new_decoder(small_config(), seed=2, dtype=torch.float64)
    early, late = prompts_of(6, 9)
    engine = Engine(decoder, EngineConfig(max_rows=3, num_pages=12, page_size=16))
    first = engine.submit(early, Sampling(max_new_tokens=12))
    events = [event for _ in range(4) for event in engine.step()]
    second = engine.submit(late, Sampling(max_new_tokens=3))
    while engine.busy:
        events += engine.step()
    for number, prompt, count in ((first, early, 12), (second, late, 3)):
        tokens = tuple(event.token for event in events if event.request == number)
        assert tokens == generate(decoder, [prompt], Sampling(max_new_tokens=count))[0].token_ids
    finished = [event.request for event in events if event.finish]
    assert finished == [second, first]


def test_a_window_alone_has_no_longest_text():
    decoder = new_decoder(small_config("window", eos_ids=()), seed=2, dtype=torch.float64)
    sampling = Sampling(max_new_tokens=80)  # with the prompt more than 64 positions
    assert Engine(decoder, FEW).run(prompts_of(9), sampling) == generate(decoder, prompts_of(9), sampling)


def test_a_step_reads_the_pages_that_rows_have_begun():
    engine = Engine(new_decoder(small_config(eos_ids=()), seed=2), FEW)
    forward, read = engine._rows._logits, []

    def spy(tokens, lengths, tables):
        read.append(tables.shape[1])
        return forward(tokens, lengths, tables)

    engine._rows._logits = spy
    engine.run(prompts_of(14), Sampling(max_new_tokens=6))
    assert read == [1, 1, 2, 2, 2]  # positions 14 and 15 lie in a first page of 16, those to 18 in a second


def test_an_end_token_frees_the_row_and_its_pages():
    decoder = new_decoder(small_config(), seed=2, dtype=torch.float64)
    prompts = prompts_of(4, 6)
    end = generate(decoder, prompts[:1], Sampling(max_new_tokens=8))[0].token_ids[3]
    decoder.config = decoder.config.replace(eos_ids=(end,))
    engine = Engine(decoder, FEW)
    results = engine.run(prompts, Sampling(max_new_tokens=8))
    assert results[0] == Continuation(generate(decoder, prompts[:1], Sampling(max_new_tokens=8))[0].token_ids, "end")
    assert sorted(engine._free_pages) == list(range(1, 9))
    assert not engine._active


def test_what_a_row_draws_depends_on_its_seed_alone():
    decoder = new_decoder(small_config(), seed=2, dtype=torch.float64)
    prompts = prompts_of(4, 9, 6)
    wishes = [Sampling(max_new_tokens=10, temperature=0.9, top_k=20, top_p=0.95, seed=seed) for seed in (5, 6, 5)]
    alone = [Engine(decoder, FEW).run([prompt], wish)[0] for prompt, wish in zip(prompts, wishes, strict=True)]
    engine = Engine(decoder, FEW)
    numbers = [engine.submit(prompt, wish) for prompt, wish in zip(prompts, wishes, strict=True)]
    drawn: dict[int, list[int]] = {number: [] for number in numbers}
    while engine.busy:
        for event in engine.step():
            drawn[event.request] += [] if event.token is None else [event.token]
    assert [tuple(drawn[number]) for number in numbers] == [row.token_ids for row in alone]
    assert Engine(decoder, FEW).run(prompts[:1], wishes[1])[0] != alone[0]


def test_a_request_that_never_fits_is_refused_with_its_sizes():
    decoder = new_decoder(small_config(), seed=2)
    engine = Engine(decoder, EngineConfig(max_rows=1, num_pages=2, page_size=16))
    with pytest.raises(InputError, match=r"a prompt of 20 tokens and 30 more need 4 pages of 16, but a row has 2"):
        engine.submit(list(range(3, 23)), Sampling(max_new_tokens=30))
    with pytest.raises(InputError, match=r"page_size is 24"):
        EngineConfig(page_size=24)


def test_a_model_that_served_is_the_model_it_was():
    decoder = new_decoder(small_config(attention_bias=True), seed=2, dtype=torch.float64)
    tokens = torch.tensor(prompts_of(40))
    before, state = decoder(tokens).logits, {name: value.clone() for name, value in decoder.state_dict().items()}
    Engine(decoder, EngineConfig(max_rows=1, num_pages=1, page_size=16)).run(prompts_of(4), Sampling(max_new_tokens=4))
    assert (decoder(tokens).logits - before).abs().max() <= 1e-12
    assert all(torch.equal(value, state[name]) for name, value in decoder.state_dict().items())
    decoder.float()  # weights that were joined are joined no more
    for module in decoder.modules():
        if isinstance(module, torch.nn.Linear):
            module.weight.data.mul_(0.5)
    halved = new_decoder(small_config(attention_bias=True), seed=2, dtype=torch.float64).float()
    for module in halved.modules():
        if isinstance(module, torch.nn.Linear):
            module.weight.data.mul_(0.5)
    assert torch.equal(decoder(tokens).logits, halved(tokens).logits)
