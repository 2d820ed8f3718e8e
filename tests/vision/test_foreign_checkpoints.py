"""Checkpoints of others, written here in their layouts with tiny random tensors."""

import json
import re
from collections import OrderedDict

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from trivium.service.errors import InputError, ModelError
from trivium.vision.foreign_checkpoints import read_dinov2, read_state, read_timm, read_xrv
from trivium.vision.image_encoder import ImageEncoder


class Layer(nn.Sequential):
    """torchvision's dense layer, whose names torchxrayvision keeps."""

    def __init__(self, width, growth, bottleneck):
        super().__init__(
            OrderedDict(
                norm1=nn.BatchNorm2d(width),
                relu1=nn.ReLU(),
                conv1=nn.Conv2d(width, bottleneck * growth, 1, bias=False),
                norm2=nn.BatchNorm2d(bottleneck * growth),
                relu2=nn.ReLU(),
                conv2=nn.Conv2d(bottleneck * growth, growth, 3, padding=1, bias=False),
            )
        )

    def forward(self, x):
        return torch.cat([x, super().forward(x)], 1)


class XrvNet(nn.Module):
    """A small DenseNet in torchxrayvision's layout, written from its paper: what the reader must reproduce."""

    def __init__(self, depths=(2, 1, 3), growth=4, stem=8, bottleneck=2, outputs=18):
        super().__init__()
        layers = OrderedDict(
            conv0=nn.Conv2d(1, stem, 7, 2, 3, bias=False),
            norm0=nn.BatchNorm2d(stem),
            relu0=nn.ReLU(),
            pool0=nn.MaxPool2d(3, 2, 1),
        )
        width = stem
        for block, depth in enumerate(depths, 1):
            inside = OrderedDict()
            for layer in range(1, depth + 1):
                inside[f"denselayer{layer}"] = Layer(width, growth, bottleneck)
                width += growth
            layers[f"denseblock{block}"] = nn.Sequential(inside)
            if block < len(depths):
                layers[f"transition{block}"] = nn.Sequential(
                    OrderedDict(
                        norm=nn.BatchNorm2d(width),
                        relu=nn.ReLU(),
                        conv=nn.Conv2d(width, width // 2, 1, bias=False),
                        pool=nn.AvgPool2d(2),
                    )
                )
                width //= 2
        layers["norm5"] = nn.BatchNorm2d(width)
        self.features = nn.Sequential(layers)
        self.classifier = nn.Linear(width, outputs)
        self.register_buffer("op_threshs", torch.full((outputs,), 0.5))

    def forward(self, x):
        return self.classifier(F.relu(self.features(x)).mean((2, 3)))


@pytest.fixture
def xrv():
    generator = torch.Generator().manual_seed(2)
    net = XrvNet().eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    return net


@pytest.mark.parametrize("old_names", [False, True])
def test_a_densenet_of_torchxrayvision_gives_its_own_logits(tmp_path, xrv, old_names):
    state = xrv.state_dict()
    if old_names:
        state = {
            "module." + re.sub(r"(denselayer\d+\.)(norm|conv)([12])\.", r"\1\2.\3.", name): value
            for name, value in state.items()
        }
    torch.save({"state_dict": state}, tmp_path / "net.pt")
    x = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(1)) * 2048 - 1024
    read = read_xrv(tmp_path / "net.pt")
    with torch.no_grad():
        assert torch.allclose(read(x), xrv(x), rtol=1e-4, atol=1e-3)
    assert not read.training


def test_a_pickled_network_is_refused(tmp_path, xrv):
    torch.save(xrv, tmp_path / "net.pt")
    with pytest.raises(InputError, match="pickled object"):
        read_xrv(tmp_path / "net.pt")


def test_what_holds_no_densenet_is_refused(tmp_path):
    save_file({"conv.weight": torch.zeros(2, 2)}, tmp_path / "net.safetensors")
    with pytest.raises(InputError, match="holds no DenseNet"):
        read_xrv(tmp_path / "net.safetensors")
    (tmp_path / "text.pt").write_text("no checkpoint")
    with pytest.raises(InputError):
        read_state(tmp_path / "text.pt")
    with pytest.raises(InputError):
        read_state(tmp_path / "absent.safetensors")


def write_timm(folder, net, name, **config):
    save_file(net.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"architecture": name, **config}))


@pytest.mark.parametrize("name", ["test_vit", "test_efficientnet"])
def test_a_folder_of_timm_gives_the_same_logits(tmp_path, name):
    net = timm.create_model(name, num_classes=5, in_chans=1).eval()
    about = {"input_size": [1, 160, 160], "mean": [0.5], "std": [0.25]}
    write_timm(tmp_path, net, name, num_classes=5, pretrained_cfg=about)
    read, said = read_timm(tmp_path)
    x = torch.rand(1, 1, 160, 160, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(read(x), net(x))
    assert said["std"] == [0.25]


def test_a_folder_of_timm_that_does_not_fit_is_refused(tmp_path):
    net = timm.create_model("test_vit", num_classes=5)
    write_timm(tmp_path, net, "test_vit", num_classes=6)
    with pytest.raises(ModelError, match="does not fit"):
        read_timm(tmp_path)
    write_timm(tmp_path, net, "test_efficientnet", num_classes=5)
    with pytest.raises(ModelError, match="lacks"):
        read_timm(tmp_path)
    write_timm(tmp_path, net, "no_such_net")
    with pytest.raises(InputError, match="timm knows no 'no_such_net'"):
        read_timm(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(InputError, match="cannot be read"):
        read_timm(tmp_path)


@pytest.fixture
def dinov2(tmp_path):
    """A tiny DINOv2 of transformers with random weights, saved as RAD-DINO is."""
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(4)
    config = Dinov2Config(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=3, image_size=28, patch_size=14, layerscale_value=0.7
    )
    net = Dinov2Model(config).eval()
    with torch.no_grad():
        for one in net.parameters():
            one.normal_(0, 0.3)
    net.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.53] * 3, "image_std": [0.26] * 3}))
    return net


def test_a_network_in_rad_dinos_layout_gives_its_own_tokens(tmp_path, dinov2):
    net, about = read_dinov2(tmp_path)
    x = torch.rand(2, 3, 28, 28, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.allclose(net.forward_features(x), dinov2(x).last_hidden_state, atol=1e-4)
        tokens, _ = ImageEncoder(net, about["mean"], about["std"]).encode(x[:, :1])
    assert tokens.shape == (2, 4, 24)  # without the class token
    assert about == {"input_size": [3, 28, 28], "mean": [0.53] * 3, "std": [0.26] * 3}


def test_a_network_that_is_no_plain_dinov2_is_refused(tmp_path, dinov2):
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(ModelError, match="lacks blocks"):
        read_dinov2(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | {"use_swiglu_ffn": True}))
    with pytest.raises(InputError, match="gated layers"):
        read_dinov2(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"image_size": 28}))
    with pytest.raises(InputError, match="as transformers writes DINOv2"):
        read_dinov2(tmp_path)
