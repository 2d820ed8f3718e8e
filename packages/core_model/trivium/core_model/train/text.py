"""Learning to continue text: the objective of a decoder, put together from a `TrainConfig`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch.distributed.tensor import DTensor
from torch.utils.checkpoint import checkpoint
from tqdm import tqdm

from trivium.core_model.checkpoint import DTYPES, from_pretrained, save_pretrained
from trivium.core_model.config import ModelConfig
from trivium.core_model.data.packing import PackedBatch, PackedRows
from trivium.core_model.data.tokens import TokenStore, prepare
from trivium.core_model.decoder import Decoder, DecoderOutput, new_decoder
from trivium.core_model.device import usable_device
from trivium.core_model.heads import MISSING_CLASS, text_loss_sum, text_targets
from trivium.core_model.moe.balance import Balancer
from trivium.core_model.moe.experts import use_backend
from trivium.core_model.parallel.ranks import Ranks, ranks_of_environment
from trivium.core_model.tokenizer import Tokenizer
from trivium.core_model.train.config import TrainConfig
from trivium.core_model.train.loop import MicroBatch, RunResult, fit
from trivium.service.errors import InputError

__all__ = ["TextObjective", "build_model", "recompute_activations", "train"]


def train(config: TrainConfig, *, resume: bool = False) -> RunResult:
    """Tokenise, train, and write the model to `out/model`; with all ranks that torchrun started.

    Args:
        config: the run.
        resume: go on from the last checkpoint in `out`, where there is one.

    Raises:
        TriviumError: as `prepare`, `from_pretrained` and `fit`.
    """
    usable_device(config.device)
    if Path(config.out).exists() and not Path(config.out).is_dir():
        raise InputError("out is a file", where=config.out, hint="name a folder, or one that is to be made")
    with ranks_of_environment(config.device) as ranks:
        _check_ranks(config, ranks)
        tokenizer = _tokenizer(config)
        model = build_model(config, tokenizer, ranks)
        for number in range(ranks.count):  # the first one tokenises, the others find it done
            if number == ranks.number:
                stores = _tokenise(config, tokenizer)
            ranks.wait()
        rows = PackedRows(stores["train"], config.length, config.seed)
        measured = config.eval_every and config.holdout
        held_out = PackedRows(stores["held_out"], config.length, seed=0) if measured else None
        objective = TextObjective(model, tokenizer, rows, held_out, config, ranks)
        return fit(objective, config, resume=resume, ranks=ranks)


class TextObjective:
    """Predict the next token, and further ones where the model has modules for it.

    Args:
        model: changed by training.
        tokenizer: saved beside the model.
        rows: to learn from.
        held_out: to measure on; None for none.
        config: the run.
        ranks: over which the model is spread, here; None for this process alone.
    """

    def __init__(
        self,
        model: Decoder,
        tokenizer: Tokenizer,
        rows: PackedRows,
        held_out: PackedRows | None,
        config: TrainConfig,
        ranks: Ranks | None = None,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.rows = rows
        self.held_out = held_out
        self.config = config
        self.ranks = ranks or Ranks()
        use_backend(model, config.experts_backend)
        if config.checkpoint_activations:
            recompute_activations(model)
        group = None
        if self.ranks.count > 1:
            group = _spread(model, config, self.ranks)
        self.balancer = Balancer(model, config.balance, group=group)

    def micro_batches(self, step: int) -> Sequence[MicroBatch]:
        """Return this rank's rows of a step in parts."""
        first, size = step * self.config.batch_size, self.config.rows_at_once
        starts = range(first, first + self.config.batch_size, size)
        shares = [self.ranks.share(range(start, start + size)) for start in starts]
        return [self._micro_batch(self.rows.batch(share)) for share in shares]

    def losses(self, batch: MicroBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the summed cross-entropy in nats, and what further tokens and balancing add, per token."""
        data: PackedBatch = batch.data
        out = self._forward(data)
        penalty = self.balancer.loss(out.routings).to(out.logits.device)
        for shift, logits in enumerate(out.ahead, start=2):
            targets = self._targets(data, shift)[:, : logits.shape[1]]
            weight = self.config.mtp_weight / len(out.ahead) / max(batch.count, 1)
            penalty = penalty + weight * text_loss_sum(logits, targets)
        return text_loss_sum(out.logits, self._targets(data)), penalty

    def after_step(self) -> dict[str, float]:
        """Balance the experts; return their loads' measures, means over layers only."""
        self.balancer.after_step()
        return {name: value for name, value in self.balancer.metrics().items() if "/" not in name}

    def evaluate(self) -> dict[str, float]:
        """Return the mean loss per held-out token in nats; nothing where no text is held out.

        Every rank measures all rows: all must take part in every forward pass of a model that is spread.
        """
        if self.held_out is None:
            return {}
        total, count = 0.0, 0.0
        size = self.config.rows_at_once
        rows = min(self.config.eval_rows, self.held_out.rows_per_epoch)
        for start in range(0, rows, size):
            batch = self._micro_batch(self.held_out.batch(range(start, min(start + size, rows))))
            logits = self._forward(batch.data, look_ahead=False).logits
            total += float(text_loss_sum(logits, self._targets(batch.data)))
            count += batch.count
        total, count = self.ranks.sum(total, count)  # equal up to rounding, and the same on all ranks from here on
        return {"eval_loss": total / max(count, 1)}

    def save(self, folder: Path) -> None:
        """Write model and tokenizer."""
        state = self.model.state_dict()
        spread = {name for name, value in state.items() if isinstance(value, DTensor)}
        state = self.ranks.gather(state)
        for name in spread & set(state):  # float32 in any run
            state[name] = state[name].to(DTYPES[self.config.precision])
        if self.ranks.is_first:
            save_pretrained(self.model, folder, state=state)
            self.tokenizer.save(folder)

    @torch.no_grad()
    def load(self, folder: Path) -> None:
        """Read the weights, and the router biases among them."""
        state = self.model.state_dict()
        for name, value in from_pretrained(folder, dtype=state["embedding.weight"].dtype).state_dict().items():
            self.ranks.put(state[name], value)

    def state_dict(self) -> dict[str, Any]:
        """Return how far balancing is."""
        return {"balancer": self.balancer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.balancer.load_state_dict(state["balancer"])

    def _micro_batch(self, rows: PackedBatch) -> MicroBatch:
        count = int((self._targets(rows) != MISSING_CLASS).sum())
        return MicroBatch(rows.to(self.config.device), count)

    def _targets(self, rows: PackedBatch, shift: int = 1) -> torch.Tensor:
        return text_targets(rows.tokens, rows.documents if self.config.mask_documents else None, shift=shift)

    def _forward(self, rows: PackedBatch, look_ahead: bool = True) -> DecoderOutput:
        look_ahead = look_ahead and bool(self.model.config.num_mtp_layers)
        if not self.config.mask_documents:
            return self.model(rows.tokens, look_ahead=look_ahead)
        return self.model(rows.tokens, positions=rows.positions, documents=rows.documents, look_ahead=look_ahead)


def build_model(config: TrainConfig, tokenizer: Tokenizer, ranks: Ranks | None = None) -> Decoder:
    """Make or read the decoder that a run starts from.

    With several ranks it is float32 in any run, and computes in the run's precision once it is spread.

    Raises:
        InputError: if settings of the model are wrong, or it does not fit tokenizer or length.
    """
    dtype = DTYPES["float32" if ranks is not None and ranks.count > 1 else config.precision]
    if config.start_from:
        model = from_pretrained(config.start_from, dtype=dtype, device=config.device)
    else:
        settings = _model_config(config.model, tokenizer)
        # Drawn on the CPU in float32, so that a seed gives the same weights on every device and in every precision.
        model = new_decoder(settings, seed=config.seed).to(device=config.device)
        for parameter in model.parameters():
            parameter.data = parameter.data.to(dtype)
    shape = model.config
    if tokenizer.vocab_size > shape.vocab_size:
        raise InputError(
            f"the tokenizer has {tokenizer.vocab_size} entries, the model's embedding {shape.vocab_size} rows",
            hint="leave vocab_size out, or use the tokenizer of the checkpoint",
        )
    if config.length > shape.max_positions:
        raise InputError(
            f"length ({config.length}) is more than the model's max_positions ({shape.max_positions})",
            hint="shorten length or raise max_positions",
        )
    return model


def recompute_activations(model: Decoder) -> None:
    """Let each block keep its input only and compute the rest again in the backward pass (arXiv 1604.06174)."""
    for block in model.layers:
        setattr(block, "forward", functools.partial(checkpoint, block.forward, use_reentrant=False))  # noqa: B010


def _check_ranks(config: TrainConfig, ranks: Ranks) -> None:
    """Hold the number of ranks against the settings.

    Raises:
        InputError: if it does not divide the rows that are computed at once, or there is but one for many experts.
    """
    if config.rows_at_once % ranks.count:
        name = "micro_batch_size" if config.micro_batch_size else "batch_size"
        raise InputError(
            f"{name} ({config.rows_at_once}) is not divisible by the number of ranks ({ranks.count})",
            hint="each rank computes an equal share of its rows",
        )
    if ranks.count == 1 and config.expert_parallel > 1:
        raise InputError(
            f"expert_parallel is {config.expert_parallel}, and there is one rank",
            hint="start the run with torchrun --nproc-per-node N, or leave it out",
        )


def _spread(model: Decoder, config: TrainConfig, ranks: Ranks) -> distributed.ProcessGroup:
    """Spread the model; return the group of all ranks."""
    from trivium.core_model.parallel.fsdp import spread
    from trivium.core_model.parallel.mesh import make_meshes

    sizes = {"world_size": ranks.count, "expert_parallel": config.expert_parallel}
    meshes = make_meshes(model.config, **sizes, device=ranks.device.type)
    spread(model, meshes, dtype=None if config.precision == "float32" else DTYPES[config.precision])
    return meshes.data.get_group()


def _tokenise(config: TrainConfig, tokenizer: Tokenizer) -> dict[str, TokenStore]:
    sources, folder = [Path(source) for source in config.data], Path(config.out) / "tokens"
    with tqdm(desc="tokenising", unit="doc", disable=not sys.stderr.isatty(), leave=False) as bar:
        return prepare(sources, tokenizer, folder, holdout=config.holdout, progress=lambda _: bar.update())


def _tokenizer(config: TrainConfig) -> Tokenizer:
    folder = config.tokenizer or config.start_from
    return Tokenizer.from_folder(folder) if folder else Tokenizer.builtin()


def _model_config(settings: Mapping[str, Any], tokenizer: Tokenizer) -> ModelConfig:
    """Complete a model's settings by what the tokenizer knows."""
    if absent := [name for name in ("dim", "num_layers", "num_heads") if name not in settings]:
        raise InputError(f"model lacks {', '.join(absent)}", hint="see docs/training.md")
    known = {
        "vocab_size": tokenizer.vocab_size,
        "bos_id": tokenizer.bos_id,
        "eos_ids": () if tokenizer.eos_id is None else (tokenizer.eos_id,),
        "pad_id": tokenizer.pad_id,
    }
    try:
        return ModelConfig.from_json(known | dict(settings))
    except InputError as error:
        raise InputError(f"model: {error.what}", hint=error.hint) from None
