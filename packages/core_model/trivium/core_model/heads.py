"""What a decoder's hidden states are turned into, each with its loss: classes, labels, quantiles, text.

    features = pool(model(input_ids).hidden, mask)            # (B, D)
    head = QuantileHead(D, num_targets=1, quantiles=(0.05, 0.5, 0.95))
    loss = pinball_loss(head(features), targets, head.quantiles)

Losses leave out what is missing: class -100, and NaN among labels and targets. One with nothing to count is zero and
still has a gradient, so that a batch without labels stops nothing. Losses are float32 at least.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from trivium.core_model.kernels.support import has_kernels
from trivium.service.errors import InputError

__all__ = [
    "MISSING_CLASS",
    "LinearHead",
    "QuantileHead",
    "class_loss",
    "label_loss",
    "pinball_loss",
    "pool",
    "text_loss_sum",
    "text_targets",
]

MISSING_CLASS = -100


class LinearHead(nn.Module):
    """Logits of classes (`class_loss`) or of labels that may hold together (`label_loss`).

    Args:
        dim: width of the features.
        num_outputs: classes or labels.
        dropout: share of features that training leaves out.
    """

    def __init__(self, dim: int, num_outputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Linear(dim, num_outputs)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map `(..., dim)` to `(..., num_outputs)`."""
        return self.project(self.dropout(features))


class QuantileHead(nn.Module):
    """Quantiles of each target that cannot cross: one of them, and positive steps up and down from it.

    Args:
        dim: width of the features.
        num_targets: numbers that are predicted at once.
        quantiles: in (0, 1), rising; steps start at the middle one.

    Raises:
        InputError: if the quantiles do not rise within (0, 1).
    """

    def __init__(self, dim: int, num_targets: int, quantiles: Sequence[float]) -> None:
        super().__init__()
        self.quantiles = tuple(quantiles)
        rising = all(low < high for low, high in zip(self.quantiles, self.quantiles[1:], strict=False))
        if not self.quantiles or not rising or not 0 < self.quantiles[0] <= self.quantiles[-1] < 1:
            raise InputError(f"quantiles are {self.quantiles}", hint="give rising numbers between 0 and 1")
        self.num_targets = num_targets
        self.project = nn.Linear(dim, num_targets * len(self.quantiles))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map `(..., dim)` to `(..., num_targets, quantiles)`, rising along the last."""
        raw = self.project(features).unflatten(-1, (self.num_targets, len(self.quantiles)))
        middle = len(self.quantiles) // 2
        centre = raw[..., middle : middle + 1]
        up = centre + F.softplus(raw[..., middle + 1 :]).cumsum(dim=-1)
        # Steps down are summed from the middle outwards.
        down = centre - F.softplus(raw[..., :middle]).flip(-1).cumsum(dim=-1).flip(-1)
        return torch.cat((down, centre, up), dim=-1)


def pool(hidden: torch.Tensor, mask: torch.Tensor, how: str = "last") -> torch.Tensor:
    """Make one feature vector of each row.

    Args:
        hidden: (B, T, D).
        mask: (B, T), 0 for padding on either side; each row has a real token.
        how: `last` real token, which has seen all others, or `mean` of the real ones.

    Returns:
        (B, D).
    """
    if how == "last":
        places = torch.arange(mask.shape[1], device=mask.device) * (mask != 0)
        return hidden[torch.arange(len(hidden), device=hidden.device), places.argmax(dim=1)]
    if how == "mean":
        weights = (mask != 0).to(hidden.dtype)[:, :, None]
        return torch.where(weights > 0, hidden, 0).sum(dim=1) / weights.sum(dim=1)
    raise InputError(f"pooling {how!r} is unknown", hint="known: last, mean")


def class_loss(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy.

    Args:
        logits: (..., C).
        classes: (...) int64; `MISSING_CLASS` counts for nothing.
    """
    total = F.cross_entropy(
        logits.float().flatten(0, -2), classes.flatten(), ignore_index=MISSING_CLASS, reduction="sum"
    )
    return total / (classes != MISSING_CLASS).sum().clamp(min=1)


def label_loss(
    logits: torch.Tensor, labels: torch.Tensor, positive_weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the mean binary cross-entropy over the labels that are known.

    Args:
        logits: (B, L).
        labels: (B, L) in [0, 1], NaN where nobody said.
        positive_weights: (L,) factor on what positive labels cost; None for one.
    """
    known = ~labels.isnan()
    # Zero in place of NaN before the loss, not after: NaN times zero is NaN in the gradient.
    each = F.binary_cross_entropy_with_logits(
        logits.float(),
        labels.float().where(known, torch.zeros_like(labels, dtype=torch.float32)),
        pos_weight=None if positive_weights is None else positive_weights.float(),
        reduction="none",
    )
    return (each * known).sum() / known.sum().clamp(min=1)


def pinball_loss(predicted: torch.Tensor, targets: torch.Tensor, quantiles: Sequence[float]) -> torch.Tensor:
    """Return the mean pinball loss (Koenker and Bassett 1978): least when a share q of targets lies below quantile q.

    Args:
        predicted: (..., Q), in the unit of the targets.
        targets: (...), NaN where unknown.
        quantiles: the Q of them.
    """
    known = ~targets.isnan()
    goal = targets.float().where(known, torch.zeros_like(targets, dtype=torch.float32))
    q = torch.tensor(quantiles, device=predicted.device)
    above = goal[..., None] - predicted.float()
    each = torch.maximum(q * above, (q - 1) * above) * known[..., None]
    return each.sum() / (known.sum() * len(quantiles)).clamp(min=1)


def text_targets(tokens: torch.Tensor, documents: torch.Tensor | None = None, *, shift: int = 1) -> torch.Tensor:
    """Return `(B, T)` int64, the token `shift` places on; `MISSING_CLASS` at the end of a row or of a document.

    Args:
        tokens: (B, T), `MISSING_CLASS` where a token is no target.
        documents: (B, T), which document each token belongs to; None for one per row.
        shift: 1 for the next token.
    """
    targets = torch.full_like(tokens, MISSING_CLASS)
    targets[:, :-shift] = tokens[:, shift:]
    if documents is not None:
        targets[:, :-shift].masked_fill_(documents[:, :-shift] != documents[:, shift:], MISSING_CLASS)
    return targets


def text_loss_sum(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the summed cross-entropy of `(B, T, V)` logits against `(B, T)` targets, in nats.

    A sum, so that parts of a batch add up to exactly the whole; divide by `(targets != MISSING_CLASS).sum()`.
    """
    if logits.dtype in (torch.bfloat16, torch.float16) and has_kernels(logits):
        from trivium.core_model.kernels.loss import token_losses

        return token_losses(logits.flatten(0, 1), targets.flatten()).sum()
    precise = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return F.cross_entropy(precise.flatten(0, 1), targets.flatten(), ignore_index=MISSING_CLASS, reduction="sum")
