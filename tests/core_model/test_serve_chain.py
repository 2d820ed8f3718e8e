"""Which models decode by the chain of kernels; what it computes is tested in `test_kernels.py` and `test_cuda.py`."""

import pytest
import torch
from tests.core_model.small import small_config

from trivium.core_model.decoder import new_decoder
from trivium.core_model.layers.paged import PagePool
from trivium.core_model.moe import experts, router
from trivium.core_model.moe.experts import use_backend
from trivium.core_model.serve.rows import Rows

chain = pytest.importorskip("trivium.core_model.serve.chain", reason="no Triton on this platform")

KNOWN = {
    "head_dim": 16,
    "dim": 64,
    "expert_dim": 64,
    "dense_layers": (),
    "num_shared_experts": 0,
    "router_scores": "softmax",
    "router_bias": False,
    "num_groups": 1,
    "groups_per_token": 1,
}


def fits(monkeypatch, *, dtype: torch.dtype = torch.bfloat16, backend: str = "auto", **changes: object) -> bool:
    for module in (experts, router):
        monkeypatch.setattr(module, "has_kernels", lambda x: True)
    config = small_config("experts", **{**KNOWN, **changes})
    decoder = new_decoder(config, seed=0, dtype=dtype)
    use_backend(decoder, backend)
    Rows(decoder, PagePool(config, 3, 16, dtype, torch.device("cpu")), 1, 2, graphs=False)  # joins the projections
    return chain.Chain.fits(decoder)


def test_a_model_of_grouped_attention_and_softmax_routing_fits(monkeypatch):
    assert fits(monkeypatch)
    assert fits(monkeypatch, query_key_norm=True, tied_embeddings=True, rope_interleaved=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"dtype": torch.float32},
        {"backend": "plain"},
        {"num_shared_experts": 1},
        {"dense_layers": (0,)},
        {"router_scores": "sigmoid"},
        {"router_bias": True},
        {"num_groups": 4, "groups_per_token": 2},
        {"score_mass": 0.9},
        {"attention_bias": True},
        {"window": 4},
        {"memory_slots": 2},
        {"head_dim": 8},
        {"head_dim": 24},
        {"num_heads": 264, "num_kv_heads": 2},  # attention gives more than `MOST_WIDTH` values
        {"dim": 2064},  # with 64 experts more than one program holds of the router
    ],
    ids=lambda changes: " ".join(changes),
)
def test_other_models_take_the_compiled_step(changes, monkeypatch):
    if changes.get("dim") == 2064:
        changes = {**changes, "num_experts": 64, "expert_dim": 8, "num_layers": 1, "num_heads": 2, "hidden_dim": 16}
    assert not fits(monkeypatch, **changes)


def test_a_layer_whose_projection_was_replaced_does_not_fit(monkeypatch):
    class Adapted(torch.nn.Linear):
        pass

    config = small_config("experts", **KNOWN)
    for module in (experts, router):
        monkeypatch.setattr(module, "has_kernels", lambda x: True)
    decoder = new_decoder(config, seed=0, dtype=torch.bfloat16)
    decoder.layers[1].attention.output = Adapted(64, 64, bias=False)
    Rows(decoder, PagePool(config, 3, 16, torch.bfloat16, torch.device("cpu")), 1, 2, graphs=False)
    assert not chain.Chain.fits(decoder)
