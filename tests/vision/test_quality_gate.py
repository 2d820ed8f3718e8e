"""Standard films, descriptors and the gate that ships, on films that the tests draw and on real ones."""

import numpy as np
import pytest
from tests.shared_data import SHARED
from tests.vision.drawn import drawn_chest

from trivium.service.errors import InputError
from trivium.vision.chest_films import read_pictures
from trivium.vision.descriptors import block_means, gradients
from trivium.vision.films import standard, turn_upright
from trivium.vision.not_chest import KINDS, make, shuffled
from trivium.vision.quality_gate import CHEST_LIMIT, Gate, correct

HANNOVER = SHARED / "data" / "medical" / "hannover" / "images"


def test_the_standard_form_does_not_depend_on_size_or_scale():
    film = drawn_chest(320, 320)
    small = standard(film)
    assert (small.shape, small.min(), small.max()) == ((64, 64), 0, 1)
    assert np.allclose(standard(film * 3 + 2), small, atol=1e-5)
    assert np.allclose(standard(np.repeat(np.repeat(film, 2, 0), 2, 1)), small, atol=1e-5)


@pytest.mark.parametrize("film", [np.zeros((4, 90), np.float32), np.full((20, 20), np.nan, np.float32)])
def test_what_is_no_film_is_refused(film):
    with pytest.raises(InputError):
        standard(film)


def test_unsigned_gradients_do_not_see_an_inversion_and_block_means_do():
    film = standard(drawn_chest())[None]
    assert np.allclose(gradients(film), gradients(1 - film), atol=1e-4)
    assert np.allclose(block_means(film), -block_means(1 - film), atol=1e-4)


def test_a_correction_undoes_a_turn_and_an_inversion():
    film = standard(drawn_chest())
    turned = 1 - np.rot90(film, 3)
    assert np.allclose(correct(turned, 3, True), film, atol=1e-6)
    assert np.array_equal(turn_upright(np.rot90(film), 1), film)


def test_pictures_that_are_none_are_made_from_their_seed():
    for kind in KINDS:
        assert np.array_equal(make(kind, 2, 5), make(kind, 2, 5))
        assert not np.array_equal(make(kind, 2, 5), make(kind, 2, 6))
    film = standard(drawn_chest())[None]
    assert np.allclose(np.sort(shuffled(film, 1).ravel()), np.sort(film.ravel()))


@pytest.mark.skipif(not HANNOVER.is_dir(), reason=f"no films at {HANNOVER}")
@pytest.mark.slow
def test_the_shipped_gate_takes_films_and_refuses_the_rest():
    gate = Gate.load()
    films = read_pictures(HANNOVER)[1][:40]
    verdicts = [gate.judge(film) for film in films]
    assert sum(one.chest < CHEST_LIMIT or one.rotated > 0 or one.inverted > 0 for one in verdicts) <= 2
    assert sum(gate.judge(np.rot90(film).copy()).quarter_turns == 1 for film in films) >= 38
    assert sum(gate.judge(1 - film).inverted > 0 for film in films) >= 38
    strange = np.concatenate([make(kind, 5, 999) for kind in KINDS])
    assert sum(gate.judge(one).chest < CHEST_LIMIT for one in strange) >= len(strange) - 3
