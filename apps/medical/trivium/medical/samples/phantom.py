"""Drawn chests: radiographs of nobody, projected from simple shapes with the thickness of tissue in centimetres.

Enough anatomy for a worklist, a viewer and a draft to have something to show: lungs, heart, vessels, spine, ribs,
clavicles, diaphragm. Not for training or measuring anything. Coordinates are x to the right of the picture (the
patient's left) from the middle, and y downwards from the upper edge, both in centimetres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["HIGHEST", "PIXEL_MM", "Body", "Lesion", "frontal", "lateral"]

Grid = NDArray[np.floating[Any]]
HIGHEST = 4095  # of a stored value, 12 bits
_WIDTH_CM, _HEIGHT_CM = 33.0, 40.0
_SOFT, _BONE = 0.19, 0.45  # attenuation for each centimetre, at 120 kV
_AIR = 0.75  # share of the lung that is no tissue
_PX_PER_CM = 28
PIXEL_MM = 10 / _PX_PER_CM


@dataclass(frozen=True, slots=True)
class Lesion:
    """Something in a lung: a `patch` of opacity, a `nodule`, or an `effusion` that fills the lung from below.

    Args:
        kind: one of these.
        x: centre, in cm.
        y: centre, in cm; of an effusion, its level.
        radius: in cm.
    """

    kind: str
    x: float
    y: float
    radius: float = 1.0


@dataclass(frozen=True, slots=True)
class Body:
    """What distinguishes one drawn chest from another.

    Args:
        seed: of vessels, texture and noise.
        size: 1 for an adult, less for a child.
        heart: 1 for a usual heart.
        has_breasts: whether soft tissue lies over the lower lungs.
        lesions: what is in the lungs.
        photons: for each pixel behind no tissue; fewer make more noise.
        marker: letter of lead on the patient's side of that name; empty for none.
    """

    seed: int
    size: float = 1.0
    heart: float = 1.0
    has_breasts: bool = False
    lesions: tuple[Lesion, ...] = ()
    photons: float = 60_000.0
    marker: str = "R"


def frontal(body: Body) -> NDArray[np.uint16]:
    """Return a frontal film (H, W) uint16 in 0 to `HIGHEST`, bone bright."""
    x, y = _grid(body.size)
    chance = np.random.default_rng(body.seed)
    lungs = _lungs(x, y) * (1 - _heart(x, y, body.heart))
    soft = _trunk(x, y) - 15.0 * _AIR * lungs + _great_vessels(x, y) - 1.6 * _trachea(x, y)
    soft += lungs * (_vessels(x, y, chance, body.size) + _texture(x.shape, chance))
    if body.has_breasts:
        soft += sum(2.4 * _ball(x - side * 7.6, (y - 25) * 0.9, 5.6) for side in (-1, 1))
    for lesion in body.lesions:
        soft += _lesion(x, y, lungs, lesion, chance)
    bone = _spine(x, y) + _ribs(x, y) + _clavicles(x, y)
    return _exposed(soft, bone, body, chance)


def lateral(body: Body) -> NDArray[np.uint16]:
    """Return a left lateral film, the patient facing to the left of the picture."""
    x, y = _grid(body.size)
    chance = np.random.default_rng(body.seed + 1)
    trunk = 26.0 * np.sqrt(np.clip(1 - ((x + 0.5) / 13.5) ** 2, 0, 1)) * _step(y - 1.0 - 0.3 * np.abs(x))
    front, back = -10.5 + 0.05 * (y - 12) ** 2 * (y < 12), 9.5 - 0.004 * (y - 20) ** 2
    dome = 31.0 + 0.045 * (x + 4) ** 2 * np.where(x > -4, 1.0, 0.35)
    apex = 4.5 + 0.03 * x**2
    heart = 0.75 * _ball((x + 5.6) * 0.85, (y - 26) * 0.9, 5.4 * body.heart) ** 0.7
    lungs = _step(x - front) * _step(back - x) * _step(y - apex) * _step(dome - y) * (1 - heart)
    soft = trunk - 21.0 * _AIR * lungs
    soft += lungs * (_vessels(x, y, chance, body.size) + _texture(x.shape, chance))
    soft += 2.0 * _ball(x + 1.0, y - 18.5, 2.2) - 1.4 * _tube(np.abs(x - 0.6 - 0.06 * y), 0.9) * _step(17 - y)
    spine = 8.6 - 0.006 * (y - 20) ** 2
    discs = 0.7 + 0.3 * np.sign(np.cos(2 * np.pi * y / 2.5))
    bone = 1.3 * _tube(np.abs(x - spine), 1.7) * _blurred(discs.astype(np.float32), 3)
    bone += 0.6 * _tube(np.abs(x - front + 0.4), 0.5) * _step(24 - y) * _step(y - 7)
    for number in range(9):
        bone += 0.45 * _tube(np.abs(y - 5 - 2.6 * number - 0.55 * (8.0 - x)), 0.55) * lungs
    return _exposed(soft, bone, body, chance)


def _grid(size: float) -> tuple[Grid, Grid]:
    """Return x and y of each pixel in the centimetres of an adult: a child's film is smaller, its shapes alike."""
    rows, columns = round(_HEIGHT_CM * size * _PX_PER_CM), round(_WIDTH_CM * size * _PX_PER_CM)
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    scale = np.float32(_PX_PER_CM * size)
    return (x + 0.5) / scale - np.float32(_WIDTH_CM / 2), (y + 0.5) / scale


