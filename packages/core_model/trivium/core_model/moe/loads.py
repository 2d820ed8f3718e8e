"""How much work each expert gets, and how even that is.

    # T tokens, E experts, K slots per token

A slot that no expert serves holds the id E and is counted nowhere.
"""

from __future__ import annotations

import math

import torch

__all__ = ["expert_loads", "load_entropy", "max_violation", "utilisation"]


def expert_loads(expert_ids_TK: torch.Tensor, num_experts: int) -> torch.Tensor:
    """Count how many (token, slot) pairs each expert got: `(E,)` int64, without a host sync."""
    ids = expert_ids_TK.flatten()
    counts = torch.zeros(num_experts + 1, dtype=torch.int64, device=ids.device)
    return counts.scatter_add_(0, ids, torch.ones_like(ids))[:num_experts]


def utilisation(loads_E: torch.Tensor) -> float:
    """Return mean load over largest load: 1 when all experts work alike, 1/E when one does everything."""
    return float(loads_E.float().mean() / loads_E.max().clamp(min=1))


def max_violation(loads_E: torch.Tensor) -> float:
    """Return MaxVio, `(largest - mean) / mean` (arXiv 2408.15664, equation 4): 0 when all work alike."""
    mean = loads_E.float().mean()
    return float((loads_E.max() - mean) / mean.clamp(min=1e-9))


def load_entropy(loads_E: torch.Tensor) -> float:
    """Return the entropy of the loads over ln E: 1 when all work alike, 0 when one does everything."""
    if len(loads_E) == 1:
        return 1.0
    share_E = loads_E.double() / loads_E.sum().clamp(min=1)
    return float(-torch.special.xlogy(share_E, share_E).sum() / math.log(len(loads_E)))
