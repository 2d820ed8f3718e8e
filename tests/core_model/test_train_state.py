"""Checkpoints appear whole or not at all; old ones go; damaged ones are named."""

import pytest
import torch

from trivium.core_model.train.log import RunLog
from trivium.core_model.train.state import Checkpoints, random_state, restore_random_state, whole_folder
from trivium.service.errors import ModelError


def save(checkpoints, step, **more):
    return checkpoints.save(
        step, lambda folder: (folder / "weights").write_text(str(step)), {"x": torch.tensor([step])}, {}, **more
    )


def test_the_newest_and_the_protected_stay(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep_last=2)
    for step in (2, 4, 6, 8, 10):
        save(checkpoints, step, protected=4)
    assert checkpoints.steps() == [4, 8, 10]
    assert checkpoints.load(8)[0]["x"].item() == 8


def test_a_folder_that_was_not_finished_is_none(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep_last=2)
    save(checkpoints, 2)

    def fails(folder):
        (folder / "weights").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        checkpoints.save(4, fails, {}, {})
    assert checkpoints.steps() == [2]
    save(checkpoints, 4)
    assert (checkpoints.path(4) / "weights").read_text() == "4"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_takes_the_place_of_an_older_one(tmp_path):
    for content in ("old", "new"):
        with whole_folder(tmp_path / "model") as folder:
            (folder / "file").write_text(content)
            assert (tmp_path / "model").exists() == (content == "new")
    assert (tmp_path / "model" / "file").read_text() == "new"


@pytest.mark.parametrize("file", ["training.safetensors", "training.json"])
def test_a_damaged_checkpoint_is_named(tmp_path, file):
    checkpoints = Checkpoints(tmp_path, keep_last=2)
    (save(checkpoints, 2) / file).write_bytes(b"{")
    with pytest.raises(ModelError, match=r"step-00000002: damaged checkpoint: .*; remove this folder to go on"):
        checkpoints.load(2)


def test_random_numbers_go_on_where_they_were():
    torch.manual_seed(5)
    state = random_state(torch.device("cpu"))
    first = torch.rand(3)
    restore_random_state(state, torch.device("cpu"))
    assert torch.equal(torch.rand(3), first)


def test_a_log_forgets_what_came_after_the_checkpoint(tmp_path):
    file = tmp_path / "metrics.jsonl"
    with RunLog(file, steps=9, start=0) as log:
        for step in (1, 2, 3):
            log.write({"step": step, "loss": 1 / 3})
    file.write_text(file.read_text() + '{"step": 4, "lo')
    with RunLog(file, steps=9, start=2) as log:
        log.write({"step": 3, "loss": 0.5}, ("loss", "absent"))
    assert file.read_text().splitlines() == [
        '{"step": 1, "loss": 0.3333333}',
        '{"step": 2, "loss": 0.3333333}',
        '{"step": 3, "loss": 0.5}',
    ]