def _trunk(x: Grid, y: Grid) -> Grid:
    """Thickness of the body: neck, shoulders, chest, a little more below the diaphragm."""
    across = np.abs(x)
    edge = 15.6 + 6.0 * _step((9 - y) / 3) - 0.4 * np.cos(y / 6)
    shoulders = _step(y - 1.0 - 0.42 * np.maximum(across - 5.0, 0))
    depth = 20.0 + 2.5 * _step((y - 33) / 2)
    thickness: Grid = depth * np.sqrt(np.clip(1 - (across / edge) ** 2, 0, 1)) * (0.25 + 0.75 * shoulders)
    return thickness * np.where((across < 5.0) | (shoulders > 0.02), 1.0, 0.1)


def _lungs(x: Grid, y: Grid) -> Grid:
    """Share of a full lung at each place, 0 to 1, with soft edges."""
    across = np.abs(x)
    wall = 13.3 * np.sqrt(np.clip(1 - ((y - 28) / 24.5) ** 2, 0.0, 1))
    dome = np.where(x < 0, 30.4, 31.6) + 0.1 * (across - 6.2) ** 2 * np.where(across > 6.2, 1.0, 0.5)
    middle = 2.4 + 0.5 * np.exp(-(((y - 18) / 3) ** 2)) + 0.9 * _step((6 - y) / 1.5)
    inside = _step((wall - across) / 1.3) * _step((dome - y) / 0.6) * _step((across - middle) / 0.7)
    depth = 0.62 + 0.38 * np.sqrt(np.clip(1 - ((across - 6.8) / 7.4) ** 2, 0, 1))
    found: Grid = inside * depth * (0.55 + 0.45 * _step((y - 8) / 2))
    return found


def _heart(x: Grid, y: Grid, size: float) -> Grid:
    """Share of a lung that the heart takes, 0 to 1."""
    turned_x, turned_y = (x - 2.4) * 0.86 + (y - 26.4) * 0.5, (y - 26.4) * 0.86 - (x - 2.4) * 0.5
    ventricles = _ball(turned_x / (5.9 * size), turned_y / (5.0 * size), 1.0)
    atrium = _ball((x + 1.0) / (3.1 * size), (y - 26.0) / (4.8 * size), 1.0)
    found: Grid = 0.9 * np.maximum(ventricles, 0.85 * atrium) ** 0.7
    return found


def _great_vessels(x: Grid, y: Grid) -> Grid:
    knob, descending = 2.6 * _ball((x - 2.5) / 1.9, (y - 14.2) / 2.0, 1.0), 1.2 * _tube(np.abs(x - 2.6), 1.2)
    hila = sum(1.6 * _ball((x - side * 4.0) / 1.7, (y - at) / 2.4, 1.0) for side, at in ((-1, 19.0), (1, 18.0)))
    found: Grid = knob + descending * _step(y - 14) * _step(32 - y) + hila
    return found


