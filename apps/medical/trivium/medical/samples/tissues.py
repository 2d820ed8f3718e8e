"""The tissues of a drawn chest: each a simple shape, as thickness in centimetres or as a share, at every place.

Coordinates are x to the right of the picture (the patient's left) from the middle, and y downwards from the upper edge,
both in centimetres of an adult.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

__all__ = [
    "PX_PER_CM", "Grid", "ball", "blurred", "clavicles", "great_vessels", "grid", "heart", "lungs", "ribs", "shell",
    "spine", "step", "texture", "trachea", "trunk", "tube", "vessels",
]  # fmt: skip

Grid = NDArray[np.floating[Any]]
PX_PER_CM = 28  # of an adult's film
WIDTH_CM, HEIGHT_CM = 33.0, 40.0


def grid(size: float) -> tuple[Grid, Grid]:
    """Return x and y of each pixel in the centimetres of an adult: a child's film is smaller, its shapes alike."""
    rows, columns = round(HEIGHT_CM * size * PX_PER_CM), round(WIDTH_CM * size * PX_PER_CM)
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    scale = np.float32(PX_PER_CM * size)
    return (x + 0.5) / scale - np.float32(WIDTH_CM / 2), (y + 0.5) / scale


def trunk(x: Grid, y: Grid) -> Grid:
    """Thickness of the body: neck, shoulders, chest, a little more below the diaphragm."""
    across = np.abs(x)
    edge = 15.6 + 6.0 * step((9 - y) / 3) - 0.4 * np.cos(y / 6)
    shoulders = step(y - 1.0 - 0.42 * np.maximum(across - 5.0, 0))
    depth = 20.0 + 2.5 * step((y - 33) / 2)
    thickness: Grid = depth * np.sqrt(np.clip(1 - (across / edge) ** 2, 0, 1)) * (0.25 + 0.75 * shoulders)
    return thickness * np.where((across < 5.0) | (shoulders > 0.02), 1.0, 0.1)


def lungs(x: Grid, y: Grid) -> Grid:
    """Share of a full lung at each place, 0 to 1, with soft edges."""
    across = np.abs(x)
    wall = 13.3 * np.sqrt(np.clip(1 - ((y - 28) / 24.5) ** 2, 0.0, 1))
    dome = np.where(x < 0, 30.4, 31.6) + 0.1 * (across - 6.2) ** 2 * np.where(across > 6.2, 1.0, 0.5)
    middle = 2.4 + 0.5 * np.exp(-(((y - 18) / 3) ** 2)) + 0.9 * step((6 - y) / 1.5)
    inside = step((wall - across) / 1.3) * step((dome - y) / 0.6) * step((across - middle) / 0.7)
    depth = 0.62 + 0.38 * np.sqrt(np.clip(1 - ((across - 6.8) / 7.4) ** 2, 0, 1))
    found: Grid = inside * depth * (0.55 + 0.45 * step((y - 8) / 2))
    return found


def heart(x: Grid, y: Grid, size: float) -> Grid:
    """Share of a lung that the heart takes, 0 to 1."""
    turned_x, turned_y = (x - 2.4) * 0.86 + (y - 26.4) * 0.5, (y - 26.4) * 0.86 - (x - 2.4) * 0.5
    ventricles = ball(turned_x / (5.9 * size), turned_y / (5.0 * size), 1.0)
    atrium = ball((x + 1.0) / (3.1 * size), (y - 26.0) / (4.8 * size), 1.0)
    found: Grid = 0.9 * np.maximum(ventricles, 0.85 * atrium) ** 0.7
    return found


def great_vessels(x: Grid, y: Grid) -> Grid:
    """Thickness of the aortic knob, the descending aorta and the hila."""
    knob, descending = 2.6 * ball((x - 2.5) / 1.9, (y - 14.2) / 2.0, 1.0), 1.2 * tube(np.abs(x - 2.6), 1.2)
    hila = sum(1.6 * ball((x - side * 4.0) / 1.7, (y - at) / 2.4, 1.0) for side, at in ((-1, 19.0), (1, 18.0)))
    found: Grid = knob + descending * step(y - 14) * step(32 - y) + hila
    return found


def trachea(x: Grid, y: Grid) -> Grid:
    """Air in the windpipe and the main bronchi."""
    upper = tube(np.abs(x + 0.2), 0.95) * step(15.5 - y)
    bronchi = tube(np.abs(np.abs(x + 0.2) - 0.9 * (y - 15.2)), 0.7) * step(y - 15.2) * step(19 - y)
    return upper + 0.8 * bronchi


def spine(x: Grid, y: Grid) -> Grid:
    """Bone of the vertebrae and their pedicles."""
    bodies = 0.75 + 0.25 * np.tanh(4 * np.cos(2 * np.pi * y / 2.45))
    pedicles = 0.5 * ball((np.abs(x) - 1.5) / 0.5, (np.mod(y, 2.45) - 1.0) / 0.6, 1.0)
    found: Grid = 0.85 * tube(np.abs(x), 2.1) * bodies + pedicles
    return found


