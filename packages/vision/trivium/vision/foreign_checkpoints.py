"""Read networks that others trained: checkpoints in the layouts of torchxrayvision, timm and
DINOv2 as Hugging Face stores it (RAD-DINO), as timm networks.

Only tensors are read; a file that needs code to be run while it loads (a pickled module) is refused. Nothing is
downloaded. What such a network was trained on, and whether its licence allows your use, is yours to know.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models.densenet import DenseNet
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from trivium.service.errors import InputError, ModelError

__all__ = ["XRV_PATHOLOGIES", "read_dinov2", "read_state", "read_timm", "read_xrv"]

# The outputs of torchxrayvision's own checkpoints, in their order (Cohen et al., MIDL 2022).
XRV_PATHOLOGIES = (
    "Atelectasis",
    "Consolidation",
    "Infiltration",
    "Pneumothorax",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Effusion",
    "Pneumonia",
    "Pleural_Thickening",
    "Cardiomegaly",
    "Nodule",
    "Mass",
    "Hernia",
    "Lung Lesion",
    "Fracture",
    "Lung Opacity",
    "Enlarged Cardiomediastinum",
)
_WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model")
_LAYER = re.compile(r"features\.denseblock(\d+)\.denselayer(\d+)\.")
_OLD_NAME = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")  # torchvision before 0.3
_DINOV2_NAMES = (
    ("embeddings.cls_token", "cls_token"),
    ("embeddings.position_embeddings", "pos_embed"),
    ("embeddings.patch_embeddings.projection.", "patch_embed.proj."),
    ("encoder.layer.", "blocks."),
    (".attention.output.dense.", ".attn.proj."),
    (".layer_scale1.lambda1", ".ls1.gamma"),
    (".layer_scale2.lambda1", ".ls2.gamma"),
    ("layernorm.", "norm."),
)
_PARTS = ("query", "key", "value")


def read_xrv(path: Path) -> nn.Module:
    """Return a DenseNet of torchxrayvision's layout as timm's, in evaluation mode.

    It reads `(B, 1, H, W)`, 224 px, tones from -1024 (air) to 1024, and gives logits in the order of
    `XRV_PATHOLOGIES` when it has 18 outputs. Growth and depths are taken from the tensors; the stem is twice as
    wide as the growth, as in every DenseNet that is published.

    Raises:
        InputError: if the file cannot be read, or holds no such network.
        ModelError: if its tensors do not fit one another.
    """
    state = {_OLD_NAME.sub(r"\1\2.", name): value for name, value in read_state(path).items()}
    state = {name: value for name, value in state.items() if name.startswith(("features.", "classifier."))}
    layers = [(int(one[1]), int(one[2])) for name in state if (one := _LAYER.match(name))]
    try:
        stem, first = state["features.conv0.weight"], "features.denseblock1.denselayer1"
        growth = state[f"{first}.conv2.weight"].shape[0]
        depths = tuple(max(layer for block, layer in layers if block == one) for one in range(1, max(layers)[0] + 1))
        net = DenseNet(
            growth_rate=growth,
            block_config=depths,
            bn_size=state[f"{first}.conv1.weight"].shape[0] // growth,
            in_chans=stem.shape[1],
            num_classes=state["classifier.weight"].shape[0],
        )
    except (KeyError, ValueError) as error:
        raise InputError(f"holds no DenseNet of torchxrayvision ({error})", where=str(path)) from error
    return _filled(net, state, path)


def read_timm(folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Return a network in the layout in which timm publishes, and what its `config.json` says of its input.

    The folder holds `config.json` (`architecture`, `num_classes`, `pretrained_cfg` with `input_size`, `mean`, `std`)
    and `model.safetensors` or `pytorch_model.bin`.

    Raises:
        InputError: if a file is missing or cannot be read, or timm does not know the architecture.
        ModelError: if the tensors do not fit it.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        architecture = str(config["architecture"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"cannot be read ({error})", where=str(path), hint="give a folder as timm's save_for_hf writes it"
        ) from error
    if not timm.is_model(architecture):
        raise InputError(f"timm knows no {architecture!r}", where=str(path), hint="timm.list_models() has the names")
    files = [folder / name for name in ("model.safetensors", "pytorch_model.bin") if (folder / name).is_file()]
    if not files:
        raise InputError("has neither model.safetensors nor pytorch_model.bin", where=str(folder))
    about = dict(config.get("pretrained_cfg") or {})
    channels = int((about.get("input_size") or [3])[0])
    state = read_state(files[0])
    net = timm.create_model(
        architecture, num_classes=int(config.get("num_classes", about.get("num_classes", 1000))), in_chans=channels
    )
    return _filled(net, state, files[0]), about


def read_dinov2(folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Return a vision transformer in Hugging Face's layout of DINOv2, such as RAD-DINO, and what it says of its input.

    RAD-DINO (Perez-Garcia et al., Nature Machine Intelligence 2025) is such a network, trained on chest films. The
    folder holds `config.json` and `model.safetensors` or `pytorch_model.bin`; from `preprocessor_config.json` come
    `mean` and `std`. The network gives tokens by `forward_features`; `ImageEncoder` hands them to the core.

    Raises:
        InputError: if a file is missing or cannot be read, or the network has gated layers, which are not read.
        ModelError: if the tensors do not fit.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        preparing = folder / "preprocessor_config.json"
        about = json.loads(preparing.read_text(encoding="utf-8")) if preparing.is_file() else {}
        net = VisionTransformer(
            img_size=config["image_size"],
            patch_size=config["patch_size"],
            in_chans=config.get("num_channels", 3),
            embed_dim=config["hidden_size"],
            depth=config["num_hidden_layers"],
            num_heads=config["num_attention_heads"],
            mlp_ratio=config.get("mlp_ratio", 4),
            qkv_bias=config.get("qkv_bias", True),
            init_values=1.0,
            num_classes=0,
            dynamic_img_size=True,
        )
        size = int(config["image_size"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"cannot be read ({error})", where=str(path), hint="give a folder as transformers writes DINOv2"
        ) from error
    if config.get("use_swiglu_ffn"):
        raise InputError("has gated layers (use_swiglu_ffn), which are not read", where=str(path))
    files = [folder / name for name in ("model.safetensors", "pytorch_model.bin") if (folder / name).is_file()]
    if not files:
        raise InputError("has neither model.safetensors nor pytorch_model.bin", where=str(folder))
    channels = int(config.get("num_channels", 3))
    said = {
        "input_size": [channels, size, size],
        "mean": about.get("image_mean", [0.5]),
        "std": about.get("image_std", [0.5]),
    }
    return _filled(net, _from_dinov2(read_state(files[0])), files[0]), said


def _from_dinov2(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors under timm's names: query, key and value as one; what masks patches in training left out."""
    renamed: dict[str, Tensor] = {}
    for name, value in state.items():
        name = name.removeprefix("dinov2.")
        if name == "embeddings.mask_token":
            continue
        for theirs, ours in _DINOV2_NAMES:
            name = name.replace(theirs, ours)
        renamed[name] = value
    joined = {name: value for name, value in renamed.items() if ".attention.attention." not in name}
    for name in renamed:
        if ".attention.attention.query." in name:
            parts = [renamed[name.replace("query", part)] for part in _PARTS if name.replace("query", part) in renamed]
            joined[name.replace(".attention.attention.query.", ".attn.qkv.")] = torch.cat(parts)
    return joined


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name, without the wrappers that training scripts put around them.

    Raises:
        InputError: if it cannot be read, or is more than tensors.
    """
    try:
        stored = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except UnpicklingError as error:
        raise InputError(
            "is a pickled object, which could run code while it loads",
            where=str(path),
            hint="where you trust it, save model.state_dict() and give that file",
        ) from error
    except (OSError, RuntimeError, SafetensorError, EOFError) as error:
        raise InputError(f"cannot be read ({str(error).splitlines()[0]})", where=str(path)) from error
    for key in _WRAPPERS:
        if isinstance(stored, dict) and isinstance(stored.get(key), dict):
            stored = stored[key]
    state = {
        name.removeprefix("module."): value
        for name, value in (stored.items() if isinstance(stored, dict) else ())
        if isinstance(value, Tensor)
    }
    if not state:
        raise InputError("holds no tensors by name", where=str(path))
    return state


def _filled(net: nn.Module, state: dict[str, Tensor], path: Path) -> nn.Module:
    """Give a network its tensors; every one of them, and no other."""
    try:
        missing, unknown = net.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ModelError(f"does not fit ({str(error).splitlines()[-1].strip()})", where=str(path)) from error
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unknown:
        wrong = f"lacks {missing[0]}" if missing else f"has {unknown[0]}, which the network does not"
        raise ModelError(wrong, where=str(path))
    return net.eval()
