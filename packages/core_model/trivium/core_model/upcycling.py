"""Turn a dense model into a mixture of experts that computes the same at the start.

Two ways. `upcycle` copies the feed-forward into every expert (sparse upcycling, arXiv 2212.05055): whatever the
router picks, the chosen weights sum to one and every expert says the same. `upcycle_low_rank` keeps one shared
feed-forward and adds low-rank experts whose output matrices are zero: far fewer new parameters.
"""

from __future__ import annotations

import torch

from trivium.core_model.decoder import Decoder, empty_decoder, reset_module
from trivium.core_model.moe.layer import MixtureOfExperts
from trivium.service.errors import InputError

__all__ = ["upcycle", "upcycle_low_rank"]


def upcycle(decoder: Decoder, *, num_experts: int, experts_per_token: int, seed: int) -> Decoder:
    """Return a copy whose feed-forwards are mixtures of `num_experts` copies of the dense one.

    Args:
        decoder: a dense model; it is not changed.
        num_experts: copies per layer.
        experts_per_token: how many of them each token is sent to.
        seed: of the routers' weights.

    Returns:
        A model of the Mixtral family where that family can say it, else of our own.

    Raises:
        InputError: if the model has experts already, or the numbers do not fit.
    """
    _require_dense(decoder)
    _require_positive(num_experts=num_experts)
    config = decoder.config
    new = empty_like(
        decoder,
        family="trivium" if config.family != "llama" or config.attention_bias else "mixtral",
        num_experts=num_experts,
        experts_per_token=experts_per_token,
        expert_dim=config.hidden_dim,
        hidden_dim=0,
    )
    state, old = new.state_dict(), decoder.state_dict()
    for layer in range(config.num_layers):
        prefix = f"layers.{layer}.feed_forward"
        gate, up, down = (old.pop(f"{prefix}.{part}.weight") for part in ("gate", "up", "down"))
        state[f"{prefix}.experts.gate_up"].copy_(torch.cat((gate, up)).expand(num_experts, -1, -1))
        state[f"{prefix}.experts.down"].copy_(down.expand(num_experts, -1, -1))
    _copy_rest(new, old)
    _draw_routers(new, seed)
    return new


def upcycle_low_rank(
    decoder: Decoder, *, num_experts: int, experts_per_token: int, rank: int, seed: int, alpha: float = 1.0
) -> Decoder:
    """Return a copy whose feed-forwards stay, shared by all tokens, with low-rank experts around them.

    Args:
        decoder: a dense model; it is not changed.
        num_experts: experts per layer.
        experts_per_token: how many of them each token is sent to.
        rank: of each expert's change to each of the three matrices.
        seed: of the routers' and the experts' input matrices; output matrices are zero.
        alpha: factor on the changes.

    Raises:
        InputError: if the model has experts already, or the numbers do not fit.
    """
    _require_dense(decoder)
    _require_positive(num_experts=num_experts, rank=rank)
    new = empty_like(
        decoder,
        family="trivium",
        num_experts=num_experts,
        experts_per_token=experts_per_token,
        expert_rank=rank,
        expert_alpha=alpha,
    )
    generator = _draw_routers(new, seed)
    for module in new.modules():
        if isinstance(module, MixtureOfExperts):
            reset_module(module.experts, new.config.init_std, generator)
    shared = {"gate", "up", "down"}
    renamed = {}
    for name, value in decoder.state_dict().items():
        head, _, part = name.removesuffix(".weight").rpartition(".")
        inside = head.endswith(".feed_forward") and part in shared
        renamed[f"{head}.experts.shared.{part}.weight" if inside else name] = value
    _copy_rest(new, renamed)
    return new


def empty_like(decoder: Decoder, **changes: object) -> Decoder:
    """Make a decoder of changed settings, its weights not yet written, where and as the other's are."""
    weight = decoder.embedding.weight
    return empty_decoder(decoder.config.replace(**changes), dtype=weight.dtype, device=weight.device).eval()


def _require_dense(decoder: Decoder) -> None:
    if decoder.config.num_experts:
        raise InputError(f"the model has {decoder.config.num_experts} experts already", hint="give a dense one")
    if decoder.config.num_mtp_layers:
        raise InputError("models with multi-token prediction are not upcycled", hint="read it without those modules")


def _require_positive(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise InputError(f"{name} is {number}", hint="use a whole number of 1 or more")


@torch.no_grad()
def _copy_rest(new: Decoder, values: dict[str, torch.Tensor]) -> None:
    state = new.state_dict()
    for name, value in values.items():
        state[name].copy_(value)


def _draw_routers(decoder: Decoder, seed: int) -> torch.Generator:
    generator = torch.Generator(decoder.embedding.weight.device).manual_seed(seed)
    for module in decoder.modules():
        if isinstance(module, MixtureOfExperts):
            reset_module(module.router, decoder.config.init_std, generator)
    return generator
