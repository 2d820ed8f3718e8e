"""The masked autoencoder on drawn films: what counts, what it gives, and how a run that was cut off goes on."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.vision.drawn import drawn_chest

from trivium.vision import pretrain as module
from trivium.vision.alignment import lay, make_template
from trivium.vision.films import standard
from trivium.vision.masked import PATCH, MaskedAutoencoder
from trivium.vision.pretrain import Settings, pretrain, probe_descriptors


@pytest.fixture
def films():
    generator = np.random.default_rng(3)
    rows, columns = np.mgrid[:64, :64] / 64
    shapes = np.stack([rows, columns, np.sin(9 * rows), np.cos(7 * columns)])
    return np.clip(np.einsum("nk,kij->nij", generator.uniform(0, 0.4, (24, 4)), shapes), 0, 1).astype(np.float32)


def test_it_learns_from_chests_laid_as_the_classifier_sees_them(monkeypatch, tmp_path):
    chest = standard(drawn_chest())
    films = np.stack([np.roll(chest, shift, axis=1) for shift in (-2, 0, 2)])
    nih = SimpleNamespace(films=films, is_small=np.zeros(3, bool))
    monkeypatch.setattr(module, "read_nih", lambda folder: nih)
    monkeypatch.setattr(module, "read_pictures", lambda folder: ([], films[:2]))
    monkeypatch.setattr(module, "pneumonia_films", lambda folder, part: (list(films) * 4, None))
    _, laid, others = module._read(tmp_path)
    wanted = lay(films, make_template(films))[0]
    assert np.array_equal(laid, wanted)
    assert np.allclose(others[:2], wanted[:2], atol=1e-3)
    assert len(others) == 2 + 12


def test_the_encoder_sees_no_hidden_patch(films):
    torch.manual_seed(1)
    model = MaskedAutoencoder(dim=16, depth=1, heads=2, decoder_dim=8, decoder_depth=1).eval()
    seen = []
    model.encoder.register_forward_hook(lambda _, given, __: seen.append(given[0].shape))
    with torch.no_grad():
        model(torch.from_numpy(films)[:, None], torch.Generator().manual_seed(2))
        tokens, mask = model.encode(torch.from_numpy(films)[:, None])
    assert seen == [(24, 16, 16), (24, 64, 16)]  # a quarter of 64 patches while learning, all of them afterwards
    assert tokens.shape == (24, 64, 16)
    assert mask.all()


def test_the_error_counts_on_hidden_patches_alone():
    """A decoder that says 0 everywhere is off by the variance of each hidden patch: 1, but for those of one tone, 0."""
    torch.manual_seed(1)
    model = MaskedAutoencoder(dim=16, depth=1, heads=2, decoder_dim=8, decoder_depth=1)
    for one in model.pixels[1].parameters():
        torch.nn.init.zeros_(one)
    film = torch.zeros(1, 1, 64, 64)
    film[..., :32, :] = torch.rand(32, 64, generator=torch.Generator().manual_seed(5))
    errors = [model(film, torch.Generator().manual_seed(seed)).item() for seed in range(3)]
    order = torch.rand(1, 64, generator=torch.Generator().manual_seed(0)).argsort(1)[0]
    hidden = set(order[16:].tolist())
    textured = len(hidden & set(range((32 // PATCH) * 8))) / len(hidden)
    assert errors[0] == pytest.approx(textured, rel=0.03)


def test_a_run_cut_off_goes_on_as_if_it_had_not(films, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SAVE_EVERY", 2)
    monkeypatch.setattr(module, "MaskedAutoencoder", lambda: MaskedAutoencoder(16, 1, 2, 8, 1))
    settings = Settings(steps=4, batch=8)
    whole = pretrain(films, settings, tmp_path / "whole")

    saved = module._save

    def save_and_stop(*given):
        saved(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        pretrain(films, settings, tmp_path / "cut")
    monkeypatch.setattr(module, "_save", saved)
    resumed = pretrain(films, settings, tmp_path / "cut")
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
    assert not (tmp_path / "cut" / "state.pt").exists()
    assert probe_descriptors(resumed, films).shape == (24, 16 * 16)
    other = pretrain(films, dataclasses.replace(settings, seed=2), tmp_path / "other")
    assert not torch.equal(other.places, resumed.places)
