"""Images to tokens for the core: any network of timm as a `ModalityEncoder`, one token a patch or a place of its map.

    net, about = read_timm(folder)                      # or timm.create_model, or Lite0 with ImageNet's weights
    model = MultimodalDecoder(decoder, {"image": ImageEncoder(net, about["mean"], about["std"])}, placeholders)

The projector into the decoder's width is the core's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trivium.service.errors import ModelError

__all__ = ["ImageEncoder"]


class ImageEncoder(nn.Module):
    """Gives the features of a network before its pooling.

    Args:
        net: of timm, convolutional (channels first) or a vision transformer.
        mean: of the tones it was trained on, one for each channel or one for all.
        std: their spread.

    Raises:
        ModelError: if the network gives features of no known layout.
    """

    def __init__(self, net: nn.Module, mean: Sequence[float] = (0.5,), std: Sequence[float] = (0.5,)) -> None:
        super().__init__()
        if not hasattr(net, "forward_features") or not hasattr(net, "num_features"):
            raise ModelError(f"{type(net).__name__} is no network of timm", hint="give one of timm.create_model")
        self.net = net
        self.dim = int(net.num_features)
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def encode(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Encode images `(B, C, H, W)` in [0, 1]; one channel is repeated where the network reads three.

        Returns:
            Tokens `(B, N, D)`, row after row, and a mask of the same N, all True: every place is real.
        """
        x = (batch - self.mean) / self.std
        if x.shape[1] == 1 and getattr(self.net, "in_chans", 3) == 3:
            x = x.expand(-1, 3, -1, -1)
        x = self.net.forward_features(x)
        if x.ndim == 4 and x.shape[1] == self.dim:
            tokens = x.flatten(2).transpose(1, 2)  # (B, h * w, D)
        elif x.ndim == 3 and x.shape[2] == self.dim:
            tokens = x[:, getattr(self.net, "num_prefix_tokens", 0) :]  # without class and register tokens
        else:
            raise ModelError(f"features of shape {tuple(x.shape)} are neither a map nor tokens of width {self.dim}")
        return tokens, torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
