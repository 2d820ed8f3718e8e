"""Drawn chests: radiographs of nobody, projected from simple shapes with the thickness of tissue in centimetres.

Enough anatomy for a worklist, a viewer and a draft to have something to show: lungs, heart, vessels, spine, ribs,
clavicles, diaphragm. Findings are not learned from them: they show nothing that a disease looks like. Outlines are
(`drawn_outlines.py`), because of a drawing each is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from trivium.medical.samples import tissues

__all__ = ["AIR", "HIGHEST", "PIXEL_MM", "Body", "Lesion", "exposed", "frontal", "lateral", "tissue_of"]

HIGHEST = 4095  # of a stored value, 12 bits
_SOFT, _BONE = 0.19, 0.45  # attenuation for each centimetre, at 120 kV
AIR = 0.75  # share of the lung that is no tissue
PIXEL_MM = 10 / tissues.PX_PER_CM


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
    x, y = tissues.grid(body.size)
    chance = np.random.default_rng(body.seed)
    lungs = tissues.lungs(x, y) * (1 - tissues.heart(x, y, body.heart))
    soft = tissues.trunk(x, y) - 15.0 * AIR * lungs + tissues.great_vessels(x, y) - 1.6 * tissues.trachea(x, y)
    soft += lungs * (tissues.vessels(x, y, chance, body.size) + tissues.texture(x.shape, chance))
    if body.has_breasts:
        soft += sum(2.4 * tissues.ball(x - side * 7.6, (y - 25) * 0.9, 5.6) for side in (-1, 1))
    for lesion in body.lesions:
        soft += tissue_of(x, y, lungs, lesion, chance)
    bone = tissues.spine(x, y) + tissues.ribs(x, y) + tissues.clavicles(x, y)
    return exposed(soft, bone, body, chance)


def lateral(body: Body) -> NDArray[np.uint16]:
    """Return a left lateral film, the patient facing to the left of the picture."""
    x, y = tissues.grid(body.size)
    chance = np.random.default_rng(body.seed + 1)
    trunk = 26.0 * np.sqrt(np.clip(1 - ((x + 0.5) / 13.5) ** 2, 0, 1)) * tissues.step(y - 1.0 - 0.3 * np.abs(x))
    front, back = -10.5 + 0.05 * (y - 12) ** 2 * (y < 12), 9.5 - 0.004 * (y - 20) ** 2
    dome = 31.0 + 0.045 * (x + 4) ** 2 * np.where(x > -4, 1.0, 0.35)
    apex = 4.5 + 0.03 * x**2
    heart = 0.75 * tissues.ball((x + 5.6) * 0.85, (y - 26) * 0.9, 5.4 * body.heart) ** 0.7
    lungs = (
        tissues.step(x - front) * tissues.step(back - x) * tissues.step(y - apex) * tissues.step(dome - y) * (1 - heart)
    )
    soft = trunk - 21.0 * AIR * lungs
    soft += lungs * (tissues.vessels(x, y, chance, body.size) + tissues.texture(x.shape, chance))
    soft += 2.0 * tissues.ball(x + 1.0, y - 18.5, 2.2) - 1.4 * tissues.tube(
        np.abs(x - 0.6 - 0.06 * y), 0.9
    ) * tissues.step(17 - y)
    spine = 8.6 - 0.006 * (y - 20) ** 2
    discs = 0.7 + 0.3 * np.sign(np.cos(2 * np.pi * y / 2.5))
    bone = 1.3 * tissues.tube(np.abs(x - spine), 1.7) * tissues.blurred(discs.astype(np.float32), 3)
    bone += 0.6 * tissues.tube(np.abs(x - front + 0.4), 0.5) * tissues.step(24 - y) * tissues.step(y - 7)
    for number in range(9):
        bone += 0.45 * tissues.tube(np.abs(y - 5 - 2.6 * number - 0.55 * (8.0 - x)), 0.55) * lungs
    return exposed(soft, bone, body, chance)


def tissue_of(
    x: tissues.Grid, y: tissues.Grid, lungs: tissues.Grid, lesion: Lesion, chance: np.random.Generator
) -> tissues.Grid:
    """Tissue that a lesion puts where air was, in cm."""
    found: tissues.Grid
    if lesion.kind == "effusion":
        side = np.sign(lesion.x)
        level = lesion.y - 0.05 * np.clip(np.abs(x) - 6, 0, None) ** 2  # a meniscus: higher at the wall
        found = 11.5 * lungs * tissues.step((y - level) / 0.8) * (x * side > 0)
    elif lesion.kind == "nodule":
        found = 1.7 * lesion.radius * tissues.ball(x - lesion.x, y - lesion.y, lesion.radius)
    else:
        near = np.exp(-((((x - lesion.x) ** 2 + (y - lesion.y) ** 2) / lesion.radius**2) ** 1.2))
        clouds = tissues.blurred(chance.standard_normal(x.shape, dtype=np.float32), 9)
        found = 6.0 * near * np.clip(0.8 + 0.4 * clouds / clouds.std(), 0, 1.6) * (lungs > 0.1)
    return found


def exposed(soft: tissues.Grid, bone: tissues.Grid, body: Body, chance: np.random.Generator) -> NDArray[np.uint16]:
    """Return the film: attenuated, scattered, noisy, as the logarithm of what arrives."""
    soft, bone = tissues.blurred(np.maximum(soft, 0), 1.2), tissues.blurred(bone, 1.2)
    arrived = np.exp(-_SOFT * soft - _BONE * bone)
    arrived = arrived + 0.25 * tissues.blurred(arrived, 60)
    counted = chance.poisson(arrived * body.photons).astype(np.float32)
    film = -np.log(np.maximum(counted, 1.0) / body.photons)
    low, high = np.percentile(film[::8, ::8], [0.5, 99.8])
    film = (film - low) / (high - low)
    if body.marker:
        film = np.maximum(film, 1.1 * _lead(film.shape, body))
    return np.rint(np.clip(0.06 + 0.84 * film, 0, 1) * HIGHEST).astype(np.uint16)


def _lead(shape: tuple[int, ...], body: Body) -> tissues.Grid:
    """The letter of lead in the upper corner of the side that it names."""
    rows, columns = shape
    picture = Image.new("L", (columns, rows))
    font = ImageFont.load_default(size=rows / 24)
    at = 0.06 if body.marker == "R" else 0.9
    ImageDraw.Draw(picture).text((at * columns, 0.035 * rows), body.marker, fill=255, font=font)
    return np.asarray(picture, np.float32) / np.float32(255)
