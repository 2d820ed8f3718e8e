"""Text in pixels: how much of what is written on films is covered, and how often a film is covered where nothing was.

    python benchmarks/medical_burned_in.py --seed 10

Names, numbers, dates and times are drawn on open films in several fonts, sizes (9 to 36 px for 900 px of film),
colours and places, some through JPEG; a text counts as found when 98 % of its glyphs are covered. The films have texts
of their own ("PORTABLE", names of wards), so those covered without a planted text are not all wrong: what lies in the
middle of the film (60 % of width and height), where no site writes, is counted apart. `--sheet` draws what was covered.
The rules were made on half of the NIH and a third of the Hannover films; the COVID films were not looked at.
"""

from __future__ import annotations

import io
import random
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).parent))
from setting import DATA, arguments, require_data, setting, verdict

from trivium.medical.intake.burned_in import Box, find_text

SOURCES = {"NIH 512 px": "nih/nih512", "Hannover": "hannover/images", "COVID": "covid-ccby*/images"}
SIZES = (9, 10, 11, 12, 14, 16, 18, 20, 24, 28, 36)
CHINESE = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
FOUND = 0.98
MIDDLE = 0.2  # from each side


@dataclass(frozen=True)
class Written:
    """A film with a text on it: pixels, glyphs (bool), the style, the height of the font."""

    pixels: np.ndarray
    ink: np.ndarray
    style: str
    size: int


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--texts", type=int, default=150)
    parser.add_argument("--sheet", type=Path, metavar="FILE.png", help="draw the films that are covered as they came")
    given = parser.parse_args()
    print(setting(("numpy", "scipy", "pillow"), given.seed))
    folder = require_data(DATA / "medical")
    paths = {name: sorted(folder.glob(f"{place}/*")) for name, place in SOURCES.items()}
    touched, films = untouched_films(paths, given.sheet)
    every = [path for some in paths.values() for path in some]
    recall, whole = planted_texts(every, given.texts, random.Random(given.seed))
    wrong = touched / films
    is_good = recall >= 0.95 and wrong <= 0.02
    return verdict(
        is_good, f"texts covered {recall:.3f} (0.95) of {whole}; films covered in the middle {wrong:.3f} (0.02)"
    )


def untouched_films(paths: dict[str, list[Path]], sheet: Path | None) -> tuple[int, int]:
    """Print what is covered on films as they came; return films covered in the middle, and films."""
    shown, total, middle_total = [], 0, 0
    for name, some in paths.items():
        touched, middle, areas = 0, 0, []
        for path in some:
            film = opened(path)
            boxes = find_text(film)
            touched += bool(boxes)
            middle += any(is_in_the_middle(one, film.shape) for one in boxes)
            areas.append(sum((one.right - one.left) * (one.bottom - one.top) for one in boxes) / film.size)
            if boxes and sheet:
                shown.append(drawn(film, boxes))
        print(
            f"{name}: {len(some)} films, {touched} covered somewhere, {middle} in the middle; "
            f"of a covered film {np.median([one for one in areas if one] or [0]):.1%} (at most {max(areas):.1%})"
        )
        total, middle_total = total + len(some), middle_total + middle
    if sheet:
        tiled(shown).save(sheet)
    return middle_total, total


def planted_texts(paths: list[Path], count: int, rng: random.Random) -> tuple[float, int]:
    """Print how many texts are covered, by style and size; return the share and the number."""
    every = sorted(Path("/usr/share/fonts/truetype").glob("dejavu*/*.ttf"))  # others may hold symbols alone
    fonts = [str(one) for one in every if "Math" not in one.name]
    seen, found = Counter(), Counter()
    while seen["all"] < count:
        film = enlarged(opened(rng.choice(paths)), rng)
        one = written_on(film, rng, fonts)
        if one is None:
            continue
        region = np.zeros(one.ink.shape, bool)
        for box in find_text(one.pixels):
            region[box.top : box.bottom, box.left : box.right] = True
        is_found = (one.ink & region).sum() >= FOUND * one.ink.sum()
        for key in ("all", one.style, "under 14 px" if one.size < 14 else "14 px and more"):
            seen[key] += 1
            found[key] += is_found
    for key in seen:
        print(f"{key}: {found[key]} of {seen[key]} covered ({found[key] / seen[key]:.3f})")
    print(f"{len(fonts)} fonts beside Pillow's own; Chinese: {Path(CHINESE).exists()}")
    return found["all"] / seen["all"], seen["all"]


def opened(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image if image.mode in ("L", "I;16") else image.convert("L"))


def enlarged(film: np.ndarray, rng: random.Random) -> np.ndarray:
    """Return the film at one to four times its size, as 12 bits with the grain of a detector."""
    times = rng.choice([1, 1, 1, 2, 2, 4])
    values = film.astype(np.float32) * (4095 / max(int(film.max()), 1))
    if times > 1:
        size = (film.shape[1] * times, film.shape[0] * times)
        values = np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BICUBIC))
        values = values + np.random.default_rng(rng.randrange(2**32)).normal(0, 20, values.shape)
    return np.clip(np.rint(values), 0, 4095).astype(np.uint16)


