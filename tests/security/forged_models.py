"""Model folders: weights whose headers lie, settings that ask for the moon, paths that lead outside."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Iterator
from typing import Any

from tests.security.forged_files import Evil, npz_with_pickle

SMALL: dict[str, Any] = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 8, "intermediate_size": 16,
    "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": 16,
    "max_position_embeddings": 32, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": False,
    "hidden_act": "silu", "torch_dtype": "float32",
}  # fmt: skip
WEIGHTS = "model.safetensors"


def safetensors(header: Any, body: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def _tensor(shape: list[int], start: int, end: int, kind: str = "F32") -> dict[str, Any]:
    return {"dtype": kind, "shape": shape, "data_offsets": [start, end]}


def checkpoints() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Folders of `config.json` and weights."""
    config = json.dumps(SMALL).encode()
    weights = {
        "length-2e63": safetensors({}, length=2**63),
        "length-beyond": safetensors({}, length=10**9),
        "length-0": safetensors(b"", length=0),
        "no-header": b"\x01",
        "nothing": b"",
        "header-text": safetensors(b"hello, world"),
        "header-deep": safetensors(b'{"a":' + b"[" * 100_000),
        "header-list": safetensors([1, 2]),
        "offsets-beyond": safetensors({"w": _tensor([2], 0, 800)}),
        "offsets-back": safetensors({"w": _tensor([2], 8, 0)}, bytes(8)),
        "offsets-negative": safetensors({"w": _tensor([2], -8, 0)}, bytes(8)),
        "offsets-overlap": safetensors({"a": _tensor([2], 0, 8), "b": _tensor([2], 4, 12)}, bytes(12)),
        "shape-lies": safetensors({"w": _tensor([10**9, 10**9], 0, 8)}, bytes(8)),
        "shape-negative": safetensors({"w": _tensor([-2], 0, 8)}, bytes(8)),
        "type-unknown": safetensors({"w": _tensor([2], 0, 8, "OBJECT")}, bytes(8)),
        "other-tensors": safetensors({"w": _tensor([2], 0, 8)}, bytes(8)),
        "pickle": pickle.dumps(Evil()),
        "npz": npz_with_pickle(),
    }
    for name, content in weights.items():
        yield f"weights-{name}", {"config.json": config, WEIGHTS: content}
    yield "pickle-alone", {"config.json": config, "pytorch_model.bin": pickle.dumps(Evil())}
    yield "no-config", {WEIGHTS: safetensors({})}
    whole = safetensors({"w": _tensor([2], 0, 8)}, bytes(8))
    configs: dict[str, bytes] = {
        "deep": b'{"a":' + b"[" * 100_000,
        "text": b"hello",
        "list": b"[1]",
        "digits": b'{"hidden_size": ' + b"9" * 100_000 + b"}",
        "bad-utf8": b'{"model_type": "\xff"}',
    }
    changes: dict[str, dict[str, Any]] = {
        "unknown-family": {"model_type": "evil", "architectures": ["EvilForCausalLM"]},
        "remote-code": {"model_type": "x", "auto_map": {"AutoModelForCausalLM": "evil.py--Evil"}, "architectures": []},
        "layers-1e9": {"num_hidden_layers": 10**9},
        "hidden-1e12": {"hidden_size": 10**12},
        "vocabulary-1e15": {"vocab_size": 10**15},
        "layers-negative": {"num_hidden_layers": -1},
        "heads-0": {"num_attention_heads": 0},
        "hidden-text": {"hidden_size": "eight"},
        "hidden-null": {"hidden_size": None},
    }
    configs |= {name: json.dumps(SMALL | change).encode() for name, change in changes.items()}
    for name, content in configs.items():
        yield f"config-{name}", {"config.json": content, WEIGHTS: whole}
    index = "model.safetensors.index.json"
    for name, target in (
        ("up", "../../../../etc/passwd"),
        ("absolute", "/etc/passwd"),
        ("missing", "nowhere.safetensors"),
    ):
        content = json.dumps({"weight_map": {"model.embed_tokens.weight": target}}).encode()
        yield f"index-{name}", {"config.json": config, index: content}
    yield "index-text", {"config.json": config, index: b"hello"}
    yield "index-numbers", {"config.json": config, index: b'{"weight_map": {"model.embed_tokens.weight": 7}}'}


def maintenance_models() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Folders as `trivium maintenance train` writes them, forged."""
    yield "model-nothing", {}
    for name, content in {
        "text": b"hello",
        "deep": b"[" * 100_000,
        "list": b"[]",
        "other-format": b'{"format": "evil/9"}',
        "bad-utf8": b"\xff\xfe\xfd",
    }.items():
        yield f"model-{name}", {"model.json": content}
