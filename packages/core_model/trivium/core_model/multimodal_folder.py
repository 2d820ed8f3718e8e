"""A decoder with encoders as one folder: the decoder as any checkpoint, and beside it what the other modalities need.

    folder/   config.json, model.safetensors, ...   the decoder, which every reader of checkpoints takes alone
              multimodal.json                        placeholders and widths, by modality
              multimodal.safetensors                 projectors, and the encoders that are modules

What an encoder is made of, its own package knows: reading takes encoders as made there and fills their weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from trivium.core_model.checkpoint import from_pretrained, save_pretrained
from trivium.core_model.encoder import ModalityEncoder
from trivium.core_model.multimodal import MultimodalDecoder
from trivium.service.errors import InputError, ModelError

__all__ = ["read_multimodal", "save_multimodal"]

_SETTINGS, _WEIGHTS = "multimodal.json", "multimodal.safetensors"


def save_multimodal(model: MultimodalDecoder, path: str | Path) -> None:
    """Write a model into a folder; files of the same names are replaced.

    Raises:
        InputError: as `save_pretrained`.
    """
    folder = Path(path)
    save_pretrained(model.decoder, folder)
    save_file({name: value.detach().cpu().contiguous() for name, value in _beside(model).items()}, folder / _WEIGHTS)
    modalities = {
        modality: {
            "placeholder": model.placeholders[modality],
            "dim": encoder.dim,
            "has_weights": _has_weights(encoder),
        }
        for modality, encoder in model.encoders.items()
    }
    text = json.dumps({"modalities": modalities}, indent=2, ensure_ascii=False)
    (folder / _SETTINGS).write_text(text + "\n", encoding="utf-8")


def read_multimodal(
    path: str | Path,
    encoders: Mapping[str, ModalityEncoder],
    *,
    dtype: torch.dtype | str | None = None,
    device: torch.device | str = "cpu",
) -> MultimodalDecoder:
    """Read what `save_multimodal` wrote, in evaluation mode.

    Args:
        path: the folder.
        encoders: by modality, made as they were for training; those that are modules get their weights here, each in
            the dtype that it has.
        dtype: of decoder and projectors; None for that of the files.
        device: of all.

    Raises:
        InputError: if a file is missing, or the encoders are not those of the folder.
        ModelError: if weights are missing, strange, of other shapes or damaged.
    """
    folder = Path(path)
    modalities = _read_settings(folder)
    _compare(modalities, encoders, folder)
    decoder = from_pretrained(folder, dtype=dtype, device=device)
    placeholders = {modality: int(about["placeholder"]) for modality, about in modalities.items()}
    model = MultimodalDecoder(decoder, {modality: encoders[modality] for modality in modalities}, placeholders)
    try:
        found = load_file(folder / _WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"damaged weights: {error}", where=str(folder / _WEIGHTS), hint="fetch it again") from None
    _fill(_beside(model), found, folder / _WEIGHTS)
    return model.to(device).eval()


def _beside(model: MultimodalDecoder) -> dict[str, torch.Tensor]:
    """Return all tensors of a model but the decoder's."""
    return {name: value for name, value in model.state_dict().items() if not name.startswith("decoder.")}


def _has_weights(encoder: ModalityEncoder) -> bool:
    return isinstance(encoder, nn.Module) and bool(encoder.state_dict())


def _read_settings(folder: Path) -> dict[str, dict[str, Any]]:
    file = folder / _SETTINGS
    if not file.is_file():
        hint = "give the folder that holds it, or read the decoder alone with from_pretrained"
        raise InputError(f"{_SETTINGS} is missing", where=str(folder), hint=hint)
    try:
        modalities = json.loads(file.read_text(encoding="utf-8"))["modalities"]
        for about in modalities.values():
            int(about["placeholder"]), int(about["dim"]), bool(about["has_weights"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"settings cannot be read: {error!r}", where=str(file), hint="fetch it again") from None
    return modalities


def _compare(
    modalities: Mapping[str, Mapping[str, Any]], encoders: Mapping[str, ModalityEncoder], folder: Path
) -> None:
    if set(encoders) != set(modalities):
        given, wanted = (", ".join(sorted(names)) or "none" for names in (encoders, modalities))
        raise InputError(f"encoders were given for {given}, the model has {wanted}", where=str(folder))
    for modality, about in modalities.items():
        encoder = encoders[modality]
        if encoder.dim != about["dim"] or _has_weights(encoder) != about["has_weights"]:
            kinds = {True: "weights", False: "no weights"}
            given, wanted = kinds[_has_weights(encoder)], kinds[about["has_weights"]]
            raise InputError(
                f"the {modality} encoder has width {encoder.dim} and {given}, the model was saved with width "
                f"{about['dim']} and {wanted}",
                where=str(folder),
                hint="make the encoder as it was made for training",
            )


@torch.no_grad()
def _fill(targets: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor], file: Path) -> None:
    if strange := sorted(set(targets) ^ set(found)):
        raise ModelError(
            f"{len(strange)} tensors are on one side only: {', '.join(strange[:5])}",
            where=str(file),
            hint="make the encoder as it was made for training",
        )
    for name, target in targets.items():
        if target.shape != found[name].shape:
            raise ModelError(
                f"{name} has shape {tuple(found[name].shape)}, the model's is {tuple(target.shape)}",
                where=str(file),
                hint="make the encoder as it was made for training",
            )
    for name, target in targets.items():
        target.copy_(found[name])
