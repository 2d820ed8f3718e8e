"""The demo's films: real DICOM of nobody, taken in by the door once, whatever `trivium demo` is started again for."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from sqlalchemy import func, select
from tests.medical.deployment import deployed

from trivium.medical import tables
from trivium.medical.analyze.quality import assess
from trivium.medical.parse.reader import read_path
from trivium.medical.samples import write_samples
from trivium.medical.samples.films import FILMS
from trivium.medical.samples.phantom import HIGHEST, Body, Lesion, frontal
from trivium.medical.seed import seed
from trivium.medical.workflow.studies import priors, study_of, worklist
from trivium.vision.quality_gate import Gate


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return write_samples(tmp_path_factory.mktemp("samples"))


def test_films_say_that_nobody_is_on_them(samples):
    assert len(samples) == 10
    for path, film in zip(samples, FILMS, strict=True):
        made = pydicom.dcmread(path)
        assert str(made.PatientName).startswith("Sample^")
        assert made.ManufacturerModelName == "drawn sample, no person"
        assert (made.Modality, made.ViewPosition, made.PatientAge) == (film.modality, film.view, film.age)


def test_writing_again_leaves_what_is_there(samples):
    before = [path.stat().st_mtime_ns for path in samples]
    assert write_samples(samples[0].parent) == samples
    assert [path.stat().st_mtime_ns for path in samples] == before


def test_a_monochrome1_film_reads_like_the_others(samples):
    by_name = {path.stem: path for path in samples}
    inverted, usual = read_path(by_name["ewa-pa"]).film, read_path(by_name["ada-1_pa"]).film
    assert np.corrcoef(inverted.ravel(), usual.ravel())[0, 1] > 0.9


def test_a_lesion_is_brighter_where_it_was_put():
    without = frontal(Body(5, size=0.4))
    lesion = frontal(Body(5, size=0.4, lesions=(Lesion("patch", -8.0, 24.0, 3.0),)))
    rows, columns = without.shape  # 40 cm high, 33 cm wide
    y, x = int(24 / 40 * rows), int((16.5 - 8) / 33 * columns)
    inside = slice(y - 10, y + 10), slice(x - 10, x + 10)
    mirrored = slice(y - 10, y + 10), slice(columns - x - 10, columns - x + 10)
    assert lesion[inside].mean() - without[inside].mean() > 0.1 * HIGHEST
    assert abs(lesion[mirrored].mean() - without[mirrored].mean()) < 0.02 * HIGHEST


def test_the_gate_sees_what_each_film_was_drawn_to_show(samples):
    gate, found = Gate.load(), {}
    for path in samples:
        quality, _ = assess(read_path(path), gate)
        found[path.stem] = quality.reasons or tuple(one for one in quality.warnings if one != "view_not_verified")
    assert found.pop("gita-pa") == ("rotated",)
    assert found.pop("dino-ap") == ("child",)
    assert "lateral" in found.pop("ada-2_lateral")
    assert found.pop("fred-ap") == ("cropped",)
    assert set(found.values()) == {()}


def test_the_demo_fills_the_worklist_once(samples, tmp_path):
    with deployed(tmp_path / "home") as runtime:
        for _ in range(2):
            seed(runtime, samples)
        listed = worklist(runtime.database).studies
        assert len(listed) == len({film.study for film in FILMS}) == 9
        assert [one.is_stat for one in listed] == [True] + [False] * 8
        with runtime.database.read() as connection:
            assert connection.execute(select(func.count()).select_from(tables.image)).scalar_one() == 10
            assert connection.execute(select(func.count()).select_from(tables.quarantine)).scalar_one() == 0
            clara = next(one for one in listed if one.age_years == 71 and one.modality == "CR")
            assert [one.study.modality for one in priors(connection, study_of(connection, clara.id))] == ["DX"]
        assert all(one.job_id for one in listed)
        assert b"DEMO-00" not in b"".join(path.read_bytes() for path in tmp_path.rglob("trivium.db*"))


def test_the_files_are_whole(samples):
    made = pydicom.dcmread(io.BytesIO(samples[0].read_bytes()))
    assert made.pixel_array.shape == (made.Rows, made.Columns)
    assert made.pixel_array.max() <= HIGHEST
