"""Networks of timm as encoders: tokens lie where the picture does, and the core reads them."""

import pytest
import timm
import torch
from tests.core_model.small import small_config
from torch import nn

from trivium.core_model.decoder import new_decoder
from trivium.core_model.encoder import ModalityEncoder
from trivium.core_model.multimodal import MultimodalDecoder
from trivium.service.errors import ModelError
from trivium.vision.image_encoder import ImageEncoder


def encoder(name: str) -> ImageEncoder:
    torch.manual_seed(3)
    return ImageEncoder(timm.create_model(name).eval(), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)).eval()


@pytest.mark.parametrize("name", ["test_vit", "test_efficientnet", "test_resnet"])
@torch.no_grad()
def test_a_token_stands_for_its_place(name):
    """Pool the tokens as the network does, and the network's own answer comes out."""
    one = encoder(name)
    assert isinstance(one, ModalityEncoder)
    x = torch.rand(2, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    tokens, mask = one.encode(x)
    side = {"test_vit": 10, "test_efficientnet": 5, "test_resnet": 5}[name]  # 160 / patch of 16, or stride 32
    assert tokens.shape == (2, side * side, one.dim)
    assert mask.all()
    features = one.net.forward_features((x - 0.5) / 0.5)
    if features.ndim == 4:
        assert torch.equal(tokens[1, 7], features[1, :, 7 // side, 7 % side])
    else:
        assert torch.equal(tokens[1, 7], features[1, 7 + one.net.num_prefix_tokens])


@torch.no_grad()
def test_a_gray_film_is_a_picture_of_three_equal_channels():
    one = encoder("test_efficientnet")
    film = torch.rand(1, 1, 160, 160, generator=torch.Generator().manual_seed(1))
    assert torch.equal(one.encode(film)[0], one.encode(film.expand(-1, 3, -1, -1))[0])


def test_the_core_learns_through_the_encoder():
    one = encoder("test_efficientnet")
    model = MultimodalDecoder(new_decoder(small_config(), seed=1), {"image": one}, {"image": 6}, seed=2)
    ids = torch.tensor([[1, *[6] * 25, 2]])
    logits = model(ids, {"image": torch.rand(1, 1, 160, 160)}).logits
    logits[0, -1].logsumexp(0).backward()
    assert one.net.conv_stem.weight.grad.abs().sum() > 0


def test_what_is_no_network_of_timm_is_refused():
    with pytest.raises(ModelError, match="Linear is no network of timm"):
        ImageEncoder(nn.Linear(2, 2))
