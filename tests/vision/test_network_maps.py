"""Maps of networks of timm against what they must be: worked out by hand on scores that are known."""

import pytest
import timm
import torch
from torch import nn

from trivium.service.errors import ModelError
from trivium.vision.network_maps import attention_rollout, faithfulness, grad_cam, occlusion


class Corner(nn.Module):
    """A network whose two channels are the picture and its negative, and whose score is the mean of the first."""

    def forward_features(self, x):
        return torch.cat([x, -x], 1)

    def forward_head(self, features):
        return torch.stack([features[:, 0].mean((1, 2)), features[:, 1].mean((1, 2))], 1)


def bright(top: int, left: int) -> torch.Tensor:
    """Return a dark picture `(1, 16, 16)` with a bright square of four pixels a side."""
    picture = torch.zeros(1, 16, 16)
    picture[:, top : top + 4, left : left + 4] = 1
    return picture


def corner_score(pictures):
    """Return the sum of the first quarter, and of all."""
    return torch.stack([pictures[:, 0, :8, :8].sum((1, 2)), pictures.sum((1, 2, 3))], 1)


def test_grad_cam_weighs_channels_by_their_slope():
    """The slope of either score is 1 / 256 on its channel and 0 on the other: relu of the picture over 256."""
    maps = grad_cam(Corner(), bright(4, 8)[None], 0)
    assert maps.shape == (1, 16, 16)
    assert torch.allclose(maps[0] * 256, bright(4, 8)[0])
    assert grad_cam(Corner(), bright(4, 8)[None], 1).max() == 0  # the negative is nowhere above 0


def test_grad_cam_reads_a_network_of_timm_and_refuses_tokens():
    torch.manual_seed(1)
    pictures = torch.rand(2, 3, 96, 160)
    assert grad_cam(timm.create_model("test_resnet").eval(), pictures, 3).shape == (2, 96, 160)
    with pytest.raises(ModelError, match="gives tokens"):
        grad_cam(timm.create_model("test_vit").eval(), torch.rand(1, 3, 160, 160), 0)


def test_attention_rollout_shares_one_among_all_tokens():
    """Without attention weights every token attends to all alike, so that every patch has the same share."""
    torch.manual_seed(1)
    net = timm.create_model("test_vit").eval()
    maps = attention_rollout(net, torch.rand(2, 3, 160, 160))
    assert maps.shape == (2, 160, 160)
    assert maps.min() >= 0
    for block in net.blocks:
        nn.init.zeros_(block.attn.qkv.weight)
        nn.init.zeros_(block.attn.qkv.bias)
    flat = attention_rollout(net, torch.rand(1, 3, 160, 160))
    depth, tokens = len(net.blocks), 100 + net.num_prefix_tokens
    assert torch.allclose(flat, torch.full_like(flat, (1 - 0.5**depth) / tokens), atol=1e-6)
    with pytest.raises(ModelError, match="no vision transformer"):
        attention_rollout(timm.create_model("test_resnet").eval(), torch.rand(1, 3, 160, 160))


def test_occlusion_finds_what_a_score_rests_on():
    """The bright square counts 16 for the first score where it lies in the first quarter, and nothing elsewhere."""
    usual = torch.zeros(1, 16, 16)
    found = occlusion(corner_score, bright(4, 4), usual, 0, side=4)
    assert torch.equal(found, 16 * bright(4, 4)[0])
    assert occlusion(corner_score, bright(8, 8), usual, 0, side=4).max() == 0
    assert occlusion(corner_score, bright(4, 4), usual, 1, side=5).shape == (16, 16)


def test_a_faithful_map_beats_the_reverse_order():
    """All of the score lies in a sixteenth: gone, or there, after the first of sixteen steps."""
    usual, picture = torch.zeros(1, 16, 16), bright(4, 4)
    good = faithfulness(corner_score, picture, usual, picture[0], 0)
    assert good == pytest.approx((16 / 17, 16 * 16 / 17))
    assert faithfulness(corner_score, picture, usual, -picture[0], 0) == pytest.approx((16 * 16 / 17, 16 / 17))
