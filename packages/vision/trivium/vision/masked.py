"""A masked autoencoder of films: a small vision transformer that learns from films without labels.

He et al. (CVPR 2022): three quarters of the patches are hidden, the encoder sees the rest alone, and a lighter decoder
says what the hidden ones show; the error counts on those. Afterwards the encoder alone gives tokens, as any
`ModalityEncoder`. Not for training: `pretrain.py` does that.
"""

from __future__ import annotations

import torch
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from trivium.vision.films import SIDE

__all__ = ["PATCH", "MaskedAutoencoder"]

PATCH = 8
_PATCHES = (SIDE // PATCH) ** 2


class MaskedAutoencoder(nn.Module):
    """Encodes standard films in patches of 8 x 8 pixels.

    Args:
        dim: width of a token.
        depth: blocks of the encoder.
        heads: of its attention.
        decoder_dim: width of the decoder.
        decoder_depth: its blocks.
        hidden: share of patches that are hidden in training.
    """

    def __init__(
        self,
        dim: int = 128,
        depth: int = 6,
        heads: int = 4,
        decoder_dim: int = 64,
        decoder_depth: int = 2,
        hidden: float = 0.75,
    ) -> None:
        super().__init__()
        self.dim, self.kept = dim, max(1, round(_PATCHES * (1 - hidden)))
        self.patches = nn.Linear(PATCH**2, dim)
        self.places = nn.Parameter(torch.randn(_PATCHES, dim) * 0.02)
        self.encoder = nn.Sequential(*(Block(dim, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(dim)
        self.narrow = nn.Linear(dim, decoder_dim)
        self.decoder_places = nn.Parameter(torch.randn(_PATCHES, decoder_dim) * 0.02)
        self.unseen = nn.Parameter(torch.zeros(decoder_dim))
        self.decoder = nn.Sequential(*(Block(decoder_dim, heads) for _ in range(decoder_depth)))
        self.pixels = nn.Sequential(nn.LayerNorm(decoder_dim), nn.Linear(decoder_dim, PATCH**2))

    def encode(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Return tokens `(B, 64, D)` of films `(B, 1, 64, 64)` in [0, 1], row after row, and a mask, all True."""
        tokens = self.norm(self.encoder(self.patches(_cut(batch) - 0.5) + self.places))
        return tokens, torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)

    def forward(self, films: Tensor, generator: torch.Generator) -> Tensor:
        """Return the mean squared error on hidden patches, each with mean 0 and spread 1.

        Args:
            films: (B, 1, 64, 64) in [0, 1].
            generator: draws what is hidden; on the device of the films.
        """
        cut = _cut(films)  # (B, P, 64)
        order = torch.rand(cut.shape[:2], generator=generator, device=cut.device).argsort(1)
        seen = order[:, : self.kept, None]  # (B, K, 1)
        x = (self.patches(cut - 0.5) + self.places).gather(1, seen.expand(-1, -1, self.dim))
        x = self.narrow(self.norm(self.encoder(x)))
        whole = self.unseen.expand(*cut.shape[:2], -1).to(x.dtype)
        whole = whole.scatter(1, seen.expand(-1, -1, x.shape[2]), x) + self.decoder_places
        told = self.pixels(self.decoder(whole)).float()
        goal = (cut - cut.mean(2, keepdim=True)) / (cut.var(2, keepdim=True) + 1e-4).sqrt()
        is_hidden = torch.ones_like(cut[..., 0]).scatter(1, seen[..., 0], 0.0)
        return (((told - goal) ** 2).mean(2) * is_hidden).sum() / is_hidden.sum()


def _cut(films: Tensor) -> Tensor:
    """Return patches `(B, 64, 64)`: number, then pixels, of films `(B, 1, 64, 64)`."""
    rows = SIDE // PATCH
    x = films[:, 0].unflatten(2, (rows, PATCH)).unflatten(1, (rows, PATCH))  # (B, r, p, r, p)
    return x.permute(0, 1, 3, 2, 4).flatten(3).flatten(1, 2)
