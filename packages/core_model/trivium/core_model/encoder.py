"""What an encoder of any modality promises: tokens of one width, and which of them are real.

Image patches, cells of a bird's-eye view, detected objects and sensor patches all reach the decoder through this one
door; `multimodal.py` puts them at the placeholder tokens of a text. An encoder is usually an `nn.Module` of its own
package; nothing needs to be inherited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch

__all__ = ["ModalityEncoder"]


@runtime_checkable
class ModalityEncoder(Protocol):
    """Turns a batch of items of one modality (images, scans, stretches of sensor data) into tokens."""

    @property
    def dim(self) -> int:
        """Width D of a token; a plain attribute will do."""

    def encode(self, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode B items.

        Args:
            batch: whatever the encoder reads, B items of it; the same item gives the same tokens in any batch.

        Returns:
            tokens: (B, N, D), of a floating dtype, with gradient where the encoder learns. Items with fewer than N
                tokens are filled up with anything.
            mask: (B, N) bool on the same device, True for real tokens: these alone are read, in their order.
        """
