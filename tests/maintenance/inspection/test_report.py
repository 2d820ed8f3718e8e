"""The report of an inspection: sentences follow from claims, claims from the scan, and only a pass looks like one."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image
from tests.maintenance.inspection.test_inspection import LIMIT, POSE, bracket, seen

from trivium.maintenance.inspection.check import check
from trivium.maintenance.inspection.claims import Source, claims_of, resolve
from trivium.maintenance.inspection.inspect import Inspection, Options, Tolerance, conclude
from trivium.maintenance.inspection.narrate import narrate, percent, shown
from trivium.maintenance.inspection.poses import apply, inverse
from trivium.maintenance.inspection.reference import Reference
from trivium.maintenance.inspection.report.document import bars_of
from trivium.maintenance.inspection.report.html import render_html
from trivium.maintenance.inspection.report.inspection import document_of, percent_inside
from trivium.maintenance.inspection.report.pdf import render_pdf
from trivium.maintenance.inspection.report.views import Subject, draw_close_ups, draw_views
from trivium.maintenance.inspection.trust import Trust
from trivium.service.evidence import Claim, Evidence, ScanRegion, Sentence

SCAN = Source("scan <1>.ply", hashlib.sha256(b"scan").hexdigest(), "mm")
CAD = Source("part.stl", hashlib.sha256(b"part").hexdigest(), "inch")
MADE = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
TRUSTED = Trust((), 0, 0.0, None, 0.001)


@pytest.fixture(scope="module")
def part() -> Reference:
    return Reference(bracket())


def dented(part: Reference) -> np.ndarray:
    """A scan with a hollow 0.2 deep and 6 wide at (30, 5) of the top."""
    points = apply(POSE, seen(part))
    distance = np.linalg.norm(points - [30, 5, 12], axis=1)
    inside = (distance < 3) & (points[:, 2] > 11.5)
    points[inside, 2] -= 0.1 * (1 + np.cos(2 * np.pi * distance[inside] / 6))
    return apply(inverse(POSE), points)


@pytest.fixture(scope="module")
def scan(part) -> np.ndarray:
    return dented(part)


@pytest.fixture(scope="module")
def failed(part, scan) -> Inspection:
    return conclude(scan, part, POSE, TRUSTED, LIMIT)


def told(inspection: Inspection, language: str) -> list[str]:
    claims = claims_of(inspection, SCAN)
    kept, removed = check(narrate(inspection, claims, language), claims)
    assert removed == ()
    return [one.text for one in kept]


def named(inspection: Inspection, verdict: str, *reasons: str) -> Inspection:
    """The same numbers under another verdict."""
    return replace(inspection, verdict=verdict, defects=(), trust=replace(TRUSTED, reasons=reasons))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_sentence_follows_and_only_a_pass_says_so(failed, language):
    says = {verdict: told(named(failed, verdict), language)[0] for verdict in ("pass", "undecided", "incomplete")}
    says["fail"] = told(failed, language)[0]
    says["untrusted"] = told(named(failed, "undecided", "rival", "slides"), language)[0]
    starts = {
        "en": ("Pass:", "Undecided, which is no pass", "Incomplete, which is no pass", "Fail: 1 region", "Undecided,"),
        "zh": ("合格：", "无法判定，不能视为合格", "数据不完整，不能视为合格", "不合格：1 处", "无法判定，"),
    }[language]
    for text, start in zip(says.values(), starts, strict=True):
        assert text.startswith(start)
    total = replace(failed, tolerance=Tolerance(0.1, "total"), method="datum", trust=replace(TRUSTED, symmetries=3))
    lines = told(total, language)
    assert any("0.1 mm" in line and "±0.05 mm" in line for line in lines)
    assert any("3-2-1" in line for line in lines)


def test_the_check_takes_out_what_does_not_follow(failed):
    claims = claims_of(failed, SCAN)
    good = narrate(failed, claims, "en")
    region = next(one for one in good if one.text.startswith("Region 1"))
    depth, area = shown(claims, "d1.depth"), shown(claims, "d1.area")
    wrong = {
        region.text.replace(depth, "0.123"): "0.123 is not d1.depth",
        region.text.replace("hollow", "bump"): "says bump",
        region.text.replace("Region 1", "Region 2"): "speaks of region 2",
        region.text.replace(f"{area} mm²", f"{depth} mm²"): f"{depth} is not d1.area",
        region.text + " 7 more.": "7 is bound to nothing",
    }
    for text, reason in wrong.items():
        kept, removed = check([Sentence(text, region.claim_ids)], claims)
        assert (kept, len(removed)) == ((), 1)
        assert reason in removed[0].reason
    verdict = Sentence(good[0].text.replace("Fail", "Pass"), good[0].claim_ids)
    assert check([verdict], claims)[1][0].reason == "says pass, which does not follow from its claims"
    trust = Sentence("The alignment is trusted.", ())
    assert "says trusted" in check([trust], claims)[1][0].reason


@pytest.mark.slow
def test_claims_lead_back_to_the_scan(failed, part, scan):
    claims = claims_of(failed, SCAN)
    described = failed.to_json()
    assert resolve(claims["points"], scan, SCAN.sha256, part, described) == len(failed.points)
    assert resolve(claims["d1.depth"], scan, SCAN.sha256, part, described) == pytest.approx(0.2, abs=0.03)
    assert resolve(claims["d1.depth"], scan, SCAN.sha256, part, described) == pytest.approx(failed.defects[0].depth_mm)
    evidence = claims["d1.depth"].evidence[0]
    assert Evidence.from_json(evidence.to_json()) == evidence
    assert isinstance(evidence.locator, ScanRegion)
    with pytest.raises(LookupError, match="not the scan"):
        resolve(claims["d1.depth"], scan, CAD.sha256, part, described)
    with pytest.raises(ValueError, match="holds no points"):
        ScanRegion(0, 0, 0, 0)


def test_a_share_never_reads_as_the_limit_it_misses(failed):
    claims = claims_of(failed, SCAN)
    just = Claim("coverage", claims["min_coverage"].value - type(claims["min_coverage"].value)("0.0001"), "pure",
                 formula="x", inputs=("points",))  # fmt: skip
    assert percent(claims | {"coverage": just}, "coverage", "min_coverage") == "79.99"
    assert percent(claims, "min_coverage") == "80"


def document(inspection: Inspection, part: Reference, language: str = "en"):
    claims = claims_of(inspection, SCAN)
    sentences, removed = check(narrate(inspection, claims, language), claims)
    return document_of(inspection, part, claims, sentences, (SCAN, CAD), language, MADE, len(removed))


@pytest.mark.slow
def test_the_page_holds_everything_and_every_number_its_claim(failed, part):
    html = render_html(document(failed, part))
    assert "scan &lt;1&gt;.ply" in html
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", html.split("<script")[0])
    assert '<section class="verdict bad">' in html
    assert len(html) < 400_000  # it goes by mail
    claims = claims_of(failed, SCAN)
    shown_numbers = dict(re.findall(r'data-claims="(d1\.\w+)">([^<]+)<', html))
    assert shown_numbers["d1.depth"] == shown(claims, "d1.depth")
    assert shown_numbers["d1.kind"] == "hollow"
    waiting = render_html(document(named(failed, "incomplete"), part, "zh"))
    assert '<section class="verdict wait">' in waiting
    assert "数据不完整" in waiting
    assert "这不是合格结论" in waiting
    untrusted = document(named(failed, "undecided", "rival"), part)
    assert (untrusted.tone, untrusted.bars, untrusted.limit, untrusted.table.rows) == ("wait", None, None, ())
    assert untrusted.cloud.values is None


@pytest.mark.slow
def test_the_print_in_both_languages(failed, part):
    pdfium = pytest.importorskip("pypdfium2")
    for language, word in (("en", "FAIL"), ("zh", "不合格")):
        pdf = pdfium.PdfDocument(render_pdf(document(failed, part, language)))
        text = "".join(page.get_textpage().get_text_bounded() for page in pdf)
        assert word in text
        assert shown(claims_of(failed, SCAN), "d1.depth") in text
        pdf.close()


def test_pictures_show_the_hollow_and_what_was_not_seen(part, scan):
    moved = apply(POSE, scan)
    half = apply(inverse(POSE), moved[moved[:, 0] > 5])
    result = conclude(half, part, POSE, TRUSTED, LIMIT, Options(resolution_mm=6.0))
    places, normals = (np.array([getattr(one, name) for one in result.defects]) for name in ("place", "normal"))
    front, back = draw_views(Subject(part, result.surface, 0.05, places, normals), 300)
    (mark,) = front.marks
    assert not mark.is_hidden
    assert back.marks[0].is_hidden
    picture = np.asarray(Image.open(io.BytesIO(front.png)).convert("RGB")).astype(int)
    assert picture.shape[:2] == (front.height, front.width)
    red, _, blue = picture[round(mark.y) - 2 : round(mark.y) + 3, round(mark.x) - 2 : round(mark.x) + 3].mean(
        axis=(0, 1)
    )
    assert blue > red + 60  # the hollow is blue
    plain, _ = draw_views(Subject(part, None, 0.05, np.empty((0, 3)), np.empty((0, 3))), 300)
    grey = np.asarray(Image.open(io.BytesIO(plain.png)).convert("RGB")).astype(int)
    assert np.ptp(grey, axis=2).max() < 25
    right, up = front.axes[:, 0], -front.axes[:, 1]
    extents = [1.06 * np.ptp(part.outline @ axis) for axis in (right, up)]
    assert 1 / front.px_per_mm == pytest.approx(max(extents[0] / 300, extents[1] / 228))
    number_at = mark.label(front.width, front.height)
    assert np.hypot(number_at[0] - mark.x, number_at[1] - mark.y) == pytest.approx(0.07 * 300, abs=1)


def test_close_ups_are_seen_from_above(part, failed):
    (one,) = failed.defects
    subject = Subject(part, failed.surface, 0.05, one.place[None], one.normal[None])
    (view,) = draw_close_ups(subject, np.array([16.0]), 160)
    assert (view.width, view.height, view.px_per_mm, view.marks) == (160, 160, 10, ())
    picture = np.asarray(Image.open(io.BytesIO(view.png)).convert("RGB")).astype(int)
    assert picture[75:85, 75:85, 2].mean() > picture[75:85, 75:85, 0].mean() + 60  # blue in the middle
    assert picture[5:15, 75:85].min() > 180  # and not where the hollow ends


def test_what_misses_a_little_is_not_all():
    assert [percent_inside(share) for share in (1.0, 0.99996, 0.98, 0.0)] == ["100.0", "99.996", "98.0", "0.0"]


def test_the_histogram_by_hand():
    edges, shares, inside = bars_of(np.array([0.0, 0.04, -0.06, 9.0]), np.array([1.0, 1, 1, 1]), 0.05)
    assert (edges[0], edges[-1]) == (-0.1, 0.1)
    assert shares.sum() == pytest.approx(1)
    assert shares[-1] == 0.25  # what lies beyond is in the last bar
    assert inside == 0.5
