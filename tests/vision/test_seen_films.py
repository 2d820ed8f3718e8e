"""Training films are known by their pixels."""

import numpy as np
import pytest
from tests.shared_data import DATA, needs_data

from trivium.service.errors import ModelError
from trivium.vision.chest_films import pneumonia_films
from trivium.vision.seen_films import film_key, load_seen


def test_a_key_follows_pixels_and_shape():
    film = np.arange(12, dtype=np.float32).reshape(3, 4) / 255
    assert film_key(film) == film_key(film.copy())
    assert film_key(film) != film_key(film.reshape(4, 3))
    assert film_key(film) != film_key(film + np.float32(1 / 255))


def test_a_folder_without_the_list_is_a_model_error(tmp_path):
    with pytest.raises(ModelError, match="list of training films"):
        load_seen(tmp_path)


@needs_data("medical")
def test_training_films_are_on_the_list_and_validation_films_only_where_they_are_the_same():
    seen, folder = load_seen(), DATA / "medical" / "pneumoniamnist"
    assert all(film_key(film) in seen for film in pneumonia_films(folder, "train")[0][:50])
    # three validation films are pixel for pixel in the training part, as comparing the arrays shows
    films, others = (pneumonia_films(folder, part)[0] for part in ("val", "train"))
    same = {film.tobytes() for film in films} & {film.tobytes() for film in others}
    assert sum(film_key(film) in seen for film in films) == len(same) == 3
