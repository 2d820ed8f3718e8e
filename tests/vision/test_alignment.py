"""Films moved by a known amount are brought back; a picture's alignment does not depend on its neighbours."""

import numpy as np
import pytest
from tests.vision.drawn import drawn_chest

from trivium.vision.alignment import align, make_template, moved, moved_back
from trivium.vision.films import standard


@pytest.fixture(scope="module")
def chest():
    return standard(drawn_chest(64, 64))


def motion(dx=0.0, dy=0.0, wide=1.0, high=1.0):
    return np.array([[[wide, 0, dx], [0, high, dy]]], np.float32)


def test_a_motion_samples_where_it_says(chest):
    """A shift of two pixels of 64 is 4/64 of the range from -1 to 1."""
    shifted = moved(chest[None], motion(dx=4 / 64, dy=-2 / 64))[0]
    assert np.allclose(shifted[2:-2, 2:-3], chest[1:-3, 4:-1], atol=1e-5)


@pytest.mark.parametrize("by", [motion(dx=0.12), motion(dy=-0.1), motion(wide=1.15, high=0.9)])
def test_a_film_that_was_moved_is_laid_over_the_template(chest, by):
    film = moved(chest[None], by)
    before = np.corrcoef(film.ravel(), chest.ravel())[0, 1]
    aligned, found = align(film, chest)
    after = np.corrcoef(aligned[0, 6:-6, 6:-6].ravel(), chest[6:-6, 6:-6].ravel())[0, 1]
    assert after > max(before, 0.98)
    assert np.allclose(found[0, :, :2] @ by[0, :, :2], np.eye(2), atol=0.12)


def test_a_film_where_it_should_be_stays(chest):
    _, found = align(chest[None], chest)
    assert np.allclose(found, motion(), atol=0.015)  # half a pixel of 64


def test_a_film_is_aligned_alone(chest):
    films = np.concatenate([moved(chest[None], motion(dx=0.1)), 1 - chest[None], moved(chest[None], motion(dy=0.1))])
    together, alone = align(films, chest)[1], align(films[2:], chest)[1]
    assert np.allclose(together[2:], alone, atol=1e-4)


def test_a_map_is_put_back_over_its_film():
    values = np.zeros((1, 64, 64), np.float32)
    values[0, 30, 40] = 1
    by = motion(dx=8 / 64, dy=4 / 64, wide=0.5, high=0.5)
    back = moved_back(values, by)[0]
    # place 40 of the aligned film is at 2 * 40.5 / 64 - 1 from the middle; times 0.5, plus 8 / 64; likewise the row
    column, row = ((2 * 40.5 / 64 - 1) * 0.5 + 8 / 64 + 1) * 32, ((2 * 30.5 / 64 - 1) * 0.5 + 4 / 64 + 1) * 32
    found = np.unravel_index(back.argmax(), back.shape)
    assert np.allclose((found[0] + 0.5, found[1] + 0.5), (row, column), atol=0.75)


def test_a_template_is_sharper_than_the_mean_of_films_that_lie_apart(chest):
    films = np.concatenate([moved(chest[None], motion(dx=dx, dy=dy)) for dx in (-0.15, 0.15) for dy in (-0.1, 0.1)])
    assert make_template(films).std() > films.mean(0).std() * 1.1
