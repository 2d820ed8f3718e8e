"""Every refusal that a page of inspections can show has its Chinese."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.pointcloud.test_phrases import texts_of

import trivium.maintenance.inspection.inspect as inspection
from trivium.service.errors import InputError
from trivium.service.phrase import phrases

FOLDER = Path(inspection.__file__).parent


def test_every_refusal_has_its_chinese() -> None:
    names = ("datum", "files", "inspect", "job", "people", "reference", "wear_pipeline")
    wanted = set().union(*(texts_of(FOLDER / f"{name}.py") for name in names))
    assert "scan more densely" in wanted
    assert wanted - set(phrases("zh")) == set()


def test_a_number_out_of_range_is_told_by_its_name() -> None:
    with pytest.raises(InputError) as caught:
        inspection.Options(min_coverage=2)
    assert caught.value.line_in("en") == "a minimum coverage of 2 is not between 0 and 1"
    assert caught.value.line_in("zh") == "最小覆盖率 2 不在 0 与 1 之间"
