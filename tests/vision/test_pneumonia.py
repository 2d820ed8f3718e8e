"""Pneumonia on small films: when it speaks, and what a change of tone does to its score."""

import numpy as np
import pytest
import torch
from tests.shared_data import DATA, needs_data
from tests.vision.drawn import drawn_chest

from trivium.service.errors import ModelError
from trivium.vision.chest_films import pneumonia_films, read_nih
from trivium.vision.films import resize
from trivium.vision.metrics import auroc
from trivium.vision.pneumonia import PneumoniaClassifier, small_standard
from trivium.vision.train_pneumonia import vary


def test_the_small_form_does_not_depend_on_scale():
    film = drawn_chest()
    small = small_standard(film)
    assert (small.shape, small.min(), small.max()) == ((28, 28), 0, 1)
    assert np.allclose(small_standard(film * 0.4 + 0.3), small, atol=1e-4)


def test_it_speaks_of_every_film_under_64_px_whatever_its_look():
    model = PneumoniaClassifier(np.zeros(769, np.float32), np.r_[np.zeros(768), -1].astype(np.float32), SETTINGS)
    film = drawn_chest(100, 90)
    assert model.speaks_of(film, (63, 200))
    assert not model.speaks_of(film, (64, 64))
    assert model.probability(film) == pytest.approx(1 / (1 + np.exp(-0.5)))  # score 0, offset 0.5


SETTINGS = {"slope": 2.0, "offset": 0.5, "limit": 0.0, "present_from": 0.5, "uncertain_from": 0.15}


def test_a_folder_without_weights_is_a_model_error(tmp_path):
    with pytest.raises(ModelError, match="cannot be loaded"):
        PneumoniaClassifier.load(tmp_path)


def test_altered_films_follow_their_seed_and_keep_their_shape():
    films = torch.from_numpy(drawn_chest(28, 28))[None, None].repeat(3, 1, 1, 1)
    first, again, other = (vary(films, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == films.shape
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@needs_data("medical")
def test_what_ships_ranks_unseen_films_and_speaks_of_those_alone():
    films, labels = pneumonia_films(DATA / "medical" / "pneumoniamnist", "val")
    films, labels = films[::5], labels[::5]
    model = PneumoniaClassifier.load()
    assert auroc(model.logits(np.stack([small_standard(film) for film in films])), labels) > 0.95
    assert sum(model.speaks_of(resize(film, 224), (224, 224)) for film in films) >= 0.9 * len(films)
    adults = read_nih(DATA / "medical" / "nih").films[:100]
    assert sum(model.speaks_of(film, (64, 64)) for film in adults) <= 3
