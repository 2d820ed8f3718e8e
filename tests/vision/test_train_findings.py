"""The linear model against the textbook form of ridge regression; evidence maps against a score made by hand."""

import copy

import numpy as np
import pytest
import torch

from trivium.vision.evidence_maps import PATCH, replacement_maps, strongest_region
from trivium.vision.frozen import FrozenNet, describe
from trivium.vision.train_findings import fit_linear


def test_the_dual_form_gives_the_textbook_ridge():
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(40, 6)), generator.random((40, 15)) < 0.3
    (model,) = fit_linear(x, y, (0.7,))
    spread = x.std(0) + 1e-2 * x.std(0).mean()
    z = (x - x.mean(0)) / spread
    z /= np.sqrt((z**2).sum() / len(z))
    weight = np.linalg.solve(z.T @ z + 0.7 * np.eye(6), z.T @ (y - y.mean(0)))
    assert np.allclose(model(x), z @ weight + y.mean(0))


class CornerClassifier:
    """Scores a film by the brightness of one place."""

    def logits(self, films):
        return np.repeat(films[:, 40:44, 10:14].mean((1, 2))[:, None], 15, 1) * 5


def test_a_map_points_at_what_the_score_rests_on():
    film = np.full((64, 64), 0.3, np.float32)
    film[38:46, 8:16] = 0.9  # its mirror image is dark
    values = replacement_maps(CornerClassifier(), film, [3])[3]
    row, column = np.unravel_index(values.argmax(), values.shape)
    assert abs(row - 42) <= PATCH / 2
    assert abs(column - 12) <= PATCH / 2
    assert values[:, 32:].max() == pytest.approx(0, abs=1e-4)


def test_the_strongest_region_is_the_part_above_half_the_peak():
    values = np.zeros((64, 64), np.float32)
    values[10:14, 20:30] = 0.6
    values[12, 25] = 1.0
    values[50, 50] = 0.9
    assert strongest_region(values) == (10, 20, 4, 10)
    assert strongest_region(np.zeros((64, 64), np.float32)) is None


def test_the_network_made_fast_gives_the_same_descriptors():
    plain = FrozenNet()
    generator = torch.Generator().manual_seed(5)
    for module in plain.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # statistics as after training
            module.running_mean.normal_(0, 0.3, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    films = np.random.default_rng(5).random((3, 64, 64), dtype=np.float32)
    before = describe(plain, films)
    after = describe(copy.deepcopy(plain).for_reading(), films)
    assert not [one for one in copy.deepcopy(plain).for_reading().modules() if isinstance(one, torch.nn.BatchNorm2d)]
    assert np.abs(after - before).max() < 1e-3 * np.abs(before).max()
