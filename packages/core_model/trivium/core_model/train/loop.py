"""The loop: steps, measurements, checkpoints, and going on as if nothing had happened.

`fit` knows no text and no decoder: what is learned is an `Objective`. Everything that a step does follows from its
number, the weights, the optimizer's state and torch's random generators; a run that is broken off and goes on from
its last checkpoint is equal bit for bit to one that was not (on the CPU, with the same number of threads).
"""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from torch import nn

from trivium.core_model.parallel.ranks import Ranks
from trivium.core_model.train.config import TrainConfig
from trivium.core_model.train.log import RunLog
from trivium.core_model.train.optimizer import Optimizer
from trivium.core_model.train.schedule import learning_rate
from trivium.core_model.train.state import Checkpoints, random_state, restore_random_state, whole_folder
from trivium.service.errors import InputError, ModelError

__all__ = ["Interrupted", "MicroBatch", "Objective", "RunResult", "fit"]

# Settings that a run may change when it goes on: they decide when things are said and kept, not what is computed.
_FREE = {"out", "expert_parallel", "log_every", "eval_every", "save_every", "keep_last", "patience"}


@dataclass(frozen=True)
class MicroBatch:
    """What is computed at once.

    Args:
        data: whatever the objective reads.
        count: how many things its loss is a sum over, such as predicted tokens.
    """

    data: Any
    count: int