def written_on(film: np.ndarray, rng: random.Random, fonts: list[str]) -> Written | None:
    """Draw one text; None where it does not fit."""
    is_chinese = rng.random() < 0.15 and Path(CHINESE).exists()
    size = max(round(rng.choice(SIZES) * max(1.0, min(film.shape) / 900)), 14 if is_chinese else 9)
    text = "".join(rng.sample("张王李赵伟芳娜敏静丽强磊军洋勇艳杰涛明超", 3)) if is_chinese else a_text(rng)
    name = CHINESE if is_chinese else rng.choice(fonts) if fonts and rng.random() < 0.9 else ""
    font = ImageFont.truetype(name, size) if name else ImageFont.load_default(size)
    style = rng.choice(["white", "white", "white", "black", "in a box", "outlined"])
    board = Image.new("L", film.shape[::-1], 0)
    pen, wide = ImageDraw.Draw(board), Image.new("L", film.shape[::-1], 0)
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    width, height = round(right - left), round(bottom - top)
    if width > film.shape[1] - 12 or height > film.shape[0] - 12:
        return None
    x, y = place(film.shape, width, height, rng)
    pen.text((x - left, y - top), text, fill=255, font=font)
    ink = np.asarray(board, np.float32) / 255
    low, high = float(film.min()), float(film.max())
    out, color = film.astype(np.float32), high if style != "black" else low
    if style == "in a box":
        out[max(y - 4, 0) : y + height + 4, max(x - 4, 0) : x + width + 4] = low
    elif style == "outlined":
        ImageDraw.Draw(wide).text((x - left, y - top), text, fill=255, font=font, stroke_width=1)
        edge = np.asarray(wide, np.float32) / 255
        out = out * (1 - edge) + low * edge
    elif abs(float(np.median(out[y : y + height, x : x + width])) - color) < 0.35 * (high - low):
        color = low if color == high else high  # nobody writes white on white
    out = np.rint(out * (1 - ink) + color * ink)
    pixels = through_jpeg(out) if rng.random() < 0.3 else out.astype(np.uint16)
    return Written(pixels, ink > 0.5, "Chinese" if is_chinese else style, size)


def place(shape: tuple[int, ...], width: int, height: int, rng: random.Random) -> tuple[int, int]:
    """Return where a text begins: seven in ten at a side, as sites write, the others anywhere."""
    right, bottom = shape[1] - width - 8, shape[0] - height - 8
    if rng.random() < 0.7:
        return rng.choice([4, right]), rng.randint(2, bottom) if rng.random() < 0.3 else rng.choice([3, bottom])
    return rng.randint(2, right), rng.randint(2, bottom)


def a_text(rng: random.Random) -> str:
    name = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(3, 8))).title()
    day = f"{rng.randint(1, 28):02d}/{rng.randint(1, 12):02d}/{rng.randint(1930, 2020)}"
    clock = f"{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}"
    return rng.choice([
        f"{name} {name[::-1].title()}", name.upper(), f"{rng.randrange(10**8):08d}", day, f"DOB: 12.03.19{day[:2]}",
        f"{name}, {name[0]}.", f"MRN-{rng.randrange(10**6):06d}", f"St. {name} Hospital", clock,
    ])  # fmt: skip


def through_jpeg(film: np.ndarray) -> np.ndarray:
    out = io.BytesIO()
    Image.fromarray((film / 16).astype(np.uint8)).save(out, "JPEG", quality=85)
    return np.asarray(Image.open(out))


def is_in_the_middle(box: Box, shape: tuple[int, ...]) -> bool:
    x, y = (box.left + box.right) / 2 / shape[1], (box.top + box.bottom) / 2 / shape[0]
    return MIDDLE < x < 1 - MIDDLE and MIDDLE < y < 1 - MIDDLE


def drawn(film: np.ndarray, boxes: tuple[Box, ...]) -> Image.Image:
    picture = Image.fromarray((film / max(int(film.max()), 1) * 255).astype(np.uint8)).convert("RGB")
    pen = ImageDraw.Draw(picture)
    for one in boxes:
        pen.rectangle((one.left, one.top, one.right - 1, one.bottom - 1), outline=(255, 0, 0))
    return picture.resize((400, 400))


def tiled(pictures: list[Image.Image]) -> Image.Image:
    sheet = Image.new("RGB", (6 * 400, max(1, -(-len(pictures) // 6)) * 400))
    for index, one in enumerate(pictures):
        sheet.paste(one, (index % 6 * 400, index // 6 * 400))
    return sheet


if __name__ == "__main__":
    sys.exit(main())
