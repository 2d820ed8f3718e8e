"""Fast attention against the formula, rotary positions against complex numbers, latents against full heads."""

import math

import pytest
import torch
from tests.core_model.small import KINDS, small_config

from trivium.core_model.config import RopeScaling
from trivium.core_model.decoder import new_decoder
from trivium.core_model.layers.attention import attend_flex, attend_plain, attend_sdpa
from trivium.core_model.layers.cache import new_cache
from trivium.core_model.layers.rope import Rotary, frequencies, rotate, score_temperature
from trivium.core_model.layers.visibility import Visibility


def ids(batch: int, length: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(3, 97, (batch, length), generator=torch.Generator().manual_seed(seed))


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# -- what a query sees ----------------------------------------------------------------------------------------------


def test_mask_by_hand():
    positions = torch.tensor([[-1, 0, 1, 2, 3, 4]])  # one padding token before five
    rule = Visibility(positions, positions, window=2, global_tokens=1, memory_slots=2)
    rows = ["".join("x" if seen else "." for seen in row) for row in rule.mask[0, 0].tolist()]
    assert rows == [
        "xxxxxxxx",  # the padding query: its result is never read
        "xx.x....",
        "xx.xx...",
        "xx.xxx..",
        "xx.x.xx.",  # itself, the one before, and the first token
        "xx.x..xx",
    ]


@pytest.mark.parametrize("slots", [0, 3])
@pytest.mark.parametrize(("window", "global_tokens"), [(0, 0), (4, 0), (4, 2)])
def test_fast_attention_equals_the_formula(slots, window, global_tokens):
    query, key, value = random(2, 4, 9, 8), random(2, 2, 9 + slots, 8, seed=1), random(2, 2, 9 + slots, 6, seed=2)
    positions = torch.arange(9).expand(2, 9).clone()
    positions[1] = torch.arange(9) - 3
    positions[1, :3] = -1
    rule = Visibility(positions, positions, window, global_tokens, slots)
    expected = attend_plain(query, key, value, rule, 0.3)
    assert torch.allclose(attend_sdpa(query, key, value, rule, 0.3), expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("slots", [0, 3])
def test_flex_attention_equals_the_formula(slots):
    # On the CPU uncompiled and forward only; on CUDA this is the path of every mask.
    query, key, value = random(2, 4, 20, 16), random(2, 2, 20 + slots, 16, seed=1), random(2, 2, 20 + slots, 16, seed=2)
    positions = torch.arange(20).expand(2, 20).clone()
    positions[1] = (torch.arange(20) - 4).clamp(min=-1)
    documents = (torch.arange(20) >= 12).long().expand(2, 20)
    for rule in (
        Visibility(positions, positions, 6, 2, slots),
        Visibility(positions, positions, 0, 0, slots, documents=documents),
    ):
        got = attend_flex(query, key, value, rule, 0.25)
        assert torch.allclose(got, attend_plain(query, key, value, rule, 0.25), atol=1e-6)


# -- rotary positions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interleaved", [False, True])
def test_rotation_is_multiplication_by_a_unit_complex_number(interleaved):
    config = small_config(head_dim=8)
    x, positions = random(1, 2, 5, 8), torch.tensor([[0, 1, 5, 30, 63]])
    first, second = (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., :4], x[..., 4:])
    angles = positions[0, :, None] * torch.tensor([10000.0 ** (-2 * pair / 8) for pair in range(4)])
    turned = torch.complex(first, second) * torch.polar(torch.ones_like(angles), angles)
    got = rotate(x, Rotary(config)(positions, torch.float32), interleaved=interleaved)
    assert torch.allclose(got, torch.cat((turned.real, turned.imag), dim=-1), atol=1e-5)


def test_yarn_keeps_fast_pairs_and_divides_slow_ones():
    plain = frequencies(small_config(head_dim=32))
    scaling = RopeScaling("yarn", 40.0, 4096)
    stretched = frequencies(small_config(head_dim=32, rope_scaling=scaling))
    # Borders worked out by hand from 4096 / (2 pi turns) = 10000^(2 i / 32): pair 5.23 turns 32 times, 11.25 once.
    assert torch.equal(stretched[:6], plain[:6])
    assert torch.allclose(stretched[12:], plain[12:] / 40)
    assert (plain[6:12] > stretched[6:12]).all()
    assert (stretched[6:12] > plain[6:12] / 40).all()
    assert Rotary(small_config(rope_scaling=scaling)).scale == pytest.approx(0.1 * math.log(40) + 1)


def test_yarn_as_deepseek_sets_it():
    scaling = RopeScaling("yarn", 40.0, 4096, mscale=1.0, mscale_all_dim=1.0)
    assert Rotary(small_config(rope_scaling=scaling)).scale == 1.0
    assert score_temperature(scaling) == pytest.approx((0.1 * math.log(40) + 1) ** 2)
    assert score_temperature(None) == 1.0


def test_scores_depend_on_distance_only():
    config = small_config(head_dim=8)
    query, key, rotary = random(1, 1, 1, 8), random(1, 1, 1, 8, seed=1), Rotary(config)

    def score(at: int, to: int) -> float:
        turned = [
            rotate(vector, rotary(torch.tensor([[place]]), torch.float32), interleaved=False)
            for vector, place in ((query, at), (key, to))
        ]
        return float((turned[0] * turned[1]).sum())

    assert score(9, 4) == pytest.approx(score(40, 35), abs=1e-5)
    assert score(9, 4) != pytest.approx(score(9, 5), abs=1e-3)


# -- caches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_decoding_with_a_cache_equals_the_whole(kind):
    decoder = new_decoder(small_config(kind), seed=1, dtype=torch.float64)
    tokens, cache = ids(2, 20), new_cache(decoder.config)
    with torch.no_grad():
        whole = decoder(tokens).logits
        parts = [decoder(tokens[:, :7], cache=cache).logits, decoder(tokens[:, 7:10], cache=cache).logits]
        parts += [decoder(tokens[:, step : step + 1], cache=cache).logits for step in range(10, 20)]
    assert (torch.cat(parts, dim=1) - whole).abs().max() <= 1e-12
    assert cache.num_slots() == (20 if not decoder.config.window else 2 + 4 if decoder.config.global_tokens else 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(kind, side):
    decoder = new_decoder(small_config(kind), seed=1, dtype=torch.float64)
    tokens, mask = ids(2, 14), torch.ones(2, 14, dtype=torch.long)
    real = slice(5, 14) if side == "left" else slice(0, 9)
    mask[1] = 0
    mask[1, real] = 1
    with torch.no_grad():
        alone = decoder(tokens[1:, real]).logits
        together = decoder(tokens, attention_mask=mask).logits
        assert (together[1:, real] - alone).abs().max() <= 1e-12
        if side == "left":
            cache = new_cache(decoder.config)
            first = decoder(tokens[:, :8], attention_mask=mask[:, :8], cache=cache).logits
            rest = [decoder(tokens[:, step : step + 1], cache=cache).logits for step in range(8, 14)]
            assert (torch.cat((first, *rest), dim=1)[1:, real] - alone).abs().max() <= 1e-12


def test_windowed_cache_stops_growing():
    decoder = new_decoder(small_config("window-global-memory"), seed=1)
    cache = new_cache(decoder.config)
    sizes = []
    with torch.no_grad():
        for step in range(0, 60, 3):
            decoder(ids(1, 3, seed=step), cache=cache)
            sizes.append(sum(part.recent.untyped_storage().nbytes() for part in cache.layers[0]))
    assert sizes[2:] == [sizes[2]] * 18
    assert cache.num_slots() == 2 + 4


@pytest.mark.parametrize("kind", ["window", "window-global-memory", "latent-window-global-memory"])
def test_nothing_leaks_from_the_future(kind):
    decoder = new_decoder(small_config(kind), seed=1)
    tokens = ids(1, 20)
    changed = tokens.clone()
    changed[0, 11] = (changed[0, 11] + 1) % 97
    with torch.no_grad():
        before, after = decoder(tokens).logits, decoder(changed).logits
    assert torch.equal(before[:, :11], after[:, :11])
    assert not torch.equal(before[:, 11], after[:, 11])


def test_a_window_forgets_and_global_tokens_do_not():
    # Three layers of window 4 carry a token at most 3 * 3 places on; as a global token it reaches any place.
    tokens = ids(1, 40)
    changed = tokens.clone()
    changed[0, 0] = (changed[0, 0] + 1) % 97
    for settings, reaches in (({"window": 4}, False), ({"window": 4, "global_tokens": 1}, True)):
        decoder = new_decoder(small_config(**settings), seed=1)
        with torch.no_grad():
            before, after = decoder(tokens).logits, decoder(changed).logits
        assert not torch.equal(before[:, 9], after[:, 9])
        assert torch.equal(before[:, 10:], after[:, 10:]) is not reaches


def test_memory_slots_are_learned():
    decoder = new_decoder(small_config("latent-window-global-memory"), seed=1)
    decoder(ids(1, 9)).logits.square().mean().backward()
    for block in decoder.layers:
        for slots in (block.attention.memory_latent, block.attention.memory_rope):
            assert slots.grad.abs().sum() > 0


# -- latents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["latent", "latent-window-global-memory"])
def test_absorbed_decoding_equals_the_plain_form(kind, monkeypatch):
    decoder = new_decoder(small_config(kind), seed=1, dtype=torch.float64)
    attention = decoder.layers[0].attention
    slots = decoder.config.memory_slots
    query_nope, query_rope = random(2, 4, 3, 8).double(), random(2, 4, 3, 4, seed=1).double()
    latent, key_rope = random(2, 1, 9 + slots, 12, seed=2).double(), random(2, 1, 9 + slots, 4, seed=3).double()
    queries, keys = torch.arange(6, 9).expand(2, 3), torch.arange(9).expand(2, 9)
    rule = Visibility(queries, keys, decoder.config.window, decoder.config.global_tokens, slots)
    forms = [form(query_nope, query_rope, latent, key_rope, rule) for form in (attention.plain, attention.absorbed)]
    assert (forms[0] - forms[1]).abs().max() <= 1e-12


def test_the_latent_cache_holds_latents_only():
    decoder = new_decoder(small_config("latent"), seed=1)
    cache = new_cache(decoder.config)
    decoder(ids(2, 7), cache=cache)
    latent, key_rope = cache.layers[0]
    assert latent.shape == (2, 1, 7, 12)
    assert key_rope.shape == (2, 1, 7, 4)
    assert latent.shape[3] + key_rope.shape[3] == decoder.config.cache_width
