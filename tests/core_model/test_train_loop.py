"""The loop: it learns, parts of a batch equal the whole, and a broken run goes on bit for bit."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from tests.core_model.training import config, lines, settings

from trivium.core_model.checkpoint import from_pretrained
from trivium.core_model.train import loop
from trivium.core_model.train.text import train
from trivium.service.errors import InputError, ModelError

ROOT = Path(__file__).resolve().parents[2]
BARE = {
    "PYTHONWARNINGS": "ignore",
    "PYTHONPATH": f"{ROOT / 'packages/core_model'}{os.pathsep}{ROOT / 'packages/service'}",
    "OMP_NUM_THREADS": "1",
    "PATH": os.environ["PATH"],
}


def hashes(folder: Path) -> dict[str, str]:
    """Return those of the model and of what lies beside its last checkpoint."""
    last = max((folder / "run" / "checkpoints").iterdir()).name
    names = ("model/model.safetensors", f"checkpoints/{last}/training.safetensors")
    return {name: hashlib.sha256((folder / "run" / name).read_bytes()).hexdigest() for name in names}


def untimed(folder: Path) -> list[dict]:
    return [{name: value for name, value in line.items() if name != "per_second"} for line in lines(folder)]


def start(folder: Path, *options: str, **changes) -> subprocess.Popen:
    """Start a real run without the platform's packages on its path."""
    file = folder / "run.yaml"
    file.write_text(yaml.safe_dump(settings(folder, **changes)))
    command = [sys.executable, "-m", "trivium.core_model.train", str(file), *options]
    return subprocess.Popen(command, env=BARE, stderr=subprocess.PIPE, text=True)


def wait_for(folder: Path, is_there, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not is_there(folder / "run"):
        assert time.monotonic() < deadline, "the run did not come that far"
        time.sleep(0.02)


@pytest.mark.slow
def test_it_learns_and_writes_a_model_that_is_read_like_any_other(tmp_path):
    result = train(config(tmp_path, steps=30, eval_every=10))
    losses = [line["loss"] for line in lines(tmp_path) if "loss" in line]
    held_out = [line["eval_loss"] for line in lines(tmp_path) if "eval_loss" in line]
    assert losses[0] == pytest.approx(9.704, abs=0.1)  # ln(16384), and nothing is known yet
    assert losses[-1] < 5
    assert held_out[-1] < held_out[0] - 1
    assert result.step == 30
    assert {"learning_rate", "gradient_norm", "penalty", "utilisation", "max_violation", "per_second"} < set(
        lines(tmp_path)[-2]
    )
    model = from_pretrained(tmp_path / "run" / "model")
    assert model.config.num_mtp_layers == 1
    assert sorted(file.name for file in (tmp_path / "run" / "checkpoints").iterdir()) == [
        "step-00000028",
        "step-00000030",
    ]


@pytest.mark.slow
def test_parts_of_a_batch_add_up_to_the_whole(tmp_path, monkeypatch):
    """In float64, where rounding is out of the way: the loss and the weights after steps with and without parts."""
    from trivium.core_model.train import config as config_module
    from trivium.core_model.train import text

    monkeypatch.setattr(config_module, "PRECISIONS", ("float32", "float64"))
    weights, losses = [], []
    for micro_batch_size in (0, 1):
        folder = tmp_path / str(micro_batch_size)
        run = config(folder, micro_batch_size=micro_batch_size, steps=3, precision="float64", balance={})
        text.train(run)
        weights.append(from_pretrained(folder / "run" / "model").state_dict())
        losses.append([line["loss"] for line in lines(folder) if "loss" in line])
    assert losses[0] == losses[1]
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-10) for name in weights[0])
    assert weights[0]["embedding.weight"].dtype == torch.float64


def test_recomputed_activations_change_nothing(tmp_path):
    for name, recompute in (("kept", False), ("again", True)):
        train(config(tmp_path / name, checkpoint_activations=recompute, steps=3))
    assert untimed(tmp_path / "kept") == untimed(tmp_path / "again")


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"precision": "bfloat16", "ema_decay": 0.5, "micro_batch_size": 2}])
def test_a_broken_run_goes_on_bit_for_bit(tmp_path, monkeypatch, changes):
    train(config(tmp_path / "whole", **changes))
    calls = []
    original = loop._Run._step

    def break_off(self):
        calls.append(1)
        if len(calls) == 4:
            raise RuntimeError("the power went")
        return original(self)

    broken = config(tmp_path / "broken", **changes)
    monkeypatch.setattr(loop._Run, "_step", break_off)
    with pytest.raises(RuntimeError, match="the power went"):
        train(broken)
    monkeypatch.setattr(loop._Run, "_step", original)
    torch.manual_seed(123)  # whatever the process did in between
    train(broken, resume=True)
    assert hashes(tmp_path / "whole") == hashes(tmp_path / "broken")
    assert untimed(tmp_path / "whole") == untimed(tmp_path / "broken")


