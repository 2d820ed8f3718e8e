"""Encoders: tokens of one width, the same alone and in company, in any order of points; odd clouds give no NaN."""

from __future__ import annotations

import math

import pytest
import torch

from trivium.core_model.config import ModelConfig
from trivium.core_model.decoder import new_decoder
from trivium.core_model.encoder import ModalityEncoder
from trivium.core_model.multimodal import MultimodalDecoder
from trivium.pointcloud.detector.config import DetectorConfig
from trivium.pointcloud.detector.network import DetectorNetwork
from trivium.pointcloud.detector.pillars import Grid
from trivium.pointcloud.encoders.cells import CellEncoder
from trivium.pointcloud.encoders.curves import hilbert, z_order
from trivium.pointcloud.encoders.objects import ObjectEncoder, Objects, _features
from trivium.pointcloud.encoders.point_set import PointSetEncoder
from trivium.pointcloud.encoders.serialised import SerialisedEncoder
from trivium.pointcloud.simulator.frames import simulate
from trivium.pointcloud.simulator.scenes import SimulatorConfig

NAMES = ("set", "serialised", "cells")


def encoder(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    if name == "set":
        return PointSetEncoder(16, 4, 2, most=512).eval()
    if name == "serialised":
        return SerialisedEncoder(16, 3, 2, 32, most=512).eval()
    small = DetectorConfig(points=8, fine=8, middle=8, coarse=8, depth=(1, 1, 1))
    return CellEncoder(DetectorNetwork(small), 16, Grid((0.0, -20.48), (128, 128), 0.32)).eval()


@pytest.fixture(scope="module")
def clouds() -> list[torch.Tensor]:
    return [frame.points for frame in simulate(SimulatorConfig("vlp16", 60.0), 1, 0, 2)]


@pytest.mark.parametrize("name", NAMES)
def test_a_cloud_gives_the_same_tokens_alone_in_company_and_in_any_order(name: str, clouds) -> None:
    one = encoder(name)
    assert isinstance(one, ModalityEncoder)
    with torch.no_grad():
        tokens, mask = one.encode(clouds)
        alone, alone_mask = one.encode([clouds[1][torch.randperm(len(clouds[1]))]])
    assert tokens.shape == (2, mask.shape[1], 16)
    assert mask.dtype == torch.bool
    count = int(alone_mask.sum())
    assert count > 3
    torch.testing.assert_close(tokens[1][mask[1]], alone[0][alone_mask[0]], atol=1e-4, rtol=1e-4)
    assert float((tokens[0][mask[0]][:3] - tokens[1][mask[1]][:3]).abs().max()) > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_odd_clouds_give_numbers_and_learn_nothing_wrong(name: str) -> None:
    one = encoder(name)
    odd = [torch.zeros(0, 4), torch.full((5, 4), math.nan), torch.tensor([[5.0, 1.0, -1.0, 0.3]])]
    tokens, mask = one.encode(odd)
    assert tokens.isfinite().all()
    assert mask.any(dim=1).tolist() == [False, False, True]
    tokens[mask].square().sum().backward()
    assert all(p.grad.isfinite().all() for p in one.parameters() if p.grad is not None)


def test_curves_visit_every_cell_once_and_hilbert_goes_by_neighbours() -> None:
    line = torch.arange(8)
    cells = torch.cartesian_prod(line, line, line)
    assert z_order(torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [2, 0, 0]])).tolist() == [4, 2, 1, 32]
    for curve in (z_order, hilbert):
        assert sorted(curve(cells).tolist()) == list(range(512))
    along = cells[hilbert(cells).argsort()]
    assert (along[1:] - along[:-1]).abs().sum(dim=1).tolist() == [1] * 511


def test_objects_come_nearest_first_and_the_best_of_many() -> None:
    torch.manual_seed(0)
    boxes = torch.tensor([[30.0, 0, 0, 4, 2, 1.5, 0.1], [10.0, 5, 0, 4, 2, 1.5, 0.1], [20.0, -3, 0, 1, 1, 1.7, 0.1]])
    scene = Objects(boxes, torch.tensor([0, 0, 1]), torch.tensor([0.5, 0.9, 0.7]))
    one = ObjectEncoder(8, most=2)
    rows = one.rows([scene, Objects(boxes[:0], scene.kinds[:0], scene.scores[:0])])
    assert rows.boxes[0, :, 0].tolist() == [10.0, 20.0]  # the third has the least score
    tokens, mask = one.encode(rows)
    assert mask.tolist() == [[True, True], [False, False]]
    first, _ = one.encode([Objects(boxes[1:2], scene.kinds[1:2], scene.scores[1:2])])
    torch.testing.assert_close(tokens[0, 0], first[0, 0])
    (alone,), _ = one.encode(rows.of(torch.tensor([0])))
    torch.testing.assert_close(alone, tokens[0])


def test_an_object_knows_how_many_of_its_class_are_nearer() -> None:
    boxes = torch.tensor([[10.0, 0, 0, 4, 2, 1.5, 0], [20.0, 0, 0, 4, 2, 1.5, 0], [30.0, 0, 0, 1, 1, 1.7, 0]])
    scene = Objects(boxes, torch.tensor([0, 0, 1]), torch.tensor([0.9, 0.5, 0.9]))
    one = ObjectEncoder(8)
    features = _features(one.rows([scene]), one.middle)
    counts, expected = features[0, :, -5] * 5, features[0, :, -4] * 5
    torch.testing.assert_close(counts, torch.tensor([1.0, 2.0, 1.0]))
    torch.testing.assert_close(expected, torch.tensor([1.0, 1.5, 1.0]), atol=0.001, rtol=0)  # 0.5 is an even chance


def test_tokens_of_a_cloud_enter_the_core(clouds) -> None:
    config = ModelConfig(vocab_size=16, dim=16, num_layers=1, num_heads=2, hidden_dim=32)
    eye = encoder("serialised")
    model = MultimodalDecoder(new_decoder(config, seed=0), {"points": eye}, {"points": 1})
    _, mask = eye.encode(clouds)
    ids = torch.full((2, int(mask.sum(dim=1).max()) + 1), 3)
    for row, count in enumerate(mask.sum(dim=1).tolist()):
        ids[row, :count] = 1
    out = model(ids, {"points": clouds})
    out.logits[:, -1].sum().backward()
    assert float(eye.point.weight.grad.abs().sum()) > 0
