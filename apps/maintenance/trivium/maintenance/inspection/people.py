"""People in a zone around a machine, from LiDAR clouds: information only, not a safety function.

The detector is a network that misses people (docs/pointcloud-real-log.md); nothing may be switched by what it says.
Every output carries that sentence. Clouds are in metres, in the sensor's frame, z up; the zone lies in x and y.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trivium.service.errors import InputError
from trivium.service.phrase import Phrase
from trivium.service.text import catalogue

if TYPE_CHECKING:
    from trivium.pointcloud.detector.detect import Detection, Detector

__all__ = ["Frame", "Person", "Zone", "note", "people_page", "read_zone", "watch", "write_people"]

_PERSONS = ("Pedestrian", "Cyclist")
_MOST_CORNERS = 100
_MOST_MARGIN_M = 100.0
Point = tuple[float, float]


@dataclass(frozen=True)
class Zone:
    """The outline of a machine and how far around it counts.

    Args:
        machine: its name.
        corners: of the outline in order, metres, x and y in the sensor's frame.
        margin_m: a person this close to the outline is in the zone.

    Raises:
        InputError: if there are fewer than three corners, or a number is out of range.
    """

    machine: str
    corners: tuple[Point, ...]
    margin_m: float

    def __post_init__(self) -> None:
        if not 3 <= len(self.corners) <= _MOST_CORNERS:
            raise InputError(
                Phrase("the outline has {count} corners, not 3 to {most}", count=len(self.corners), most=_MOST_CORNERS),
                where="zone",
            )
        if not all(math.isfinite(value) for corner in self.corners for value in corner):
            raise InputError("a corner of the outline is not finite", where="zone")
        if not 0 <= self.margin_m <= _MOST_MARGIN_M:
            raise InputError(
                Phrase(
                    "a margin of {margin} m is not between 0 and {most}",
                    margin=f"{self.margin_m:g}",
                    most=f"{_MOST_MARGIN_M:g}",
                ),
                where="zone",
            )

    def distance(self, point: Point) -> float:
        """Return how far a point lies from the outline, metres; 0 inside."""
        sides = list(zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True))
        x, y = point
        crossings = sum(
            (a[1] > y) != (b[1] > y) and x < a[0] + (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) for a, b in sides
        )
        return 0.0 if crossings % 2 else min(_to_side(point, a, b) for a, b in sides)


@dataclass(frozen=True)
class Person:
    """One detection: centre in metres, the shortest way from its box to the outline, the detector's score."""

    x: float
    y: float
    z: float
    distance_m: float
    is_in_zone: bool
    score: float


@dataclass(frozen=True)
class Frame:
    """The people of one cloud, the nearest first."""

    file: str
    people: tuple[Person, ...]

    @property
    def in_zone(self) -> int:
        """How many are in the zone."""
        return sum(one.is_in_zone for one in self.people)


def note(language: str) -> str:
    """Return the sentence that every output carries."""
    return catalogue("trivium.maintenance", language)["inspection.people.note"]


def read_zone(data: Mapping[str, Any], where: str) -> Zone:
    """Read a zone: `{"machine": NAME, "corners_m": [[x, y], ...], "margin_m": 1.5}`.

    Raises:
        InputError: if it is not of this form.
    """
    try:
        corners = tuple((float(x), float(y)) for x, y in data["corners_m"])
        return Zone(str(data.get("machine", ""))[:120], corners, float(data.get("margin_m", 0.0)))
    except InputError as error:
        raise InputError(error.what, where=where) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        hint = '{"machine": "press", "corners_m": [[x, y], ...], "margin_m": 1.5}'
        raise InputError("is no zone", where=where, hint=hint) from error


def watch(
    clouds: Sequence[tuple[str, Path]],
    zone: Zone,
    *,
    min_score: float,
    detector: Detector,
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> list[Frame]:
    """Find people in clouds, each with the name to call it by.

    Raises:
        InputError: if a cloud cannot be read.
    """
    from trivium.pointcloud.commands import detector_points

    frames = []
    for number, (name, path) in enumerate(clouds):
        progress(number, len(clouds))
        points = detector_points(path)
        found = [one for one in detector.detect(points, min_score=min_score) if one.label in _PERSONS]
        people = sorted((_person(one, zone) for one in found), key=lambda one: one.distance_m)
        frames.append(Frame(name, tuple(people)))
    return frames


def write_people(path: Path, zone: Zone, frames: Sequence[Frame], language: str) -> Path:
    """Write `people.json`.

    Raises:
        InputError: if it cannot be written.
    """
    told = {
        "note": note(language),
        "machine": zone.machine,
        "corners_m": zone.corners,
        "margin_m": zone.margin_m,
        "frames": [asdict(one) | {"in_zone": one.in_zone} for one in frames],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", where=str(path)) from error
    return path


def people_page(zone: Zone, frames: Sequence[Frame], language: str) -> dict[str, Any]:
    """Return what the app's own page shows, as JSON data; never in the colours of a verdict."""
    texts = catalogue("trivium.maintenance", language)
    most = max((one.in_zone for one in frames), default=0)
    seen = [[one.file, str(one.in_zone), str(len(one.people)), _nearest(one)] for one in frames]
    return {
        "title": texts.say("inspection.people.title", machine=zone.machine or "-"),
        "tone": "note",
        "verdict": texts.say("inspection.people.most", count=most, margin=f"{zone.margin_m:g}"),
        "warning": note(language),
        "sentences": [],
        "facts": [],
        "heading": texts["inspection.people.clouds"],
        "heads": [texts[f"inspection.people.{name}"] for name in ("cloud", "in_zone", "people", "nearest")],
        "rows": seen,
        "nothing": "",
    }


def _nearest(frame: Frame) -> str:
    return f"{frame.people[0].distance_m:.1f}" if frame.people else "-"


def _person(found: Detection, zone: Zone) -> Person:
    cosine, sine = math.cos(found.yaw), math.sin(found.yaw)
    ends = [(0.0, 0.0), *((a * found.length / 2, b * found.width / 2) for a in (-1, 1) for b in (-1, 1))]
    corners = [(found.x + cosine * u - sine * v, found.y + sine * u + cosine * v) for u, v in ends]
    distance = min(zone.distance(corner) for corner in corners)
    return Person(found.x, found.y, found.z, distance, distance <= zone.margin_m, found.score)


def _to_side(point: Point, a: Point, b: Point) -> float:
    along = (b[0] - a[0], b[1] - a[1])
    length = along[0] ** 2 + along[1] ** 2
    share = ((point[0] - a[0]) * along[0] + (point[1] - a[1]) * along[1]) / length if length else 0.0
    share = min(max(share, 0.0), 1.0)
    return math.dist(point, (a[0] + share * along[0], a[1] + share * along[1]))
