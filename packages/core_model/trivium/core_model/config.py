"""The shape of a model: one frozen dataclass that names every choice and checks that they fit together.

Standard library only. How a family's `config.json` becomes a `ModelConfig` is in `families.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trivium.core_model.checks import check_choice, check_kinds, check_positive, divisors, known_names
from trivium.service.errors import InputError

__all__ = ["BACKENDS", "FAMILIES", "BalanceConfig", "ModelConfig", "RopeScaling"]

FAMILIES = ("trivium", "llama", "mixtral", "qwen3_moe", "deepseek_v3")
# What runs the experts; see `moe.experts.use_backend`.
BACKENDS = ("auto", "plain", "grouped_mm", "fused", "sonicmoe")


@dataclass(frozen=True)
class RopeScaling:
    """How rotary frequencies are stretched beyond the length they were trained for."""

    kind: str
    """`yarn` (arXiv 2309.00071) or `llama3` (Llama 3.1)."""
    factor: float
    """New length over old length."""
    original_positions: int
    """Length of the first training, in tokens."""
    beta_fast: float = 32.0
    """yarn: a dimension that turns more often than this over `original_positions` keeps its frequency."""
    beta_slow: float = 1.0
    """yarn: a dimension that turns less often than this is divided by `factor`."""
    mscale: float | None = None
    """yarn: weight of the temperature on cosine and sine; None for the paper's 0.1 ln(factor) + 1."""
    mscale_all_dim: float | None = None
    """yarn, DeepSeek: weight of the temperature on the whole score, and divisor of the one above."""
    attention_factor: float | None = None
    """yarn: the temperature itself, where a checkpoint states it."""
    truncate: bool = True
    """yarn: round the two borders between dimensions to whole ones."""
    low_freq_factor: float = 1.0
    """llama3: wavelengths above `original_positions / low_freq_factor` are stretched in full."""
    high_freq_factor: float = 4.0
    """llama3: wavelengths below `original_positions / high_freq_factor` are kept."""

    def __post_init__(self) -> None:
        check_kinds(self)
        check_choice("rope scaling", self.kind, ("yarn", "llama3"))
        if self.factor < 1:
            raise InputError(f"rope factor is {self.factor}", hint="use 1 or more")
        check_positive(self, "original_positions")
        if self.kind == "llama3" and self.high_freq_factor <= self.low_freq_factor:
            raise InputError(
                f"high_freq_factor ({self.high_freq_factor}) must be above low_freq_factor ({self.low_freq_factor})"
            )


