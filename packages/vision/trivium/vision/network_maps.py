"""Where any network of timm looks: Grad-CAM, attention rollout, occlusion; and whether a map is faithful to its score.

For networks that a user brings (`foreign_checkpoints.py`). The classifier that ships has a map of its own, in
`evidence_maps.py`, which points better than occlusion does there (docs/experiments.md). All maps are as large as the
pictures and not below 0; what they are worth for a network `faithfulness` says, beside a random order of places.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from trivium.service.errors import ModelError

__all__ = ["Faithfulness", "attention_rollout", "faithfulness", "grad_cam", "occlusion"]

Scores = Callable[[Tensor], Tensor]  # pictures (B, C, H, W) to scores (B, L)


def grad_cam(net: nn.Module, pictures: Tensor, column: int) -> Tensor:
    """Return `(B, H, W)`: the last map of a convolutional network, weighed by what each channel adds to a score.

    Selvaraju et al., ICCV 2017.

    Args:
        net: of timm, in evaluation mode.
        pictures: (B, C, H, W) as the network takes them.
        column: of the network's output.

    Raises:
        ModelError: if its features are no map.
    """
    with torch.enable_grad():
        features = net.forward_features(pictures).detach().requires_grad_()
        if features.ndim != 4:
            raise ModelError(f"{type(net).__name__} gives tokens, not a map", hint="use attention_rollout or occlusion")
        score = net.forward_head(features)[:, column].sum()
        (slopes,) = torch.autograd.grad(score, features)
    maps = torch.relu((slopes.mean((2, 3), keepdim=True) * features).sum(1, keepdim=True)).detach()
    return _enlarged(maps, pictures)


@torch.no_grad()
def attention_rollout(net: nn.Module, pictures: Tensor) -> Tensor:
    """Return `(B, H, W)`: how much of each patch reaches the class token, or the mean token where there is none.

    Abnar and Zuidema, ACL 2020: attention of all layers multiplied, heads averaged, half of each layer the residual. It
    is the same for every output.

    Raises:
        ModelError: if the network is no vision transformer of timm.
    """
    blocks = getattr(net, "blocks", ())
    layers = [block.attn for block in blocks if hasattr(getattr(block, "attn", None), "q_norm")]
    if not layers or len(layers) != len(blocks):
        raise ModelError(f"{type(net).__name__} is no vision transformer of timm", hint="use grad_cam or occlusion")
    seen: list[Tensor] = []
    hooks = [one.register_forward_pre_hook(lambda layer, args: seen.append(_shares(layer, args[0]))) for one in layers]
    try:
        net.forward_features(pictures)
    finally:
        for hook in hooks:
            hook.remove()
    reach = torch.eye(seen[0].shape[1]).expand_as(seen[0])
    for share in seen:
        reach = (0.5 * share + 0.5 * torch.eye(share.shape[1])) @ reach
    prefix = int(getattr(net, "num_prefix_tokens", 0))
    row = (reach[:, 0] if prefix else reach.mean(1))[:, prefix:]  # (B, patches)
    high, wide = net.patch_embed.patch_size
    return _enlarged(row.view(len(row), 1, pictures.shape[2] // high, pictures.shape[3] // wide), pictures)


@torch.no_grad()
def occlusion(scores: Scores, picture: Tensor, usual: Tensor, column: int, side: int = 8) -> Tensor:
    """Return `(H, W)`: by how much a score falls when a square is replaced by what is usual there, 0 where it rises.

    Zeiler and Fergus, ECCV 2014; squares do not overlap.

    Args:
        picture: (C, H, W).
        usual: (C, H, W), such as the mean picture.
        side: of a square, in pixels.
    """
    _, height, width = picture.shape
    corners = [(top, left) for top in range(0, height, side) for left in range(0, width, side)]
    covered = picture.repeat(len(corners), 1, 1, 1)
    for one, (top, left) in zip(covered, corners, strict=True):
        one[:, top : top + side, left : left + side] = usual[:, top : top + side, left : left + side]
    falls = torch.relu(scores(picture[None])[0, column] - scores(covered)[:, column])
    rows, columns = -(-height // side), -(-width // side)
    large = falls.view(rows, columns).repeat_interleave(side, 0).repeat_interleave(side, 1)
    return large[:height, :width]


class Faithfulness(NamedTuple):
    """Mean score along the way: `deletion` is low and `insertion` high where the first places carry the score."""

    deletion: float
    insertion: float


@torch.no_grad()
def faithfulness(
    scores: Scores, picture: Tensor, usual: Tensor, order: Tensor, column: int, steps: int = 16
) -> Faithfulness:
    """Replace places by what is usual, or put them back, the strongest of a map first (Petsiuk et al., BMVC 2018).

    Args:
        picture: (C, H, W).
        usual: (C, H, W).
        order: (H, W), a map, or random numbers to compare it with.
    """
    ranks = torch.argsort(torch.argsort(order.flatten(), descending=True, stable=True)).view(order.shape)
    limits = torch.linspace(0, order.numel(), steps + 1)
    taken = (ranks[None] < limits[:, None, None])[:, None]  # (steps + 1, 1, H, W)
    deleted, inserted = torch.where(taken, usual, picture), torch.where(taken, picture, usual)
    return Faithfulness(float(scores(deleted)[:, column].mean()), float(scores(inserted)[:, column].mean()))


def _shares(attention: nn.Module, tokens: Tensor) -> Tensor:
    """Return `(B, N, N)`: what a layer of timm attends to from each token, the mean of its heads."""
    batch, count, _ = tokens.shape
    heads = int(attention.num_heads)
    joined = attention.qkv(tokens).view(batch, count, 3, heads, -1).permute(2, 0, 3, 1, 4)
    queries, keys = attention.q_norm(joined[0]), attention.k_norm(joined[1])
    mean: Tensor = (queries * attention.scale @ keys.transpose(-2, -1)).softmax(-1).mean(1)
    return mean


def _enlarged(maps: Tensor, pictures: Tensor) -> Tensor:
    size = (pictures.shape[2], pictures.shape[3])
    return functional.interpolate(maps, size, mode="bilinear", align_corners=False)[:, 0]
