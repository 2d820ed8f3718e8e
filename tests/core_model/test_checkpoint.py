"""Folders that are incomplete or damaged are named; reading needs little more memory than the model."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.core_model.small import KINDS, small_config

from trivium.core_model.checkpoint import from_pretrained, load_config, save_pretrained
from trivium.core_model.decoder import empty_decoder, new_decoder
from trivium.service.errors import InputError, ModelError

MTP = {
    "family": "deepseek_v3",
    "attention": "latent",
    "query_rank": 16,
    "kv_rank": 12,
    "nope_dim": 8,
    "rope_dim": 4,
    "value_dim": 8,
    "num_kv_heads": 0,
    "rope_interleaved": True,
    "num_experts": 4,
    "experts_per_token": 2,
    "expert_dim": 16,
    "num_shared_experts": 1,
    "router_scores": "sigmoid",
    "router_bias": True,
    "dense_layers": (0,),
    "num_mtp_layers": 1,
}


@pytest.fixture
def folder(tmp_path):
    save_pretrained(new_decoder(small_config(family="llama"), seed=1), tmp_path, shard_bytes=30_000)
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_our_own_layout_survives(kind, dtype, tmp_path):
    decoder = new_decoder(small_config(kind, num_mtp_layers=1), seed=1, dtype=dtype)
    save_pretrained(decoder, tmp_path, shard_bytes=20_000)
    again = from_pretrained(tmp_path)
    assert again.config == decoder.config
    assert not again.training
    state = again.state_dict()
    for name, value in decoder.state_dict().items():
        assert torch.equal(state[name], value), name
        assert state[name].dtype == value.dtype


def test_router_biases_stay_float32(tmp_path):
    decoder = new_decoder(small_config("experts"), seed=1)
    decoder.layers[1].feed_forward.router.bias.copy_(torch.arange(8) / 1000 + 1)
    save_pretrained(decoder, tmp_path)
    bias = from_pretrained(tmp_path, dtype=torch.bfloat16).layers[1].feed_forward.router.bias
    assert bias.dtype == torch.float32
    assert bias[3] == torch.tensor(1.003)


def test_multi_token_prediction_lies_where_deepseek_puts_it(tmp_path):
    decoder = new_decoder(small_config(**MTP), seed=1)
    save_pretrained(decoder, tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    extra = {name.removeprefix("model.layers.3.") for name in tensors if name.startswith("model.layers.3.")}
    assert {"embed_tokens.weight", "enorm.weight", "hnorm.weight", "eh_proj.weight"} <= extra
    assert {"shared_head.norm.weight", "shared_head.head.weight", "mlp.experts.3.down_proj.weight"} <= extra
    tokens = torch.arange(3, 15)[None]
    again = from_pretrained(tmp_path)
    assert torch.equal(again(tokens, look_ahead=True).ahead[0], decoder(tokens, look_ahead=True).ahead[0])
    # Without those tensors, as transformers writes them, the rest is read all the same.
    save_file(
        {name: value for name, value in tensors.items() if not name.startswith("model.layers.3.")},
        tmp_path / "model.safetensors",
    )
    assert from_pretrained(tmp_path).config.num_mtp_layers == 0


def test_a_rewritten_folder_keeps_no_old_shard(folder):
    assert len(list(folder.glob("*.safetensors"))) > 1
    save_pretrained(from_pretrained(folder), folder)
    assert [file.name for file in folder.glob("*.safetensors*")] == ["model.safetensors"]


def test_the_end_tokens_are_written_for_generation(folder):
    assert json.loads((folder / "generation_config.json").read_text()) == {"eos_token_id": [2], "pad_token_id": 0}


# -- damage ---------------------------------------------------------------------------------------------------------


def test_missing_shards_are_named(folder):
    shards = sorted(folder.glob("model-*.safetensors"))
    shards[1].unlink()
    with pytest.raises(InputError, match=rf"1 of {len(shards)} shards are missing: {shards[1].name}; fetch them"):
        from_pretrained(folder)


def test_missing_files_are_named(folder, tmp_path):
    with pytest.raises(InputError, match=r"nowhere: no such folder; give the folder that holds config.json"):
        from_pretrained(tmp_path / "nowhere")
    for file in folder.glob("model*"):
        file.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(InputError, match=r"pytorch_model\.bin is a pickle and is not read"):
        from_pretrained(folder)
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match=r"config\.json is missing"):
        from_pretrained(folder)


def test_a_cut_off_file_is_named(folder):
    shard = sorted(folder.glob("model-*.safetensors"))[0]
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(ModelError, match=rf"{shard.name}: damaged weights: .*; fetch the file again"):
        from_pretrained(folder)


def test_a_damaged_index_is_named(folder):
    (folder / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(InputError, match="no weight_map in it"):
        from_pretrained(folder)
    (folder / "model.safetensors.index.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        from_pretrained(folder)


def change(folder, **settings):
    data = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(data | settings))


def test_weights_that_do_not_fit_the_settings_are_named(folder):
    change(folder, intermediate_size=50)
    with pytest.raises(
        ModelError, match=r"mlp\.\w+_proj\.weight has shape \[.*48.*\], config\.json asks for \[.*50.*\]"
    ):
        from_pretrained(folder)
    change(folder, intermediate_size=48, num_hidden_layers=4)
    with pytest.raises(
        ModelError,
        match=r"9 tensors are missing: model\.layers\.3\..*; config\.json asks for a llama model of 4 layers",
    ):
        from_pretrained(folder)
    change(folder, num_hidden_layers=2)
    with pytest.raises(ModelError, match=r"9 tensors belong to no parameter: .*a llama model of 2 layers"):
        from_pretrained(folder)


def test_settings_that_are_missing_are_named(folder):
    data = json.loads((folder / "config.json").read_text())
    del data["hidden_size"]
    (folder / "config.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"config\.json: config\.json of a llama model lacks 'hidden_size'"):
        load_config(folder)


def test_unknown_dtypes_are_named(folder):
    with pytest.raises(InputError, match="dtype 'int4' is unknown; known: float32"):
        from_pretrained(folder, dtype="int4")
    with pytest.raises(InputError, match="dtype 'int8' is unknown; known: float32"):
        from_pretrained(folder, dtype=torch.int8)
    with pytest.raises(InputError, match="device 'tpu' is unknown; use cpu"):
        from_pretrained(folder, device="tpu")


# -- memory ---------------------------------------------------------------------------------------------------------

MEASURE = """
import sys, torch
from trivium.core_model.checkpoint import from_pretrained
torch.set_num_threads(1)
def memory(name):
    return int(next(line for line in open("/proc/self/status") if line.startswith(name)).split()[1]) * 1024
from_pretrained(sys.argv[1])  # a tiny one: torch imports 150 MB of itself with the first model
before = memory("VmRSS")
decoder = from_pretrained(sys.argv[2])
print(memory("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_reading_needs_the_size_of_the_model_and_little_more(tmp_path):
    """Peak resident memory, pages of the mapped file included, against the size of the weights in one file."""
    config = small_config(
        "experts", dim=256, hidden_dim=1024, expert_dim=512, num_experts=32, num_layers=5, vocab_size=16_384
    )
    decoder = empty_decoder(config, dtype=torch.bfloat16, device="cpu")
    for parameter in decoder.parameters():
        parameter.data.fill_(0.5)
    save_pretrained(decoder, tmp_path)
    save_pretrained(new_decoder(small_config("experts"), seed=1), tmp_path / "tiny")
    size = sum(file.stat().st_size for file in tmp_path.glob("*.safetensors"))
    assert size > 100 * 2**20
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "tiny"), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(run.stdout) <= 1.1 * size
