"""Datums (3-2-1): six places hold the scan, whatever the rest of the part looks like."""

from __future__ import annotations

import numpy as np
import pytest
from tests.maintenance.inspection.test_inspection import POSE, bracket, seen

from trivium.maintenance.inspection.datum import fit_datums, read_datums
from trivium.maintenance.inspection.poses import apply, displacement, exponential, inverse
from trivium.maintenance.inspection.reference import Reference
from trivium.maintenance.inspection.trust import Trust, on_datums
from trivium.service.errors import InputError

FILE = """# the bracket stands on z = 0, against y = 0 and x = 0
A 5 5 0
A 35 5 0
a 5, 25, 0
B 5 0 6   # along the long side
B 35 0 6
C 0 20 6
"""
NUDGE = exponential(np.array([[0.002, -0.003, 0.001, 0.05, -0.04, 0.08]]))[0]


@pytest.fixture(scope="module")
def part() -> Reference:
    return Reference(bracket())


@pytest.fixture
def datums(tmp_path, part):
    (tmp_path / "datums.txt").write_text(FILE)
    return read_datums(tmp_path / "datums.txt", 1.0, part)


def test_a_scan_is_laid_on_its_six_places(part, datums):
    fit = fit_datums(seen(part), NUDGE @ POSE, datums, part, 3.0)
    assert displacement(fit.pose, POSE, apply(inverse(POSE), part.outline)) < 0.01
    assert fit.is_seen
    assert 0 < fit.looseness_mm < 0.01


def test_a_thick_top_does_not_pull(part, datums):
    """The top is 0.3 too high; by best fit the part would sink. By datums all of it stands on top."""
    points = apply(POSE, seen(part))
    points[points[:, 2] > 11.5, 2] += 0.3
    fit = fit_datums(apply(inverse(POSE), points), NUDGE @ POSE, datums, part, 3.0)
    moved = apply(fit.pose, apply(inverse(POSE), points))
    top = (moved[:, 2] > 12.1) & (moved[:, 0] > 1) & (moved[:, 1] > 1)
    assert moved[top, 2].mean() == pytest.approx(12.3, abs=0.01)
    assert np.abs(moved[moved[:, 2] < 0.2, 2].mean()) < 0.01


def test_trust_by_datums(part, datums):
    best = Trust(("slides",), 0, 0.0, None, 0.5)
    fit = fit_datums(seen(part), POSE, datums, part, 3.0)
    held = on_datums(best, fit)
    assert held.is_trusted  # places hold what could slide as a whole
    assert held.looseness_mm == fit.looseness_mm
    assert on_datums(Trust(("rival",), 0, 0.0, None, 0.0), fit).reasons == ("rival",)
    upper = fit_datums(seen(part, only=lambda normals: normals[:, 2] > -0.5), POSE, datums, part, 3.0)
    assert on_datums(best, upper).reasons == ("datum_unseen",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FILE.replace("C 0 20 6", ""), "datum C has 0 places, not 1; A needs 3, B 2, C 1"),
        (FILE.replace("C 0 20 6", "D 0 20 6"), "datum 'D' is unknown; a line is: A x y z, with A, B or C"),
        (FILE.replace("C 0 20 6", "C 0 twenty 6"), "datums.txt:7: is no place; a line is: A x y z"),
        (FILE.replace("C 0 20 6", "C -9 20 6"), "place (-9, 20, 6) mm lies 9 mm off the part"),
        (FILE.replace("A 5 5 0", "A 5 5 12"), "the places of datum A do not lie on faces of one direction"),
        (FILE.replace("a 5, 25, 0", "A 20 5 0"), "the six places leave the part loose"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, part, text, message):
    (tmp_path / "datums.txt").write_text(text)
    with pytest.raises(InputError) as caught:
        read_datums(tmp_path / "datums.txt", 1.0, part)
    assert message in caught.value.line


def test_datums_in_inch(tmp_path, part):
    lines = [line.partition("#")[0].replace(",", " ").split() for line in FILE.splitlines()]
    inch = "\n".join(" ".join([words[0], *(str(float(word) / 25.4) for word in words[1:])]) for words in lines if words)
    (tmp_path / "inch.txt").write_text(inch)
    assert read_datums(tmp_path / "inch.txt", 25.4, part).places[1] == pytest.approx([35, 5, 0])
