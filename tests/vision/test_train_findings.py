"""The linear model against the textbook form of ridge regression; evidence maps against scores made by hand."""

import copy

import numpy as np
import pytest
import torch

from trivium.vision.descriptors import block_means
from trivium.vision.evidence_maps import gathered, integrated_gradients, strongest_region
from trivium.vision.frozen import DESCRIPTORS, MAPS, TONES, FrozenNet, describe
from trivium.vision.metrics import macro_auroc
from trivium.vision.train_findings import cross_validated, fit_linear
from trivium.vision.usual import UsualFilms


def test_the_dual_form_gives_the_textbook_ridge():
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(40, 6)), generator.random((40, 15)) < 0.3
    (model,) = fit_linear(x, y, (0.7,))
    spread = x.std(0) + 1e-2 * x.std(0).mean()
    z = (x - x.mean(0)) / spread
    z /= np.sqrt((z**2).sum() / len(z))
    weight = np.linalg.solve(z.T @ z + 0.7 * np.eye(6), z.T @ (y - y.mean(0)))
    assert np.allclose(model(x), z @ weight)


def test_no_score_comes_from_a_model_that_saw_the_patient():
    """Descriptors name the patient and labels are the patient's: whoever saw one film would know the other."""
    generator = np.random.default_rng(6)
    patients = np.repeat(np.arange(60), 4)
    descriptors = generator.normal(size=(60, 300))[patients] + 0.01 * generator.normal(size=(240, 300))
    labels = (generator.random((60, 15)) < 0.4)[patients]
    scored = patients < 50
    scores = cross_validated(descriptors, labels, patients, scored, [3])
    assert scores.shape == (1, 200, 15)
    assert macro_auroc(scores[0], labels[scored]) < 0.6
    (leaky,) = fit_linear(descriptors, labels, (1.0,))
    assert macro_auroc(leaky(descriptors), labels) > 0.95


def test_what_places_add_sums_to_the_difference_of_scores():
    generator = np.random.default_rng(2)
    weight = torch.tensor(generator.normal(size=(64 * 64, 3)), dtype=torch.float32)
    film, usual = generator.random((2, 64, 64), dtype=np.float32)

    def score(films):  # bends, so that a single gradient would not do
        return torch.tanh(films.flatten(1) @ weight / 20)

    values = integrated_gradients(score, film, usual, [0, 2], steps=64)
    with torch.no_grad():
        difference = score(torch.tensor(film)[None]) - score(torch.tensor(usual)[None])
    assert values.sum((1, 2)) == pytest.approx(difference[0, [0, 2]].numpy(), rel=1e-2)


def test_a_gathered_map_keeps_its_place_and_its_sum():
    values = np.zeros((2, 64, 64), np.float32)
    values[0, 20, 40] = values[1, 1, 1] = 1
    maps = gathered(values)
    assert np.unravel_index(maps[0].argmax(), (64, 64)) == (20, 40)
    assert maps.sum((1, 2)) == pytest.approx(1, rel=1e-4)  # also near the edge
    assert gathered(-values).max() == 0


def test_a_usual_film_does_not_bend_to_what_stands_out():
    generator = np.random.default_rng(5)
    rows, columns = np.mgrid[:64, :64] / 64
    shapes = np.stack([rows, columns, np.sin(7 * rows), np.cos(5 * columns)])
    films = np.einsum("nk,kij->nij", generator.uniform(0.1, 0.3, (60, 4)), shapes).astype(np.float32)
    plain = np.einsum("k,kij->ij", [0.2, 0.15, 0.25, 0.2], shapes).astype(np.float32)
    changed = plain.copy()
    changed[20:30, 40:50] += 0.4
    away = np.abs(UsualFilms.fit(films).of(changed) - np.clip(plain, 0, 1))
    assert away[20:30, 40:50].mean() < 0.05
    assert away.mean() < 0.02


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


def test_shares_are_what_groups_of_columns_add_to_a_films_squared_length():
    """Two groups of one ridge: as if each had been scaled by hand; a group without a share has no weight."""
    generator = np.random.default_rng(8)
    x, y = generator.normal(size=(50, 7)) * [1, 2, 3, 50, 60, 70, 80], generator.random((50, 15)) < 0.3

    def scaled(columns, share):
        spread = columns.std(0) + 1e-2 * columns.std(0).mean()
        z = (columns - columns.mean(0)) / spread
        return z * np.sqrt(share / ((z**2).sum() / len(z)))

    z = np.concatenate([scaled(x[:, :3], 0.75), scaled(x[:, 3:], 0.25)], 1)
    expected = z @ np.linalg.solve(z.T @ z + 2 * np.eye(7), z.T @ (y - y.mean(0)))
    (model,) = fit_linear(x, y, (2.0,), ((3, 3.0), (4, 1.0)))
    assert np.allclose(model(x), expected)
    (model,) = fit_linear(x, y, (2.0,), ((3, 1.0), (4, 0.0)))
    assert not model.weight[3:].any()
    assert model.weight[:3].any()


def test_tones_and_the_score_of_opacity_stand_beside_the_maps():
    net = FrozenNet()
    generator = np.random.default_rng(4)
    net.opacity.copy_(torch.from_numpy(generator.normal(size=MAPS).astype(np.float32)))
    films = generator.random((3, 64, 64), dtype=np.float32)
    described = describe(net, films)
    assert described.shape == (3, DESCRIPTORS)
    assert described[:, MAPS : MAPS + TONES] == pytest.approx(block_means(films), abs=1e-4)
    assert described[:, -1] == pytest.approx(described[:, :MAPS] @ net.opacity.numpy(), rel=1e-3, abs=1e-3)
    assert np.isfinite(describe(net, np.ones((1, 64, 64), np.float32))).all()  # a film of one tone