def ribs(x: Grid, y: Grid) -> Grid:
    """Ten pairs: from the spine outwards and down, round the wall, and forwards to where the cartilage begins."""
    bone, across = np.zeros_like(x), np.abs(x)
    per_cm = x.shape[0] / HEIGHT_CM
    for number in range(10):
        root = 5.2 + 2.45 * number
        side = 13.6 * math.sqrt(max(0.05, 1 - ((root + 3 - 28) / 24.5) ** 2))
        out = np.clip((across - 1.8) / (side - 1.8), 0, 1.04)
        behind = root - 0.9 * np.sin(np.pi * out) + (1.8 + 0.28 * number) * out**2
        front = root + 1.8 + 0.28 * number + 0.62 * (side - across)
        rows = slice(max(0, int((root - 2) * per_cm)), int((root + 13) * per_cm))
        part, height = across[rows], y[rows]
        inside = step((side + 0.4 - part) / 0.3)
        bone[rows] += 1.0 * shell(height - behind[rows], 0.62) * inside * step((part - 1.8) / 0.2)
        if number < 7:
            ends = inside * step((part - 5.0 - 0.3 * number) / 0.8)
            bone[rows] += 0.5 * shell((height - front[rows]) * 0.85, 0.68) * ends
    return bone


def clavicles(x: Grid, y: Grid) -> Grid:
    """Bone of both collar bones."""
    across = np.abs(x)
    course = 9.2 - 0.3 * (across - 1.6) + 0.35 * np.sin((across - 1.6) / 2.2)
    found: Grid = 1.5 * shell(y - course, 0.62) * step((across - 1.6) / 0.3) * step(15.5 - across)
    return found


def vessels(x: Grid, y: Grid, chance: np.random.Generator, size: float) -> Grid:
    """Thickness of vessels: trees that leave the hila and taper."""
    picture = Image.new("L", (x.shape[1], x.shape[0]))
    drawing, scale = ImageDraw.Draw(picture), PX_PER_CM * size
    ends = [(side * 3.4, 18.5, angle, 0.62) for side in (-1, 1) for angle in np.linspace(-1.25, 1.45, 8)]
    ends = [(at, down, angle if at > 0 else np.pi - angle, width) for at, down, angle, width in ends]
    while ends:
        at, down, angle, width = ends.pop()
        if width < 0.09:
            continue
        angle += chance.normal(0, 0.14)
        length = chance.uniform(0.9, 1.7)
        to = (at + length * np.cos(angle), down + length * np.sin(angle))
        points = [((px + WIDTH_CM / 2) * scale, py * scale) for px, py in ((at, down), to)]
        drawing.line(points, fill=int(min(255, 90 + 260 * width)), width=max(1, round(width * scale)))
        ends.append((*to, angle, width * 0.84))
        if chance.random() < 0.45:
            ends.append((*to, angle + chance.choice([-1, 1]) * chance.uniform(0.4, 0.8), width * 0.66))
    return blurred(np.asarray(picture, np.float32), 1.6) * np.float32(1.7 / 255)


def texture(shape: tuple[int, ...], chance: np.random.Generator) -> Grid:
    """Fine, cloudy unevenness of the lung, in cm."""
    noise = chance.standard_normal(shape, dtype=np.float32)
    fine, coarse = blurred(noise, 2.5), blurred(noise, 14)
    found: Grid = 0.22 * fine / fine.std() + 0.28 * coarse / coarse.std()
    return found


def step(distance: Grid) -> Grid:
    """0 well outside, 1 well inside, soft over a centimetre."""
    found: Grid = 1 / (1 + np.exp(-np.clip(distance * 5, -30, 30)))
    return found


def ball(x: Grid, y: Grid, radius: float) -> Grid:
    """Thickness of a ball of radius 1, drawn with this radius."""
    found: Grid = np.sqrt(np.clip(1 - (x * x + y * y) / radius**2, 0, 1))
    return found


def tube(distance: Grid, radius: float) -> Grid:
    """Thickness of a tube of radius 1 at this distance from its axis."""
    found: Grid = np.sqrt(np.clip(1 - (distance / radius) ** 2, 0, 1))
    return found


def shell(distance: Grid, radius: float) -> Grid:
    """Thickness of a hollow bone: its edges are denser than its middle."""
    return tube(distance, radius) - np.float32(0.55) * tube(distance, radius * 0.72)


def blurred(values: Grid, sigma_px: float) -> Grid:
    """Blur with a Gaussian, mirrored at the edges."""
    pad = min(int(3 * sigma_px) + 1, min(values.shape) - 100)
    more = [(pad, pad + -(length + 2 * pad) % 64) for length in values.shape]  # lengths that an FFT is quick for
    wide = np.pad(values, more, mode="reflect")
    for axis, length in enumerate(wide.shape):
        weights = np.exp(-2 * (np.pi * sigma_px * np.fft.rfftfreq(length)) ** 2).astype(np.float32)
        shape = (-1, 1) if axis == 0 else (1, -1)
        wide = np.fft.irfft(np.fft.rfft(wide, axis=axis) * weights.reshape(shape), length, axis=axis)
    return wide[pad : pad + values.shape[0], pad : pad + values.shape[1]].astype(np.float32)
