"""Pictures that are no chest film, made from a seed: what the quality gate learns to refuse.

Each kind has its own function, so that a benchmark can leave a kind out of training and see how the gate meets it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from trivium.vision.films import SIDE, Film, standard

__all__ = ["KINDS", "make", "shuffled"]

_LETTERS = "abcdefghij klmnop qrstuv 0123456789"
_Picture = NDArray[np.floating]
_Draw = Callable[[np.random.Generator], _Picture]


def make(kind: str, count: int, seed: int) -> Film:
    """Return `(count, 64, 64)` standard pictures of a kind of `KINDS`."""
    generator = np.random.default_rng((seed, list(KINDS).index(kind)))
    return np.stack([standard(KINDS[kind](generator).astype(np.float32)) for _ in range(count)])


def shuffled(films: Film, seed: int) -> Film:
    """Return films whose quarters or sixteenths lie in another order: right tones, wrong anatomy."""
    generator = np.random.default_rng(seed)
    out = np.empty_like(films)
    for place, film in enumerate(films):
        parts = int(generator.choice([2, 4]))
        size = SIDE // parts
        tiles = film.reshape(parts, size, parts, size).swapaxes(1, 2).reshape(-1, size, size)
        order = generator.permutation(len(tiles))
        while (order == np.arange(len(tiles))).mean() > 0.3:
            order = generator.permutation(len(tiles))
        out[place] = tiles[order].reshape(parts, parts, size, size).swapaxes(1, 2).reshape(SIDE, SIDE)
    return out


def _noise(generator: np.random.Generator) -> _Picture:
    return generator.random((SIDE, SIDE))


def _clouds(generator: np.random.Generator) -> _Picture:
    """Noise whose power falls with frequency, as in photographs."""
    rows, columns = np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None]
    radius = np.hypot(rows, columns)
    radius[0, 0] = 1
    spectrum = np.fft.fft2(generator.standard_normal((SIDE, SIDE))) / radius ** generator.uniform(0.8, 2.2)
    return np.real(np.fft.ifft2(spectrum))


def _ramp(generator: np.random.Generator) -> _Picture:
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    angle = generator.uniform(0, 2 * np.pi)
    ramp = np.cos(angle) * rows + np.sin(angle) * columns
    return ramp**2 if generator.random() < 0.5 else np.hypot(rows - generator.random(), columns - generator.random())


def _shapes(generator: np.random.Generator) -> _Picture:
    image = Image.new("L", (SIDE, SIDE), int(generator.integers(0, 256)))
    draw = ImageDraw.Draw(image)
    for _ in range(int(generator.integers(1, 6))):
        x, y = generator.integers(-10, SIDE, 2)
        box = (int(x), int(y), int(x + generator.integers(6, 50)), int(y + generator.integers(6, 50)))
        (draw.ellipse if generator.random() < 0.5 else draw.rectangle)(box, fill=int(generator.integers(0, 256)))
    return np.asarray(image, dtype=np.float32)


def _text(generator: np.random.Generator) -> _Picture:
    image = Image.new("L", (SIDE * 4, SIDE * 4), 255)
    draw = ImageDraw.Draw(image)
    for line in range(int(generator.integers(4, 20))):
        words = "".join(_LETTERS[one] for one in generator.integers(0, len(_LETTERS), 40))
        draw.text((10, 6 + line * 12), words, fill=0)
    return np.asarray(image, dtype=np.float32)


def _stripes(generator: np.random.Generator) -> _Picture:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    angle, wave = generator.uniform(0, np.pi), generator.uniform(3, 30)
    pattern = np.sin((np.cos(angle) * rows + np.sin(angle) * columns) * 2 * np.pi / wave)
    return np.sign(pattern) if generator.random() < 0.5 else pattern


def _bones(generator: np.random.Generator) -> _Picture:
    """Bright shafts on a dark field, as in films of limbs."""
    image = Image.new("L", (SIDE, SIDE), 0)
    draw = ImageDraw.Draw(image)
    lean = generator.uniform(-0.5, 0.5)
    for _ in range(int(generator.integers(1, 6))):
        x, wide = generator.uniform(5, SIDE - 5), int(generator.integers(3, 12))
        top, low = generator.uniform(-20, 20), generator.uniform(SIDE - 20, SIDE + 20)
        ends = (x - lean * SIDE / 2, top, x + lean * SIDE / 2, low)
        draw.line(ends, fill=int(generator.integers(40, 110)), width=wide * 3)
        draw.line(ends, fill=int(generator.integers(150, 256)), width=wide)
    film = np.asarray(image.filter(ImageFilter.GaussianBlur(generator.uniform(0.5, 2))), dtype=np.float32)
    return np.rot90(film, int(generator.integers(4))) + generator.random((SIDE, SIDE)) * 8


def _skull(generator: np.random.Generator) -> _Picture:
    """A bright ring with a gray inside: heads, phantoms, coins."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    centre, radius = generator.uniform(24, 40, 2), generator.uniform(12, 28, 2)
    away = np.hypot((rows - centre[0]) / radius[0], (columns - centre[1]) / radius[1])
    film = np.where(away < 1, generator.uniform(0.3, 0.7), 0.05) + np.exp(-(((away - 1) / 0.12) ** 2)) * 0.6
    return film + generator.random((SIDE, SIDE)) * 0.05 + 0.15 * _clouds(generator)


KINDS: dict[str, _Draw] = {
    "noise": _noise,
    "clouds": _clouds,
    "ramp": _ramp,
    "shapes": _shapes,
    "text": _text,
    "stripes": _stripes,
    "bones": _bones,
    "skull": _skull,
}
