"""The core: a mixture-of-experts decoder that reads like the paper, and checkpoints in the layouts others use.

    from trivium.core_model import Tokenizer, from_pretrained, generate_text
    model = from_pretrained("folder", dtype=torch.bfloat16, device="cuda")
    logits = model(input_ids).logits
    texts = generate_text(model, Tokenizer.from_folder("folder"), ["Once upon a time"])

Importing this package imports neither torch nor transformers; a name is resolved when it is first used.
"""

import importlib
from typing import Any

from trivium.core_model.config import BalanceConfig, ModelConfig, RopeScaling

_LAZY = {
    "Balancer": "moe.balance",
    "ModalityEncoder": "encoder",
    "MultimodalDecoder": "multimodal",
    "read_multimodal": "multimodal_folder",
    "save_multimodal": "multimodal_folder",
    "Decoder": "decoder",
    "new_decoder": "decoder",
    "next_token_loss": "decoder",
    "from_pretrained": "checkpoint",
    "save_pretrained": "checkpoint",
    "Sampling": "generate",
    "generate_text": "generate",
    "stream_text": "generate",
    "Tokenizer": "tokenizer",
    "use_backend": "moe.experts",
    "upcycle": "upcycling",
    "upcycle_low_rank": "upcycling",
}

__all__ = ["BalanceConfig", "ModelConfig", "RopeScaling", *_LAZY]


def __getattr__(name: str) -> Any:
    """Import the module of a public name."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
