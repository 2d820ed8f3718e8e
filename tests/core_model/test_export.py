"""A checkpoint in another layout and back: the same logits, the same tokenizer files, and what cannot be said."""

import pytest
import torch
from safetensors import SafetensorError
from tests.core_model.small import small_config

from trivium.core_model import checkpoint
from trivium.core_model.checkpoint import from_pretrained, save_pretrained
from trivium.core_model.decoder import new_decoder
from trivium.core_model.export import export
from trivium.core_model.tokenizer import Tokenizer
from trivium.service.errors import InputError

MIXTRAL = {"num_experts": 4, "experts_per_token": 2, "expert_dim": 16, "hidden_dim": 0}
TOKENS = torch.tensor([[3, 9, 27, 81]])


def write(folder, kind="grouped", **changes):
    save_pretrained(new_decoder(small_config(kind, **changes), seed=1), folder)
    Tokenizer.builtin().save(folder)


def test_to_another_family_in_shards_and_back(tmp_path):
    write(tmp_path / "ours", **MIXTRAL)
    files = export(tmp_path / "ours", tmp_path / "theirs", family="mixtral", shard_bytes=20_000)
    assert files == ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]
    assert len(list((tmp_path / "theirs").glob("model-*-of-*.safetensors"))) > 2
    export(tmp_path / "theirs", tmp_path / "back", family="trivium")
    models = [from_pretrained(tmp_path / name) for name in ("ours", "theirs", "back")]
    assert [model.config.family for model in models] == ["trivium", "mixtral", "trivium"]
    logits = [model(TOKENS).logits for model in models]
    assert torch.equal(logits[0], logits[1])
    assert torch.equal(logits[0], logits[2])
    for name in files:
        assert (tmp_path / "back" / name).read_bytes() == (tmp_path / "ours" / name).read_bytes()


def test_to_another_dtype(tmp_path):
    write(tmp_path / "ours")
    export(tmp_path / "ours", tmp_path / "small", dtype="bfloat16")
    small = from_pretrained(tmp_path / "small")
    assert small.embedding.weight.dtype == torch.bfloat16
    assert torch.equal(small.embedding.weight, from_pretrained(tmp_path / "ours").embedding.weight.bfloat16())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"family": "gpt"}, "family 'gpt' is unknown; known: trivium, llama"),
        ({"dtype": "int4"}, "dtype 'int4' is unknown; known: float32"),
        ({"out": "ours"}, "model and out are the same folder"),
        ({"out": "ours/config.json"}, "config.json: out is a file; name a folder"),
        ({"family": "mixtral"}, "a mixtral checkpoint cannot say num_experts = 0"),
    ],
)
def test_what_cannot_be_written_is_named_and_nothing_is(tmp_path, changes, message):
    write(tmp_path / "ours")
    given = {"out": "out"} | changes
    with pytest.raises(InputError, match=message):
        export(tmp_path / "ours", tmp_path / given.pop("out"), **given)
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    write(tmp_path / "ours")
    monkeypatch.setattr(checkpoint, "save_file", refuse)
    with pytest.raises(InputError, match=r"half/model\.safetensors: cannot be written \(I/O error: No space left"):
        export(tmp_path / "ours", tmp_path / "half", dtype="bfloat16")