@pytest.mark.slow
def test_a_killed_and_then_interrupted_process_goes_on_bit_for_bit(tmp_path):
    (tmp_path / "broken").mkdir()
    # Long enough that it is killed before its end, however late this process gets to look.
    longer = {"steps": 60, "save_every": 10, "eval_every": 30}
    with start(tmp_path / "broken", **longer) as killed:
        wait_for(tmp_path / "broken", lambda run: (run / "checkpoints" / "step-00000010").is_dir())
        killed.kill()
        assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "broken" / "run" / "model").exists()
    with start(tmp_path / "broken", "--resume", **longer) as interrupted:
        wait_for(tmp_path / "broken", lambda run: any(line["step"] >= 13 for line in lines(tmp_path / "broken")))
        interrupted.send_signal(signal.SIGINT)
        said = interrupted.communicate(timeout=50)[1]
    if interrupted.returncode:  # it may have been done before the signal came
        assert interrupted.returncode == 130
        assert re.search(r"stopped after step \d+; its checkpoint lies in .*/checkpoints, and --resume goes on", said)
    train(config(tmp_path / "broken", **longer), resume=True)
    train(config(tmp_path / "whole", **longer))
    assert hashes(tmp_path / "whole") == hashes(tmp_path / "broken")
    assert untimed(tmp_path / "whole") == untimed(tmp_path / "broken")


def test_a_signal_is_answered_after_the_step_by_a_checkpoint(tmp_path, monkeypatch):
    original = loop._Run._step

    def step(self):
        if self.result.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self)

    monkeypatch.setattr(loop._Run, "_step", step)
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(loop.Interrupted, match="stopped after step 3"):
        train(config(tmp_path, save_every=0))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    saved = tmp_path / "run" / "checkpoints" / "step-00000003" / "training.json"
    assert json.loads(saved.read_text())["result"]["step"] == 3


def test_patience_ends_the_run_and_keeps_the_best(tmp_path, monkeypatch):
    from trivium.core_model.train.text import TextObjective

    measured = iter([5.0, 4.0, 4.5, 4.2, 4.1, 3.0])
    monkeypatch.setattr(TextObjective, "evaluate", lambda self: {"eval_loss": next(measured)})
    result = train(config(tmp_path, steps=20, eval_every=1, patience=2, save_every=0, keep_last=1))
    assert (result.step, result.best_step, result.best_loss) == (4, 2, 4.0)
    best = (tmp_path / "run" / "checkpoints" / "step-00000002" / "model.safetensors").read_bytes()
    assert (tmp_path / "run" / "model" / "model.safetensors").read_bytes() == best


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("embedding", r"^the loss of step 1 is nan; there is no checkpoint yet$"),
        ("gradient", r"^step 1: the gradient's length is nan; lower learning_rate, .*; there is no checkpoint yet$"),
    ],
)
def test_what_is_no_number_stops_the_run_by_name(tmp_path, monkeypatch, what, message):
    from trivium.core_model.train import text

    original = text.build_model

    def spoil(*given):
        model = original(*given)
        if what == "embedding":
            model.embedding.weight.data[:] = float("nan")
        else:
            model.norm.weight.register_hook(lambda gradient: gradient * float("nan"))
        return model

    monkeypatch.setattr(text, "build_model", spoil)
    with pytest.raises(ModelError, match=message):
        train(config(tmp_path))


def test_a_run_is_neither_overwritten_nor_bent(tmp_path):
    train(config(tmp_path, steps=3))
    with pytest.raises(InputError, match=r"run: a run with checkpoints up to step 3 lies there; go on with --resume"):
        train(config(tmp_path, steps=3))
    with pytest.raises(InputError, match=r"other settings: learning_rate was 0.01 and is 0.02; restore them"):
        train(config(tmp_path, steps=3, learning_rate=0.02), resume=True)
    assert train(config(tmp_path, steps=3, log_every=2), resume=True).step == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "cuda"}, "torch finds no CUDA device"),
        ({"length": 65}, r"length \(65\) is more than the model's max_positions \(64\)"),
        ({"length": 64, "data": ["nowhere"]}, "nowhere: no such file or folder"),
        ({"model": {"dim": 8}}, "model lacks num_layers, num_heads"),
        ({"model": {"dim": 8, "num_layers": 1, "num_heads": 2, "hidden_dim": 8, "depth": 2}}, "unknown model settings"),
        (
            {"model": {"dim": 8, "num_layers": 1, "num_heads": 2, "hidden_dim": 8, "vocab_size": 9}, "balance": {}},
            "the tokenizer has 16384 entries, the model's embedding 9 rows",
        ),
        ({"holdout": 0.001}, "0 tokens in 0 documents do not fill one row of 32"),
    ],
)
def test_what_does_not_fit_is_named_before_anything_is_trained(tmp_path, changes, message):
    if changes.get("device") == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(InputError, match=message):
        train(config(tmp_path, **changes))