def _trachea(x: Grid, y: Grid) -> Grid:
    upper = _tube(np.abs(x + 0.2), 0.95) * _step(15.5 - y)
    bronchi = _tube(np.abs(np.abs(x + 0.2) - 0.9 * (y - 15.2)), 0.7) * _step(y - 15.2) * _step(19 - y)
    return upper + 0.8 * bronchi


def _spine(x: Grid, y: Grid) -> Grid:
    bodies = 0.75 + 0.25 * np.tanh(4 * np.cos(2 * np.pi * y / 2.45))
    pedicles = 0.5 * _ball((np.abs(x) - 1.5) / 0.5, (np.mod(y, 2.45) - 1.0) / 0.6, 1.0)
    found: Grid = 0.85 * _tube(np.abs(x), 2.1) * bodies + pedicles
    return found


def _ribs(x: Grid, y: Grid) -> Grid:
    """Ten pairs: from the spine outwards and down, round the wall, and forwards to where the cartilage begins."""
    bone, across = np.zeros_like(x), np.abs(x)
    per_cm = x.shape[0] / _HEIGHT_CM
    for number in range(10):
        root = 5.2 + 2.45 * number
        side = 13.6 * math.sqrt(max(0.05, 1 - ((root + 3 - 28) / 24.5) ** 2))
        out = np.clip((across - 1.8) / (side - 1.8), 0, 1.04)
        behind = root - 0.9 * np.sin(np.pi * out) + (1.8 + 0.28 * number) * out**2
        front = root + 1.8 + 0.28 * number + 0.62 * (side - across)
        rows = slice(max(0, int((root - 2) * per_cm)), int((root + 13) * per_cm))
        part, height = across[rows], y[rows]
        inside = _step((side + 0.4 - part) / 0.3)
        bone[rows] += 1.0 * _shell(height - behind[rows], 0.62) * inside * _step((part - 1.8) / 0.2)
        if number < 7:
            ends = inside * _step((part - 5.0 - 0.3 * number) / 0.8)
            bone[rows] += 0.5 * _shell((height - front[rows]) * 0.85, 0.68) * ends
    return bone


def _clavicles(x: Grid, y: Grid) -> Grid:
    across = np.abs(x)
    course = 9.2 - 0.3 * (across - 1.6) + 0.35 * np.sin((across - 1.6) / 2.2)
    found: Grid = 1.5 * _shell(y - course, 0.62) * _step((across - 1.6) / 0.3) * _step(15.5 - across)
    return found


def _vessels(x: Grid, y: Grid, chance: np.random.Generator, size: float) -> Grid:
    """Thickness of vessels: trees that leave the hila and taper."""
    picture = Image.new("L", (x.shape[1], x.shape[0]))
    drawing, scale = ImageDraw.Draw(picture), _PX_PER_CM * size
    ends = [(side * 3.4, 18.5, angle, 0.62) for side in (-1, 1) for angle in np.linspace(-1.25, 1.45, 8)]
    ends = [(at, down, angle if at > 0 else np.pi - angle, width) for at, down, angle, width in ends]
    while ends:
        at, down, angle, width = ends.pop()
        if width < 0.09:
            continue
        angle += chance.normal(0, 0.14)
        length = chance.uniform(0.9, 1.7)
        to = (at + length * np.cos(angle), down + length * np.sin(angle))
        points = [((px + _WIDTH_CM / 2) * scale, py * scale) for px, py in ((at, down), to)]
        drawing.line(points, fill=int(min(255, 90 + 260 * width)), width=max(1, round(width * scale)))
        ends.append((*to, angle, width * 0.84))
        if chance.random() < 0.45:
            ends.append((*to, angle + chance.choice([-1, 1]) * chance.uniform(0.4, 0.8), width * 0.66))
    return _blurred(np.asarray(picture, np.float32), 1.6) * np.float32(1.7 / 255)


def _texture(shape: tuple[int, ...], chance: np.random.Generator) -> Grid:
    """Fine, cloudy unevenness of the lung, in cm."""
    noise = chance.standard_normal(shape, dtype=np.float32)
    fine, coarse = _blurred(noise, 2.5), _blurred(noise, 14)
    found: Grid = 0.22 * fine / fine.std() + 0.28 * coarse / coarse.std()
    return found


