"""Settings of a run: read from YAML, and every wrong value named with what to do."""

import pytest
from tests.core_model.training import MODEL, settings

from trivium.core_model.config import BalanceConfig
from trivium.core_model.train.config import TrainConfig, read_config_file
from trivium.service.errors import InputError

TEXT = """
out: run
data: [corpus]
steps: 100
learning_rate: 1e-3
model: {dim: 8, norm_eps: 1e-6}
balance: {bias_speed: 1E-3}
"""


def test_a_file_is_read_with_its_defaults(tmp_path):
    (tmp_path / "run.yaml").write_text(TEXT)
    config = read_config_file(tmp_path / "run.yaml")
    assert (config.data, config.learning_rate, config.length) == (("corpus",), 0.001, 512)
    assert config.model == {"dim": 8, "norm_eps": 1e-6}
    assert config.balance == BalanceConfig(bias_speed=0.001)
    assert TrainConfig.from_mapping(config.to_json()) == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps is 0; use a whole number of 1 or more"),
        ({"steps": "many"}, "steps is 'many'; give a whole number"),
        ({"seed": True}, "seed is True; give a whole number"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'; give a number"),
        ({"learning_rate": 0}, "learning_rate is 0; use a number above 0"),
        ({"beta2": 1.0}, "beta2 is 1.0; use a number from 0 to below 1"),
        ({"final_share": 1.5}, "final_share is 1.5; use a number from 0 to 1"),
        ({"clip_norm": -1}, "clip_norm is -1; use 0 or more"),
        ({"schedule": "linear"}, "schedule 'linear' is unknown; known: cosine, wsd, constant"),
        ({"experts_backend": "triton"}, "experts_backend 'triton' is unknown; known: auto, plain, grouped_mm"),
        (
            {"experts_backend": "fused"},
            "experts_backend fused does not run with device cpu, precision float32 and expert_parallel 1; it needs",
        ),
        ({"precision": "fp8"}, "precision 'fp8' is unknown; known: float32, bfloat16"),
        ({"data": "corpus"}, "data is 'corpus'; give a list of files and folders"),
        ({"data": []}, "data is empty; name at least one file or folder"),
        ({"model": {}}, "none of model and start_from are given; give one of them"),
        ({"start_from": "x"}, "both of model and start_from are given; give one of them"),
        ({"micro_batch_size": 3}, r"micro_batch_size \(3\) must divide batch_size \(4\)"),
        ({"warmup_steps": 6}, r"warmup_steps \(6\) must be below steps \(6\)"),
        ({"patience": 2, "holdout": 0.0}, r"patience \(2\) needs held-out text: eval_every is 3, holdout 0.0"),
        ({"lr": 1.0}, "unknown settings: lr; known: out, data, steps"),
        ({"balance": {"speed": 1}}, "balance: unknown settings: speed; known: auxiliary_weight"),
        ({"balance": {"bias_speed": "fast"}}, "balance: bias_speed is 'fast'; give a number"),
        ({"balance": 3}, "balance is 3; give settings by name"),
    ],
)
def test_wrong_values_are_named(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        TrainConfig.from_mapping(settings(tmp_path, **changes))


def test_what_must_be_set_is_named():
    with pytest.raises(InputError, match="out, steps must be set"):
        TrainConfig.from_mapping({"data": ["x"], "model": MODEL})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "run.yaml: no such file; give a YAML file of settings"),
        (b"a: [", "run.yaml: not YAML"),
        (b"\xff", "run.yaml: not YAML"),
        (b"- a", "run.yaml: not a list of `name: value`; see docs/training.md"),
        (b"out: x\ndata: [y]\nsteps: -1\n", "run.yaml: steps is -1; use a whole number"),
    ],
)
def test_files_that_are_no_settings_are_named(tmp_path, content, message):
    if content is not None:
        (tmp_path / "run.yaml").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_config_file(tmp_path / "run.yaml")
