"""One training run: a frozen dataclass, read from a YAML file, that refuses what does not fit.

Standard library only, but for the YAML reader.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trivium.core_model.checks import check_choice, check_kinds, known_names
from trivium.core_model.config import BACKENDS, BalanceConfig
from trivium.service.errors import InputError

__all__ = ["TrainConfig", "read_config_file"]

SCHEDULES = ("cosine", "wsd", "constant")
PRECISIONS = ("float32", "bfloat16")
_SCIENTIFIC = re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$")


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a run.

    Raises:
        InputError: if a value is out of range or two do not fit; the message names them.
    """

    out: str
    """Folder of the run: checkpoints, metrics, the trained model."""
    data: tuple[str, ...]
    """Text files and folders of them (see `data/tokens.py`)."""
    steps: int
    """Optimizer steps of the whole run."""

    model: Mapping[str, Any] = field(default_factory=dict)
    """Settings of a fresh `ModelConfig`; vocabulary and special tokens follow from the tokenizer."""
    start_from: str = ""
    """Checkpoint folder to start from in place of fresh weights."""
    tokenizer: str = ""
    """Folder with `tokenizer.json`; empty for that of `start_from`, or else ours."""
    holdout: float = 0.01
    """Share of documents kept out of training and measured."""
    mask_documents: bool = True
    """Documents that share a row do not see each other."""
    length: int = 512
    """Tokens in a row."""
    batch_size: int = 16
    """Rows per optimizer step."""
    micro_batch_size: int = 0
    """Rows computed at once, whose gradients add up to those of the batch; 0 for all."""

    learning_rate: float = 1e-3
    """The highest."""
    schedule: str = "cosine"
    """`cosine`, `wsd` (warm up, stay, decay; arXiv 2404.06395) or `constant`, each after the warm-up."""
    warmup_steps: int = 0
    """Steps in which the rate rises from 0."""
    decay_share: float = 0.2
    """wsd: share of the steps, the last ones, in which the rate falls."""
    final_share: float = 0.1
    """cosine and wsd: the last rate as a share of the highest."""
    beta1: float = 0.9
    """AdamW: decay of the mean gradient."""
    beta2: float = 0.95
    """AdamW: decay of the mean squared gradient."""
    epsilon: float = 1e-8
    """AdamW: added to the root of the mean squared gradient."""
    weight_decay: float = 0.1
    """AdamW: of matrices; norms, biases, embeddings and memory slots do not decay."""
    clip_norm: float = 1.0
    """Longest gradient; 0 for any."""
    ema_decay: float = 0.0
    """Averages weights over steps with this decay; the average is what is measured and kept. 0 for none."""
    mtp_weight: float = 0.3
    """Weight of the mean loss of multi-token prediction modules, where the model has them."""
    balance: BalanceConfig = field(default_factory=BalanceConfig)
    """How experts are kept evenly loaded."""

    precision: str = "float32"
    """`float32`, or `bfloat16`: computed in it, with float32 copies of the weights that the optimizer steps."""
    checkpoint_activations: bool = False
    """Computes each block twice instead of keeping what is inside it."""
    device: str = "cpu"
    """Such as `cpu` or `cuda`."""
    experts_backend: str = "auto"
    """Code that runs the experts: `plain`, `grouped_mm`, `fused` (ours, on a GPU), `sonicmoe`; `auto` for the best."""
    expert_parallel: int = 1
    """Under torchrun: ranks that hold one copy of the experts between them; other weights are sharded over all."""
    seed: int = 0
    """Of fresh weights and of the order of the text."""

    log_every: int = 10
    """Steps between lines of `metrics.jsonl`."""
    eval_every: int = 200
    """Steps between measurements on held-out text; 0 for none."""
    eval_rows: int = 64
    """Rows of held-out text that are measured, at most."""
    patience: int = 0
    """Stops after so many measurements without a new best, and keeps the best; 0 for never."""
    save_every: int = 200
    """Steps between checkpoints; 0 for one at the end."""
    keep_last: int = 2
    """Checkpoints kept, beside the best one where `patience` is set."""

    def __post_init__(self) -> None:
        check_kinds(self)
        for name in ("steps", "length", "batch_size", "expert_parallel", "log_every", "eval_rows", "keep_last"):
            _require(self, name, lambda value: value >= 1, "use a whole number of 1 or more")
        for name in ("micro_batch_size", "warmup_steps", "eval_every", "patience", "save_every", "seed"):
            _require(self, name, lambda value: value >= 0, "use a whole number of 0 or more")
        for name in ("learning_rate", "epsilon"):
            _require(self, name, lambda value: value > 0, "use a number above 0")
        for name in ("weight_decay", "clip_norm", "mtp_weight"):
            _require(self, name, lambda value: value >= 0, "use 0 or more")
        for name in ("beta1", "beta2", "holdout", "ema_decay"):
            _require(self, name, lambda value: 0 <= value < 1, "use a number from 0 to below 1")
        for name in ("decay_share", "final_share"):
            _require(self, name, lambda value: 0 <= value <= 1, "use a number from 0 to 1")
        check_choice("schedule", self.schedule, SCHEDULES)
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("experts_backend", self.experts_backend, BACKENDS)
        self._check_pairs()

    @property
    def rows_at_once(self) -> int:
        """Rows of a micro-batch."""
        return self.micro_batch_size or self.batch_size

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready form that `from_mapping` reads back."""
        return dataclasses.asdict(self) | {"data": list(self.data), "model": dict(self.model)}

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> TrainConfig:
        """Read settings by name.

        Raises:
            InputError: if a name is unknown, one that is needed is absent, or a value has the wrong type.
        """
        values = known_names(cls, data, "settings")
        if isinstance(values["data"], str) or not isinstance(values["data"], list | tuple):
            raise InputError(f"data is {values['data']!r}", hint="give a list of files and folders")
        values["data"] = tuple(values["data"])
        balance = values.get("balance", {})
        if isinstance(balance, Mapping):
            values["balance"] = _balance(balance)
        return cls(**values)

    def _check_pairs(self) -> None:
        if not self.data:
            raise InputError("data is empty", hint="name at least one file or folder")
        if bool(self.model) == bool(self.start_from):
            given = "both" if self.model else "none"
            raise InputError(f"{given} of model and start_from are given", hint="give one of them")
        if self.batch_size % self.rows_at_once:
            raise InputError(
                f"micro_batch_size ({self.micro_batch_size}) must divide batch_size ({self.batch_size})",
                hint="use one that does, or 0",
            )
        fits = (self.device[:4], self.precision, self.expert_parallel) == ("cuda", "bfloat16", 1)
        if self.experts_backend in ("fused", "sonicmoe") and not fits:
            raise InputError(
                f"experts_backend {self.experts_backend} does not run with device {self.device}, precision "
                f"{self.precision} and expert_parallel {self.expert_parallel}",
                hint="it needs cuda, bfloat16 and 1; auto takes what runs",
            )
        if self.warmup_steps >= self.steps:
            raise InputError(f"warmup_steps ({self.warmup_steps}) must be below steps ({self.steps})")
        if self.patience and not (self.eval_every and self.holdout):
            raise InputError(
                f"patience ({self.patience}) needs held-out text: eval_every is {self.eval_every}, "
                f"holdout {self.holdout}",
                hint="set both above 0",
            )


def read_config_file(path: str | Path) -> TrainConfig:
    """Read a YAML file of settings.

    Raises:
        InputError: if the file is absent, no YAML or no mapping, or as `TrainConfig`; the message names the file.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """Reads `1e-3` as a number, which YAML 1.1 calls text."""

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _SCIENTIFIC, list("-+.0123456789"))
    file = Path(path)
    try:
        data = yaml.load(file.read_text(encoding="utf-8"), Loader)  # noqa: S506 - a safe loader
    except (FileNotFoundError, IsADirectoryError):
        raise InputError("no such file", where=str(file), hint="give a YAML file of settings") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"not YAML: {error}", where=str(file)) from None
    if not isinstance(data, dict):
        raise InputError("not a list of `name: value`", where=str(file), hint="see docs/training.md")
    try:
        return TrainConfig.from_mapping(data)
    except InputError as error:
        raise InputError(error.what, where=str(file), hint=error.hint) from None


def _balance(data: Mapping[str, Any]) -> BalanceConfig:
    try:
        return BalanceConfig(**known_names(BalanceConfig, data, "settings"))
    except InputError as error:
        raise InputError(f"balance: {error.what}", hint=error.hint) from None


def _require(config: TrainConfig, name: str, is_right: Any, hint: str) -> None:
    value = getattr(config, name)
    if not is_right(value):
        raise InputError(f"{name} is {value!r}", hint=hint)