@dataclass(frozen=True)
class ModelConfig:
    """Everything that decides the parameters and the computation of a decoder.

    Raises:
        InputError: if two values do not fit; the message names both.
    """

    vocab_size: int
    """Rows of the embedding."""
    dim: int
    """Width of the residual stream."""
    num_layers: int
    """Decoder blocks, the multi-token prediction modules not counted."""
    num_heads: int
    """Query heads."""
    num_kv_heads: int = 0
    """Key and value heads of grouped attention; 0 for as many as query heads."""
    head_dim: int = 0
    """Width of a head of grouped attention; 0 for `dim / num_heads`."""
    hidden_dim: int = 0
    """Width inside dense feed-forward blocks (and of the shared one that low-rank experts vary)."""
    family: str = "trivium"
    """The Hugging Face layout it is written in: one of `FAMILIES`."""
    max_positions: int = 4096
    """Longest sequence it was made for, in tokens."""
    norm_eps: float = 1e-6
    """Added to the mean square in every RMSNorm."""
    tied_embeddings: bool = False
    """The output projection is the embedding."""
    init_std: float = 0.02
    """Standard deviation of fresh weights."""

    attention: str = "grouped"
    """`grouped` (GQA, arXiv 2305.13245) or `latent` (MLA, arXiv 2405.04434)."""
    attention_bias: bool = False
    """Biases on the projections, where the family has them."""
    query_key_norm: bool = False
    """RMSNorm on each head's query and key before rotation (Qwen3); grouped attention only."""
    query_rank: int = 0
    """latent: rank of the query projection; 0 for a full one."""
    kv_rank: int = 0
    """latent: width of the compressed key and value that the cache holds."""
    nope_dim: int = 0
    """latent: part of a head's query and key that is not rotated."""
    rope_dim: int = 0
    """latent: rotated part, one key for all heads."""
    value_dim: int = 0
    """latent: width of a head's value."""

    window: int = 0
    """A token sees itself and the `window - 1` before it; 0 for all before it."""
    global_tokens: int = 0
    """The first tokens of a sequence stay visible to all later ones; needs a window."""
    memory_slots: int = 0
    """Learned keys and values per layer that every token sees and that read nothing."""

    rope_theta: float = 10000.0
    """Base of the rotary frequencies."""
    rope_scaling: RopeScaling | None = None
    """Stretching of the frequencies; None for none."""
    rope_interleaved: bool = False
    """Rotated pairs lie side by side (DeepSeek) instead of half a head apart."""

    num_experts: int = 0
    """Routed experts of a mixture-of-experts layer; 0 for a dense model."""
    experts_per_token: int = 0
    """Experts each token is sent to, at most."""
    score_mass: float = 1.0
    """A token takes its experts, best first, until they hold this share of its scores; 1 for always all."""
    expert_dim: int = 0
    """Width inside one routed or shared expert."""
    num_shared_experts: int = 0
    """Experts that see every token, kept as one of this many times the width."""
    expert_rank: int = 0
    """Rank of low-rank experts around one shared feed-forward; 0 for experts with weights of their own."""
    expert_alpha: float = 1.0
    """Factor on the output of low-rank experts."""
    dense_layers: tuple[int, ...] = ()
    """Layers with a dense feed-forward in a mixture-of-experts model."""
    router_scores: str = "softmax"
    """`softmax` over all experts, or `sigmoid` per expert (DeepSeek-V3)."""
    normalize_weights: bool = True
    """Weights of the chosen experts are divided by their sum."""
    route_scale: float = 1.0
    """Factor on the weights."""
    router_bias: bool = False
    """A bias that decides the choice but not the weight; balanced without a loss (arXiv 2408.15664)."""
    num_groups: int = 1
    """Experts lie in this many groups of equal size."""
    groups_per_token: int = 1
    """A token chooses within its best groups only."""
    aux_loss_weight: float = 0.0
    """Weight of the load-balancing loss, for training."""

    num_mtp_layers: int = 0
    """Modules that each predict one more token ahead (arXiv 2412.19437, section 2.2)."""

    bos_id: int | None = None
    """Token that begins a text."""
    eos_ids: tuple[int, ...] = field(default=())
    """Tokens that end one."""
    pad_id: int | None = None
    """Token that fills up a batch."""

    def __post_init__(self) -> None:
        check_kinds(self)
        check_positive(self, "vocab_size", "dim", "num_layers", "num_heads", "max_positions")
        for name in ("norm_eps", "rope_theta"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} is {getattr(self, name)}", hint="use a number above 0")
        if self.init_std < 0:
            raise InputError(f"init_std is {self.init_std}", hint="use 0 or more")
        check_choice("family", self.family, FAMILIES)
        check_choice("attention", self.attention, ("grouped", "latent"))
        check_choice("router_scores", self.router_scores, ("softmax", "sigmoid"))
        if self.attention == "grouped":
            self._check_grouped()
        else:
            self._check_latent()
        self._check_window()
        if self.num_experts:
            self._check_experts()
        elif self.expert_rank or self.num_shared_experts or self.dense_layers:
            raise InputError(
                "expert_rank, num_shared_experts and dense_layers mean something only with experts",
                hint="set num_experts",
            )
        if len(self.moe_layers) < self.num_layers or self.expert_rank:
            check_positive(self, "hidden_dim")

    @property
    def moe_layers(self) -> tuple[int, ...]:
        """Layers with experts."""
        return tuple(layer for layer in range(self.num_layers) if self.num_experts and layer not in self.dense_layers)

    @property
    def rotated_dim(self) -> int:
        """Dimensions of a head that are rotated."""
        return self.rope_dim if self.attention == "latent" else self.head_dim

    @property
    def is_endless(self) -> bool:
        """Only distances within a window ever occur: a text may be longer than `max_positions`."""
        return self.window > 0 and not self.global_tokens

    @property
    def cache_width(self) -> int:
        """Numbers that the cache holds per token and layer."""
        if self.attention == "latent":
            return self.kv_rank + self.rope_dim
        return 2 * self.num_kv_heads * self.head_dim

    def replace(self, **changes: Any) -> ModelConfig:
        """Return a copy with some values changed, checked anew."""
        return dataclasses.replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready form that `from_json` reads back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ModelConfig:
        """Read what `to_json` wrote.

        Raises:
            InputError: if a name is unknown or one that is needed is absent, or as the class.
        """
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in known_names(cls, data, "model settings").items()
        }
        if isinstance(values.get("rope_scaling"), dict):
            scaling = known_names(RopeScaling, values["rope_scaling"], "settings of rope_scaling")
            values["rope_scaling"] = RopeScaling(**scaling)
        return cls(**values)

    def _check_grouped(self) -> None:
        if not self.num_kv_heads:
            object.__setattr__(self, "num_kv_heads", self.num_heads)
        if not self.head_dim:
            if self.dim % self.num_heads:
                raise InputError(
                    f"num_heads ({self.num_heads}) does not divide dim ({self.dim})", hint="set head_dim, or change one"
                )
            object.__setattr__(self, "head_dim", self.dim // self.num_heads)
        if self.num_heads % self.num_kv_heads:
            raise InputError(
                f"num_kv_heads ({self.num_kv_heads}) must divide num_heads ({self.num_heads})",
                hint=f"use one of {divisors(self.num_heads)}",
            )
        if self.head_dim % 2:
            raise InputError(f"head_dim ({self.head_dim}) must be even: rotary embedding turns pairs")

    def _check_latent(self) -> None:
        check_positive(self, "kv_rank", "nope_dim", "rope_dim", "value_dim")
        if self.rope_dim % 2:
            raise InputError(f"rope_dim ({self.rope_dim}) must be even: rotary embedding turns pairs")
        if self.query_key_norm:
            raise InputError("query_key_norm belongs to grouped attention", hint="latent attention norms its latents")

    def _check_window(self) -> None:
        for name in ("window", "global_tokens", "memory_slots", "num_mtp_layers"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}", hint="use 0 for none")
        if self.global_tokens and not self.window:
            raise InputError(
                f"global_tokens ({self.global_tokens}) without a window: every token sees all before it anyway",
                hint="set window",
            )

    def _check_experts(self) -> None:
        check_positive(self, "experts_per_token")
        if not self.expert_rank:
            check_positive(self, "expert_dim")
        if self.experts_per_token > self.num_experts:
            raise InputError(
                f"experts_per_token ({self.experts_per_token}) is more than num_experts ({self.num_experts})"
            )
        if self.num_experts % self.num_groups:
            raise InputError(
                f"num_groups ({self.num_groups}) must divide num_experts ({self.num_experts})",
                hint=f"use one of {divisors(self.num_experts)}",
            )
        if not 1 <= self.groups_per_token <= self.num_groups:
            raise InputError(
                f"groups_per_token ({self.groups_per_token}) must lie in 1..num_groups ({self.num_groups})"
            )
        reachable = self.num_experts // self.num_groups * self.groups_per_token
        if self.experts_per_token > reachable:
            raise InputError(
                f"experts_per_token ({self.experts_per_token}) is more than the {reachable} experts "
                f"in {self.groups_per_token} of {self.num_groups} groups"
            )
        if not 0 < self.score_mass <= 1:
            raise InputError(f"score_mass is {self.score_mass}", hint="use a share above 0, up to 1 for all experts")
        if strange := [layer for layer in self.dense_layers if not 0 <= layer < self.num_layers]:
            raise InputError(f"dense_layers names {strange}, but layers are 0..{self.num_layers - 1}")


@dataclass(frozen=True)
class BalanceConfig:
    """How training keeps experts evenly loaded; methods can be combined, and the default asks for none.

    Raises:
        InputError: if two values do not fit; the message names both.
    """

    auxiliary_weight: float | None = None
    """Weight of the load-balancing loss, per layer; None for the model's `aux_loss_weight`."""
    sequence_weight: float = 0.0
    """Weight of the same loss within each sequence (DeepSeek-V3: 0.0001)."""
    z_weight: float = 0.0
    """Weight of the loss on large router logits (ST-MoE: 0.001)."""
    bias_speed: float = 0.0
    """Step of the router biases, once per optimizer step (DeepSeek-V3: 0.001); needs `router_bias`."""
    bias_rule: str = "sign"
    """`sign`: every step as long (DeepSeek-V3); `proportional`: times how far a load is off the mean, over the mean."""
    capacity_start: float = 0.0
    """Progressive capacity: slots an expert serves at the first step, over an even share; 0 for all that come."""
    capacity_end: float = 0.0
    """Where it has risen to, in a straight line, after `capacity_steps`; from then on all are served."""
    capacity_steps: int = 0
    """Optimizer steps until every slot is served."""

    def __post_init__(self) -> None:
        check_kinds(self)
        check_choice("bias_rule", self.bias_rule, ("sign", "proportional"))
        for name in ("auxiliary_weight", "sequence_weight", "z_weight", "bias_speed", "capacity_start"):
            if (getattr(self, name) or 0.0) < 0:
                raise InputError(f"{name} is {getattr(self, name)}", hint="use 0 for none")
        if self.capacity_start:
            check_positive(self, "capacity_steps")
            if self.capacity_end < self.capacity_start:
                raise InputError(
                    f"capacity_end ({self.capacity_end}) must not be below capacity_start ({self.capacity_start})"
                )
        elif self.capacity_end or self.capacity_steps:
            raise InputError(
                "capacity_end and capacity_steps mean something only with a start", hint="set capacity_start"
            )

    def capacity_factor(self, step: int) -> float:
        """Return the capacity at an optimizer step, counted from 0; 0 for all that come."""
        if not self.capacity_start or step >= self.capacity_steps:
            return 0.0
        return self.capacity_start + (self.capacity_end - self.capacity_start) * step / self.capacity_steps

    def check(self, model: ModelConfig) -> None:
        """Compare with the model that is to be trained.

        Raises:
            InputError: if the model lacks what a method needs.
        """
        if self.bias_speed and not model.router_bias:
            raise InputError(
                f"bias_speed ({self.bias_speed}) moves router biases, and the model has router_bias = False",
                hint="set router_bias in the model, or bias_speed to 0",
            )
