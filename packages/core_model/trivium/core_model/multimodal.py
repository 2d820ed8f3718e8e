"""One decoder, any modality: tokens of encoders take the places that a text keeps for them.

    model = MultimodalDecoder(decoder, {"image": encoder}, Tokenizer.builtin().placeholders)
    ids = expand_placeholders(tokenizer.encode("Describe <|image|> briefly."), {image_id: [49]})
    logits = model(torch.tensor([ids]), {"image": pictures}).logits

A text holds one placeholder token per encoder token; `expand_placeholders` writes them. Items of a modality fill the
places in reading order, row after row, and an item never lies across two rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from trivium.core_model.decoder import Decoder, DecoderOutput, reset_module
from trivium.core_model.encoder import ModalityEncoder
from trivium.service.errors import InputError

__all__ = ["MultimodalDecoder", "Projector", "expand_placeholders", "place_tokens"]


class Projector(nn.Module):
    """Bring encoder tokens to the width of the decoder: norm, linear, GELU, linear (LLaVA-1.5, arXiv 2310.03744)."""

    def __init__(self, encoder_dim: int, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(encoder_dim)
        self.inner = nn.Linear(encoder_dim, dim)
        self.outer = nn.Linear(dim, dim)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Map `(..., encoder_dim)` to `(..., dim)`."""
        return self.outer(nn.functional.gelu(self.inner(self.norm(tokens))))


class MultimodalDecoder(nn.Module):
    """A decoder whose input may hold tokens of encoders.

    Args:
        decoder: its embedding serves all other tokens.
        encoders: by modality; those that are modules learn with the decoder unless frozen.
        placeholders: token id of each modality, as `Tokenizer.placeholders` gives them.
        seed: of the projectors' weights.

    Raises:
        InputError: if a modality has no placeholder token.
    """

    def __init__(
        self,
        decoder: Decoder,
        encoders: Mapping[str, ModalityEncoder],
        placeholders: Mapping[str, int],
        *,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if homeless := sorted(set(encoders) - set(placeholders)):
            raise InputError(
                f"no placeholder token for {', '.join(homeless)}", hint=f"known: {', '.join(placeholders) or 'none'}"
            )
        self.decoder = decoder
        self.encoders = dict(encoders)
        self.placeholders = {modality: placeholders[modality] for modality in encoders}
        for modality, encoder in encoders.items():
            if isinstance(encoder, nn.Module):
                self.add_module(f"{modality}_encoder", encoder)
        weight = decoder.embedding.weight
        dim = decoder.config.dim
        self.projectors = nn.ModuleDict({name: Projector(encoder.dim, dim) for name, encoder in encoders.items()})
        self.projectors.to(device=weight.device, dtype=weight.dtype)
        generator = torch.Generator(weight.device).manual_seed(seed)
        for module in self.projectors.modules():
            reset_module(module, decoder.config.init_std, generator)

    def forward(
        self, input_ids: torch.Tensor, items: Mapping[str, Any] | None = None, **settings: Any
    ) -> DecoderOutput:
        """Predict the token after each one.

        Args:
            input_ids: (B, T) int64, one placeholder for each encoder token.
            items: a batch for the encoder of each modality that occurs.
            settings: further arguments of `Decoder.forward`.

        Raises:
            InputError: as `embed`.
        """
        return self.decoder(inputs_embeds=self.embed(input_ids, items), **settings)

    def embed(self, input_ids: torch.Tensor, items: Mapping[str, Any] | None = None) -> torch.Tensor:
        """Return `(B, T, D)`: embedded ids, and projected encoder tokens at the placeholders.

        Raises:
            InputError: if a modality is unknown, an encoder gives another shape than it promised, or the numbers of
                placeholders and tokens differ; the message names both.
        """
        items = items or {}
        if strange := sorted(set(items) - set(self.encoders)):
            raise InputError(
                f"no encoder for {', '.join(strange)}", hint=f"known: {', '.join(self.encoders) or 'none'}"
            )
        embedded = self.decoder.embedding(input_ids)
        for modality, placeholder in self.placeholders.items():
            places = input_ids == placeholder
            if modality not in items:
                if missing := int(places.sum()):
                    raise InputError(f"{missing} placeholders for {modality}, but none was given")
                continue
            tokens, mask = self.encoders[modality].encode(items[modality])
            _check_shapes(modality, self.encoders[modality].dim, tokens, mask)
            _check_counts(modality, places.sum(dim=1).tolist(), mask.sum(dim=1).tolist())
            projector = self.projectors[modality]
            real = tokens[mask].to(projector.norm.weight.dtype)  # (R, encoder dim)
            embedded = place_tokens(embedded, places, projector(real))
        return embedded


def place_tokens(embedded: torch.Tensor, places: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Return a copy of `(B, T, D)` with the R tokens `(R, D)` at the R true places of `(B, T)`, in reading order."""
    return embedded.masked_scatter(places[:, :, None], tokens.to(embedded.dtype))


def expand_placeholders(ids: Sequence[int], counts: Mapping[int, Sequence[int]]) -> list[int]:
    """Write each placeholder as often as its item has tokens.

    Args:
        ids: a text with one placeholder per item.
        counts: tokens of each item in reading order, by placeholder id.

    Raises:
        InputError: if a placeholder occurs more or less often than it has items.
    """
    for placeholder, sizes in counts.items():
        if (found := list(ids).count(placeholder)) != len(sizes):
            raise InputError(f"the text has {found} placeholders {placeholder}, but {len(sizes)} items were given")
    waiting = {placeholder: iter(sizes) for placeholder, sizes in counts.items()}
    expanded: list[int] = []
    for token in ids:
        expanded.extend([token] * (next(waiting[token]) if token in waiting else 1))
    return expanded


def _check_shapes(modality: str, dim: int, tokens: torch.Tensor, mask: torch.Tensor) -> None:
    if tokens.ndim != 3 or tokens.shape[2] != dim or mask.shape != tokens.shape[:2] or mask.dtype != torch.bool:
        raise InputError(
            f"the {modality} encoder gave tokens {tuple(tokens.shape)} and a {mask.dtype} mask {tuple(mask.shape)}, "
            f"not (B, N, {dim}) and a bool mask (B, N)"
        )


def _check_counts(modality: str, places: list[int], tokens: list[int]) -> None:
    """Hold the number of placeholders per row against the number of tokens per item."""
    if sum(places) != sum(tokens):
        raise InputError(
            f"{sum(places)} placeholders for {modality}, but {sum(tokens)} tokens of {len(tokens)} items",
            hint="write one placeholder per token; expand_placeholders does",
        )
    item, filled = 0, 0
    for row, wanted in enumerate(places, start=1):
        filled = 0
        while filled < wanted:
            filled += tokens[item]
            item += 1
        if filled != wanted:
            raise InputError(
                f"row {row} has {wanted} placeholders for {modality}, but its items have {filled} tokens",
                hint="items fill rows in order and never lie across two",
            )
