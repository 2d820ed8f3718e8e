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


@pytest.mark.parametrize(("text", "shares"), [("KOM", (0.8,)), ("KOM", (0.8, 1.0))])
def test_short_text_whose_letters_touch_is_covered(text, shares):
    """Letters set so close that they make one mark, or two."""
    board, font, place = Image.new("L", FILM.shape[::-1], 0), ImageFont.load_default(14), 9.0
    for number, letter in enumerate(text):
        ImageDraw.Draw(board).text((round(place), 7), letter, fill=255, font=font, stroke_width=1)
        place += font.getlength(letter) * shares[number % len(shares)] + (2 if shares[number % len(shares)] == 1 else 0)
    ink = np.asarray(board) > 128
    _, boxes = cover_text(np.where(ink, 4095, FILM).astype(np.uint16))
    region = np.zeros(FILM.shape, bool)
    for box in boxes:
        region[box.top : box.bottom, box.left : box.right] = True
    assert not (ink & ~region).any()


def test_text_over_an_edge_is_covered_whole():
    film, ink = written("06:04:59 1961", at=(8, 6), size=12)
    film[:, 45:][~ink[:, 45:]] = 2600  # what lies behind turns bright in the middle of the text
    region = np.zeros(film.shape, bool)
    for box in find_text(film):
        region[box.top : box.bottom, box.left : box.right] = True
    assert not (ink & ~region).any()


@pytest.mark.parametrize("size", [12, 24, 40])
@pytest.mark.parametrize("marker", ["L", "R", "PA", "AP"])
def test_a_marker_of_side_or_view_stays(marker, size):
    film, _ = written(marker, size=size)
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
