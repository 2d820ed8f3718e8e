"""The ordinary command under torchrun: two ranks learn what one process learns, and take over from each other."""

import shutil
from pathlib import Path

import pytest
import torch
import yaml
from tests.core_model.torchrun import run_on_two_ranks
from tests.core_model.training import config, lines, settings

from trivium.core_model.checkpoint import from_pretrained
from trivium.core_model.parallel.ranks import Ranks
from trivium.core_model.train.text import train
from trivium.service.errors import InputError


def train_on_two_ranks(folder: Path, *options: str, **changes) -> None:
    file = folder / "run.yaml"
    file.write_text(yaml.safe_dump(settings(folder, **changes)))
    run_on_two_ranks("-m", "trivium.core_model.train", str(file), *options)


def forget(folder: Path, after: int) -> None:
    """Leave a run as if it had been broken off after a step."""
    shutil.rmtree(folder / "run" / "model")
    for checkpoint in (folder / "run" / "checkpoints").iterdir():
        if int(checkpoint.name.removeprefix("step-")) > after:
            shutil.rmtree(checkpoint)


def compare(ours: Path, theirs: Path, tolerance: float) -> None:
    """Hold the measures of two runs, and the models that they wrote, against each other."""
    names = ("step", "loss", "eval_loss", "penalty", "utilisation", "learning_rate")
    pairs = list(zip(lines(ours), lines(theirs), strict=True))
    assert len(pairs) == 8  # six steps, two measurements
    for one, other in pairs:
        assert {name: one[name] for name in names if name in one} == pytest.approx(
            {name: other[name] for name in names if name in other}, abs=tolerance
        )
    models = [from_pretrained(folder / "run" / "model").state_dict() for folder in (ours, theirs)]
    for name, value in models[0].items():
        assert value.dtype == models[1][name].dtype
        assert (value.float() - models[1][name].float()).abs().max() <= 100 * tolerance, name


@pytest.mark.slow
def test_two_ranks_with_half_of_the_experts_each_learn_what_one_process_learns(tmp_path):
    two, one = tmp_path / "two", tmp_path / "one"
    two.mkdir()
    train_on_two_ranks(two, expert_parallel=2, keep_last=9)
    train(config(one))
    compare(two, one, 1e-5)
    forget(two, after=2)
    train(config(two, keep_last=9), resume=True)  # one process goes on where two ranks were
    compare(two, one, 1e-5)


@pytest.mark.slow
def test_two_ranks_go_on_where_one_process_was_in_bfloat16_with_an_average_and_parts(tmp_path):
    changes = {"precision": "bfloat16", "ema_decay": 0.5, "micro_batch_size": 2, "checkpoint_activations": True}
    two, one = tmp_path / "two", tmp_path / "one"
    train(config(one, **changes))
    train(config(two, keep_last=9, **changes))
    forget(two, after=2)
    train_on_two_ranks(two, "--resume", keep_last=9, **changes)
    compare(two, one, 2e-2)  # which numbers are rounded to bfloat16 is not the same


def test_rows_that_ranks_cannot_share_are_named(tmp_path):
    with pytest.raises(InputError, match=r"expert_parallel is 2, and there is one rank; start the run with torchrun"):
        train(config(tmp_path, expert_parallel=2))
    assert [list(Ranks(number, 3).share(range(6, 12))) for number in range(3)] == [[6, 7], [8, 9], [10, 11]]


def test_one_rank_needs_no_communication():
    alone = Ranks()
    assert alone.sum(1.5, 2) == (1.5, 2)
    target = torch.zeros(3)
    alone.put(target, torch.arange(3.0))
    assert alone.whole(target).tolist() == [0, 1, 2]
    alone.wait()