class Objective(Protocol):
    """What is learned. All randomness comes from the step's number or from torch's generators."""

    model: nn.Module

    def micro_batches(self, step: int) -> Sequence[MicroBatch]:
        """Return the parts of one step's batch, of which each rank has its own."""

    def losses(self, batch: MicroBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss summed over the batch's things, and a mean penalty that is weighted by their share."""

    def after_step(self) -> dict[str, float]:
        """Do what follows an optimizer step; return measures of it."""

    def evaluate(self) -> dict[str, float]:
        """Return measures on held-out data, among them `eval_loss`; nothing where there is no such data."""

    def save(self, folder: Path) -> None:
        """Write the model into a folder, exactly; called on every rank, and the first one writes."""

    def load(self, folder: Path) -> None:
        """Read the weights that `save` wrote."""

    def state_dict(self) -> dict[str, Any]:
        """Return JSON-ready state beside the model's."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""


class Interrupted(Exception):  # noqa: N818
    """The run was asked to stop; its checkpoint is written.

    Args:
        step: steps done.
    """

    def __init__(self, step: int) -> None:
        self.step = step
        super().__init__(f"stopped after step {step}")


@dataclass
class RunResult:
    """How far a run is.

    Args:
        step: steps done.
        loss: of the last step.
        best_step: where the loss on held-out data was best; 0 before the first measurement.
        best_loss: that loss; infinite before.
        waited: measurements since then.
    """

    step: int = 0
    loss: float = math.nan
    best_step: int = 0
    best_loss: float = math.inf
    waited: int = 0


def fit(objective: Objective, config: TrainConfig, *, resume: bool, ranks: Ranks | None = None) -> RunResult:
    """Train, from the beginning or from the last checkpoint, and write the model to `out/model`.

    The model that is written is the average where `ema_decay` is set, and that of the best step where `patience` is.

    Args:
        objective: what is learned; its model is changed.
        config: the run.
        resume: go on from the last checkpoint in `out`, where there is one.
        ranks: processes that train together, over which the model is spread; None for this one alone.

    Raises:
        InputError: if `out` holds a run and `resume` is false, or the run was begun with other settings.
        ModelError: if loss or gradient is not finite, or the checkpoint is damaged.
        Interrupted: after SIGINT or SIGTERM.
    """
    return _Run(objective, config, ranks or Ranks()).go(resume)


class _Run:
    def __init__(self, objective: Objective, config: TrainConfig, ranks: Ranks) -> None:
        self.objective = objective
        self.config = config
        self.ranks = ranks
        self.out = Path(config.out)
        self.device = torch.device(config.device)
        self.checkpoints = Checkpoints(self.out / "checkpoints", config.keep_last, ranks)
        self.result = RunResult()
        self.saved_step = 0
        self.optimizer = Optimizer(objective.model, config, ranks)

    def go(self, resume: bool) -> RunResult:
        self._begin(resume)
        self.out.mkdir(parents=True, exist_ok=True)
        file = self.out / "metrics.jsonl" if self.ranks.is_first else None
        is_alone = self.ranks.count == 1
        with RunLog(file, self.config.steps, self.result.step) as log, _signals(is_alone) as signals:
            began, things = time.monotonic(), 0
            while self.result.step < self.config.steps and not self._is_patience_over():
                values, count = self._step()
                step, things = self.result.step, things + count
                log.step()
                if self._is_due(self.config.log_every):
                    speed = things / max(time.monotonic() - began, 1e-9)
                    log.write({"step": step, **values, "per_second": round(speed, 1)}, ("loss",))
                    began, things = time.monotonic(), 0
                if self._is_due(self.config.eval_every) and (measured := self._evaluate()):
                    log.write({"step": step, **measured}, ("eval_loss",))
                asked = self.ranks.sum(len(signals))[0] > 0
                if asked or self._is_due(self.config.save_every):
                    self._save()
                if asked:
                    raise Interrupted(step)
        self._save()
        self._write_model()
        return self.result

    def _is_due(self, every: int) -> bool:
        """Say whether what happens every so many steps, and at the last one, happens now; 0 is never."""
        return every > 0 and (self.result.step % every == 0 or self.result.step == self.config.steps)

    def _begin(self, resume: bool) -> None:
        """Start anew or take up the last checkpoint."""
        steps = self.checkpoints.steps()
        if not steps:
            return
        if not resume:
            raise InputError(
                f"a run with checkpoints up to step {steps[-1]} lies there",
                where=str(self.out),
                hint="go on with --resume, or name another out",
            )
        tensors, rest = self.checkpoints.load(steps[-1])
        _compare(rest["config"], self.config, self.out)
        self.objective.load(self.checkpoints.path(steps[-1]))
        restore_random_state(tensors, self.device)
        self.optimizer.load({name: value for name, value in tensors.items() if not name.startswith("random/")})
        self.objective.load_state_dict(rest["objective"])
        self.result = RunResult(**rest["result"])
        self.saved_step = self.result.step

    def _step(self) -> tuple[dict[str, float], int]:
        """Take one optimizer step; return its measures and how many things it learned from."""
        step = self.result.step
        parts = self.objective.micro_batches(step)
        count = max(int(self.ranks.sum(sum(part.count for part in parts))[0]), 1)
        loss_sum, penalty = 0.0, 0.0
        self.objective.model.train()
        for part in parts:
            loss, mean = self.objective.losses(part)
            share = part.count / count
            ((loss / count + mean * share) * self.ranks.count).backward()  # gradients are means over ranks
            self.optimizer.collect()
            loss_sum, penalty = loss_sum + float(loss.detach()), penalty + float(mean.detach()) * share
        loss_sum, penalty = self.ranks.sum(loss_sum, penalty)
        rate = learning_rate(self.config, step)
        if not math.isfinite(loss_sum):
            raise ModelError(f"the loss of step {step + 1} is {loss_sum}", hint=self._way_back())
        try:
            length = self.optimizer.step(rate)
        except ModelError as error:
            raise ModelError(f"step {step + 1}: {error.what}", hint=f"{error.hint}; {self._way_back()}") from None
        self.result.step, self.result.loss = step + 1, loss_sum / count
        values = {"loss": self.result.loss, "penalty": penalty, "learning_rate": rate, "gradient_norm": length}
        return values | self.objective.after_step(), count

    def _evaluate(self) -> dict[str, float]:
        self.objective.model.eval()
        with self.optimizer.averaged(), torch.no_grad():
            values = self.objective.evaluate()
        if self.config.patience:
            self._note(values["eval_loss"])
        return values

    def _note(self, loss: float) -> None:
        """Remember whether this is the best measurement; the best has a checkpoint."""
        if loss < self.result.best_loss:
            self.result.best_step, self.result.best_loss, self.result.waited = self.result.step, loss, 0
            self._save()
        else:
            self.result.waited += 1

    def _is_patience_over(self) -> bool:
        return bool(self.config.patience) and self.result.waited >= self.config.patience

    def _save(self) -> None:
        """Write a checkpoint of this step, once."""
        if self.result.step == self.saved_step:
            return
        rest = {
            "config": self.config.to_json(),
            "result": asdict(self.result),
            "objective": self.objective.state_dict(),
        }
        tensors = self.optimizer.state() | random_state(self.device)
        self.checkpoints.save(
            self.result.step, self.objective.save, tensors, rest, protected=self.result.best_step or None
        )
        self.saved_step = self.result.step

    def _write_model(self) -> None:
        """Write the model that the run was for."""
        if self.result.best_step and self.result.best_step != self.result.step:
            tensors, _ = self.checkpoints.load(self.result.best_step)
            self.objective.load(self.checkpoints.path(self.result.best_step))
            self.optimizer.load({name: value for name, value in tensors.items() if not name.startswith("random/")})
        with self.optimizer.averaged(), whole_folder(self.out / "model", self.ranks) as new:
            self.objective.save(new)
        self.ranks.wait()  # a rank that left would close connections that another still reads from

    def _way_back(self) -> str:
        steps = self.checkpoints.steps()
        return f"the last checkpoint is step {steps[-1]}" if steps else "there is no checkpoint yet"


@contextmanager
def _signals(is_alone: bool) -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM until the step is over.

    A second one acts at once, but for ranks: the terminal and torchrun each send them one.
    """
    asked: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        for each, handler in before.items() if is_alone else ():
            signal.signal(each, handler)

    try:
        for number in before:
            signal.signal(number, ask)
    except ValueError:  # not the main thread: its owner handles signals
        yield asked
        return
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _compare(before: dict[str, Any], config: TrainConfig, out: Path) -> None:
    now = json.loads(json.dumps(config.to_json()))  # with lists for tuples, as the checkpoint has them
    # A checkpoint does not know settings that are younger than itself.
    if changed := [name for name in now if name not in _FREE and now[name] != before.get(name, now[name])]:
        differences = ", ".join(f"{name} was {before[name]!r} and is {now[name]!r}" for name in changed[:3])
        raise InputError(
            f"the run was begun with other settings: {differences}", where=str(out), hint="restore them, or begin anew"
        )
