"""Checkpoints of a run: a folder that appears whole or not at all, without pickle.

run/checkpoints/step-00000200/   config.json, model.safetensors, tokenizer.json: a model like any other
                                 training.safetensors, training.json: what going on needs beside it
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from trivium.core_model.parallel.ranks import Ranks
from trivium.service.errors import ModelError

__all__ = ["Checkpoints", "random_state", "restore_random_state", "whole_folder"]

_TENSORS, _REST = "training.safetensors", "training.json"


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: where they lie, one folder each.
        keep_last: how many of the newest are kept.
        ranks: of the run; the first one writes, when all have come to it.
    """

    def __init__(self, folder: Path, keep_last: int, ranks: Ranks | None = None) -> None:
        self.folder = folder
        self.keep_last = keep_last
        self.ranks = ranks or Ranks()

    def steps(self) -> list[int]:
        """Return the steps after which there is a checkpoint, oldest first."""
        return sorted(int(found.name.removeprefix("step-")) for found in self.folder.glob("step-*"))

    def path(self, step: int) -> Path:
        """Return the folder of a step."""
        return self.folder / f"step-{step:08d}"

    def save(
        self,
        step: int,
        save_model: Callable[[Path], None],
        tensors: Mapping[str, torch.Tensor],
        rest: Mapping[str, Any],
        protected: int | None = None,
    ) -> Path:
        """Write one, then remove old ones but for the protected step.

        Args:
            step: steps done.
            save_model: writes the model into a folder.
            tensors: of optimizer and random generators.
            rest: JSON-ready.
            protected: a step whose checkpoint stays.
        """
        with whole_folder(self.path(step), self.ranks) as new:
            save_model(new)
            if self.ranks.is_first:
                save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, new / _TENSORS)
                (new / _REST).write_text(json.dumps(rest, indent=2) + "\n", encoding="utf-8")
        for old in self.steps()[: -self.keep_last] if self.ranks.is_first else ():
            if old != protected:
                shutil.rmtree(self.path(old))
        self.ranks.wait()
        return self.path(step)

    def load(self, step: int) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Return tensors and rest of a step.

        Raises:
            ModelError: if a file is missing or damaged.
        """
        folder = self.path(step)
        try:
            rest = json.loads((folder / _REST).read_text(encoding="utf-8"))
            return load_file(folder / _TENSORS), rest
        except (OSError, json.JSONDecodeError, SafetensorError) as error:
            raise ModelError(
                f"damaged checkpoint: {error}",
                where=str(folder),
                hint="remove this folder to go on from the one before",
            ) from None


@contextmanager
def whole_folder(path: Path, ranks: Ranks | None = None) -> Iterator[Path]:
    """Give a new folder that takes its name, in place of an older one, only when all is written and on the disk.

    Of several ranks the first one makes the folder and names it; the others are let through.
    """
    if ranks is not None and not ranks.is_first:
        yield path.parent / f".{path.name}.new"
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.parent / f".{path.name}.new"
    if new.exists():  # left behind by a run that was killed
        shutil.rmtree(new)
    new.mkdir()
    yield new
    for file in (*new.iterdir(), new):
        _flush(file)
    if path.exists():
        shutil.rmtree(path)
    os.replace(new, path)
    _flush(path.parent)


def random_state(device: torch.device) -> dict[str, torch.Tensor]:
    """Return the states of torch's random generators."""
    states = {"random/cpu": torch.get_rng_state()}
    return states | ({"random/cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def restore_random_state(tensors: Mapping[str, torch.Tensor], device: torch.device) -> None:
    """Take back what `random_state` gave."""
    torch.set_rng_state(tensors["random/cpu"])
    if device.type == "cuda" and "random/cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random/cuda"], device)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
