"""Burned-in text is found in any corner, size and colour, and covered; side markers and anatomy stay."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from tests.medical.intake.planting import _film

from trivium.medical.intake.burned_in import cover_text, find_text

FILM = _film(random.Random(1))


def written(text: str, *, at=(8, 6), size=14, value=4095, turned=False, scale=1) -> tuple[np.ndarray, np.ndarray]:
    """The film, `scale` times as large, with a text on it; and the pixels of the glyphs."""
    film = np.kron(FILM, np.ones((scale, scale), np.uint16))
    film = film.T if turned else film
    board = Image.new("L", film.shape[::-1], 0)
    ImageDraw.Draw(board).text(at, text, fill=255, font=ImageFont.load_default(size))
    ink = np.asarray(board, np.float32) / 255
    film = np.rint(film * (1 - ink) + value * ink).astype(np.uint16)
    return (film.T, ink.T > 0.5) if turned else (film, ink > 0.5)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"size": 10},
        {"size": 60, "scale": 4},
        {"at": (60, 290)},
        {"at": (50, 150), "value": 4095},
        {"at": (110, 60), "value": 0, "size": 18},
        {"turned": True, "at": (20, 4)},
    ],
    ids=str,
)
@pytest.mark.parametrize("text", ["Quorla, Zyxwine", "12.03.1961", "MRN-77123"])
def test_text_is_found_and_covered(text, how):
    film, ink = written(text, **how)
    covered, boxes = cover_text(film)
    region = np.zeros(film.shape, bool)
    for box in boxes:
        region[box.top : box.bottom, box.left : box.right] = True
    assert ink.any()
    assert not (ink & ~region).any()
    assert np.array_equal(covered[~region], film[~region])
    assert all(np.ptp(covered[box.top : box.bottom, box.left : box.right]) == 0 for box in boxes[-1:])
    assert region.mean() < 0.2


@pytest.mark.parametrize("marker", ["L", "R", "PA", "AP"])
def test_a_marker_of_side_or_view_stays(marker):
    film, _ = written(marker, size=24)
    covered, boxes = cover_text(film)
    assert boxes == ()
    assert covered is film


def test_a_film_without_text_is_left_alone():
    assert find_text(FILM) == ()
    assert find_text(np.zeros((40, 30), np.uint8)) == ()
    assert find_text(np.random.default_rng(1).integers(0, 4096, (300, 300)).astype(np.uint16)) == ()


def test_signed_values_are_covered_too():
    film, ink = written("Quorla 1961")
    covered, boxes = cover_text(film.astype(np.int16) - 2048)
    assert boxes
    assert covered[ink].max() < 1900
    assert covered.dtype == np.int16
