"""Evidence goes to JSON and back; an image region is never empty."""

import pytest

from trivium.service.evidence import Evidence, FactAnchor, ImageRegion, JsonPointer, SheetCell

SHA = "ab" * 32


@pytest.mark.parametrize(
    "locator",
    [FactAnchor("a.htm", "f1"), SheetCell("Sheet1", "B12"), JsonPointer("/a/0"), ImageRegion(3, 4, 20, 10, frame=2)],
)
def test_every_locator_reads_what_it_wrote(locator):
    evidence = Evidence(SHA, locator)
    assert Evidence.from_json(evidence.to_json()) == evidence


def test_an_image_region_says_its_pixels():
    assert Evidence(SHA, ImageRegion(3, 4, 20, 10)).to_json() == {
        "source_sha256": SHA,
        "kind": "image",
        "x": 3,
        "y": 4,
        "width": 20,
        "height": 10,
        "frame": 0,
    }


@pytest.mark.parametrize("box", [(-1, 0, 5, 5), (0, 0, 0, 5), (0, 0, 5, -2)])
def test_an_empty_or_outside_region_is_refused(box):
    with pytest.raises(ValueError, match="is empty or outside the image"):
        ImageRegion(*box)