def _lesion(x: Grid, y: Grid, lungs: Grid, lesion: Lesion, chance: np.random.Generator) -> Grid:
    """Tissue that a lesion puts where air was, in cm."""
    found: Grid
    if lesion.kind == "effusion":
        side = np.sign(lesion.x)
        level = lesion.y - 0.05 * np.clip(np.abs(x) - 6, 0, None) ** 2  # a meniscus: higher at the wall
        found = 11.5 * lungs * _step((y - level) / 0.8) * (x * side > 0)
    elif lesion.kind == "nodule":
        found = 1.7 * lesion.radius * _ball(x - lesion.x, y - lesion.y, lesion.radius)
    else:
        near = np.exp(-((((x - lesion.x) ** 2 + (y - lesion.y) ** 2) / lesion.radius**2) ** 1.2))
        clouds = _blurred(chance.standard_normal(x.shape, dtype=np.float32), 9)
        found = 6.0 * near * np.clip(0.8 + 0.4 * clouds / clouds.std(), 0, 1.6) * (lungs > 0.1)
    return found


def _exposed(soft: Grid, bone: Grid, body: Body, chance: np.random.Generator) -> NDArray[np.uint16]:
    """Return the film: attenuated, scattered, noisy, as the logarithm of what arrives."""
    soft, bone = _blurred(np.maximum(soft, 0), 1.2), _blurred(bone, 1.2)
    arrived = np.exp(-_SOFT * soft - _BONE * bone)
    arrived = arrived + 0.25 * _blurred(arrived, 60)
    counted = chance.poisson(arrived * body.photons).astype(np.float32)
    film = -np.log(np.maximum(counted, 1.0) / body.photons)
    low, high = np.percentile(film[::8, ::8], [0.5, 99.8])
    film = (film - low) / (high - low)
    if body.marker:
        film = np.maximum(film, 1.1 * _lead(film.shape, body))
    return np.rint(np.clip(0.06 + 0.84 * film, 0, 1) * HIGHEST).astype(np.uint16)


def _lead(shape: tuple[int, ...], body: Body) -> Grid:
    """The letter of lead in the upper corner of the side that it names."""
    rows, columns = shape
    picture = Image.new("L", (columns, rows))
    font = ImageFont.load_default(size=rows / 24)
    at = 0.06 if body.marker == "R" else 0.9
    ImageDraw.Draw(picture).text((at * columns, 0.035 * rows), body.marker, fill=255, font=font)
    return np.asarray(picture, np.float32) / np.float32(255)


def _step(distance: Grid) -> Grid:
    """0 well outside, 1 well inside, soft over a centimetre."""
    found: Grid = 1 / (1 + np.exp(-np.clip(distance * 5, -30, 30)))
    return found


def _ball(x: Grid, y: Grid, radius: float) -> Grid:
    """Thickness of a ball of radius 1, drawn with this radius."""
    found: Grid = np.sqrt(np.clip(1 - (x * x + y * y) / radius**2, 0, 1))
    return found


def _tube(distance: Grid, radius: float) -> Grid:
    """Thickness of a tube of radius 1 at this distance from its axis."""
    found: Grid = np.sqrt(np.clip(1 - (distance / radius) ** 2, 0, 1))
    return found


def _shell(distance: Grid, radius: float) -> Grid:
    """Thickness of a hollow bone: its edges are denser than its middle."""
    return _tube(distance, radius) - np.float32(0.55) * _tube(distance, radius * 0.72)


def _blurred(values: Grid, sigma_px: float) -> Grid:
    """Blur with a Gaussian, mirrored at the edges."""
    pad = min(int(3 * sigma_px) + 1, min(values.shape) - 100)
    more = [(pad, pad + -(length + 2 * pad) % 64) for length in values.shape]  # lengths that an FFT is quick for
    wide = np.pad(values, more, mode="reflect")
    for axis, length in enumerate(wide.shape):
        weights = np.exp(-2 * (np.pi * sigma_px * np.fft.rfftfreq(length)) ** 2).astype(np.float32)
        shape = (-1, 1) if axis == 0 else (1, -1)
        wide = np.fft.irfft(np.fft.rfft(wide, axis=axis) * weights.reshape(shape), length, axis=axis)
    return wide[pad : pad + values.shape[0], pad : pad + values.shape[1]].astype(np.float32)
