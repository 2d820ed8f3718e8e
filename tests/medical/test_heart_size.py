"""The cardiothoracic ratio: by hand on drawn masks, on drawn films that no network saw, and what a draft says of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from trivium.medical.analyze.heart_size import MAX_UNSURE, measure, unsure, widths_of, with_heart_size
from trivium.medical.check import check
from trivium.medical.claims import HEART_SIZE, claims_of
from trivium.medical.narrate import load_phrases, narrate
from trivium.medical.reading import check_report
from trivium.medical.records import Draft, Finding, Header, HeartSize, Quality, Radiograph, Section, State
from trivium.medical.report import json as json_report
from trivium.medical.samples.drawn_outlines import draw
from trivium.service.errors import ModelError
from trivium.service.evidence import ImageRegion, Sentence
from trivium.vision import train_outlines
from trivium.vision.classifier import FindingsClassifier
from trivium.vision.films import standard
from trivium.vision.findings import FINDINGS, NO_FINDING
from trivium.vision.heart_rule import CARDIOMEGALY, HeartRule, fit_heart_rule
from trivium.vision.outlines import HEART, LEFT_LUNG, RIGHT_LUNG, Outlines

GOOD = Quality("good", (), (), 0.9, 0, -1.0, -1.0, True)
FILM = Radiograph("x.png", "ab" * 32, np.zeros((400, 500), np.float32), "PNG", 8, Header(view="PA"))
SIZE = HeartSize(0.56, ImageRegion(150, 200, 140, 120), ImageRegion(100, 300, 250, 6))
NONE = tuple(Finding(name, 0.05, State.NOT_ASSESSED, False) for name in FINDINGS)


@pytest.fixture
def outlined():
    """Lungs from column 8 to 24 and 40 to 56, a heart from 20 to 44: 24 of 48 columns."""
    found = np.zeros((3, 64, 64), np.float32)
    found[RIGHT_LUNG, 10:44, 8:24] = 1
    found[LEFT_LUNG, 10:40, 40:56] = 1
    found[HEART, 24:44, 20:44] = 1
    return found


def test_the_ratio_is_the_hearts_width_over_that_of_the_chest(outlined):
    widths = widths_of(outlined)
    assert widths.heart == (20, 44, 24, 44)
    assert widths.chest[:2] == (8, 56)
    assert 10 <= widths.chest[2] < 40  # a row with both lungs
    assert widths.ratio == 0.5
    outlined[HEART, 2:4, 2:4] = 1  # a speck elsewhere is not the heart
    assert widths_of(outlined).ratio == 0.5


@pytest.mark.parametrize("part", [RIGHT_LUNG, LEFT_LUNG, HEART])
def test_nothing_is_measured_without_a_part(outlined, part):
    outlined[part] = 0
    assert widths_of(outlined) is None


def test_nothing_is_measured_where_a_lung_is_cut_off_or_a_border_unsure(outlined):
    assert unsure(outlined) == 0
    assert unsure(outlined * np.float32(0.5)) == 0.5  # p (1 - p) over p
    assert MAX_UNSURE < 0.5
    outlined[RIGHT_LUNG, 10:44, 0:24] = 1
    assert widths_of(outlined) is None


def test_drawn_films_are_measured_as_they_were_drawn():
    classifier, outlines = FindingsClassifier.load(), Outlines.load()
    errors = []
    for seed in range(9_000_000, 9_000_012):
        drawn, parts = draw(seed)
        picture = drawn.astype(np.float32) / 255
        film = standard(picture)
        found = measure(film, classifier.laid(film), GOOD, (960, 960), outlines)
        if found is None:
            continue
        columns = np.flatnonzero(parts[HEART].any(0))
        lungs = parts[RIGHT_LUNG] | parts[LEFT_LUNG]
        wide = max(np.ptp(np.flatnonzero(row)) + 1 for row in lungs if row.any())
        errors.append(abs(found.ratio - (np.ptp(columns) + 1) / wide))
        assert abs(found.heart.x - columns[0] * 10) < 60  # the box lies over the heart, in pixels of the source
        assert abs(found.heart.x + found.heart.width - columns[-1] * 10) < 60
    assert len(errors) >= 8
    assert np.mean(errors) < 0.02


def test_what_is_no_chest_or_refused_is_not_measured():
    classifier, outlines = FindingsClassifier.load(), Outlines.load()
    gray = np.full((64, 64), 0.5, np.float32)
    assert measure(gray, classifier.laid(gray), GOOD, (64, 64), outlines) is None
    film = standard(draw(9_000_000)[0].astype(np.float32))
    refused = replace(GOOD, level="refused", reasons=("lateral",))
    assert measure(film, classifier.laid(film), refused, (64, 64), outlines) is None


@pytest.mark.parametrize(
    ("language", "view", "said"),
    [
        ("en", "PA", "Cardiothoracic ratio 0.56, measured."),
        ("en", "AP", "Cardiothoracic ratio 0.56, measured on an AP view, on which the heart looks wider."),
        ("en", None, "Cardiothoracic ratio 0.56, measured; view not verified."),
        ("zh", "PA", "心胸比0.56（测量值）。"),
        ("zh", "AP", "心胸比0.56（测量值；前后位片上心影显得偏宽）。"),
        ("zh", None, "心胸比0.56（测量值；投照体位未核实）。"),
    ],
)
def test_the_ratio_is_said_with_its_view_and_passes_both_checks(language, view, said):
    film, phrases = replace(FILM, header=Header(view=view)), load_phrases(language)
    claims = claims_of(film, NONE, SIZE)
    sections = narrate(film, GOOD, NONE, frozenset(), phrases, heart_size=SIZE)
    assert sections[Section.FINDINGS][-1] == Sentence(said, (HEART_SIZE,))
    assert [one.locator for one in claims[HEART_SIZE].evidence] == [SIZE.heart, SIZE.chest]
    assert check(sections, claims, NONE, film, phrases) == (sections, [])
    assert check_report(said, language=language) == []


@pytest.mark.parametrize(
    ("text", "ids", "reason"),
    [
        ("Cardiothoracic ratio 0.48, measured.", (HEART_SIZE,), "not the cardiothoracic ratio"),
        ("Cardiothoracic ratio 0.56 of 0.50.", (HEART_SIZE,), "not the cardiothoracic ratio"),
        ("Ratio 0.56, measured.", (HEART_SIZE,), "does not name it"),
        ("Cardiothoracic ratio 0.56, suspected pleural effusion.", (HEART_SIZE,), "names Effusion"),
        ("Cardiothoracic ratio 0.56, measured.", ("film",), "own claims"),
        ("Cardiothoracic ratio 0.56, on which the heart looks wider.", (HEART_SIZE,), "the view"),
    ],
)
def test_a_ratio_that_does_not_follow_is_left_out(text, ids, reason):
    claims = claims_of(FILM, NONE, SIZE)
    (told,) = check({Section.FINDINGS: [Sentence(text, ids)]}, claims, NONE, FILM, load_phrases("en"))[1]
    assert reason in told


@pytest.mark.parametrize("size", [SIZE, None])
def test_draft_json_has_the_measurement_with_its_boxes(size):
    claims = claims_of(FILM, NONE, size)
    draft = Draft(FILM, GOOD, NONE, {}, (), "en", size)
    document = json.loads(json_report.render(draft, claims, {"name": "m"}))
    heart = {"x": 150, "y": 200, "width": 140, "height": 120, "frame": 0}
    chest = {"x": 100, "y": 300, "width": 250, "height": 6, "frame": 0}
    told = {"name": "cardiothoracic_ratio", "value": 0.56, "regions": {"heart": heart, "chest": chest}}
    assert document["measurements"] == ([told] if size else [])
    assert document["claims"].get(HEART_SIZE, {}).get("value") == ("0.56" if size else None)


def found_of(probability: float, state: State) -> tuple[Finding, ...]:
    """Findings with Cardiomegaly as given, and No Finding present."""
    told = {CARDIOMEGALY: (probability, state), NO_FINDING: (0.8, State.PRESENT)}
    rest = (0.05, State.NOT_ASSESSED)
    return tuple(Finding(name, *told.get(name, rest), name in told) for name in FINDINGS)


@pytest.mark.parametrize(
    ("ratio", "probability", "state", "no_finding"),
    [
        (0.60, 0.3779, State.PRESENT, State.UNCERTAIN),  # log odds 0.5 * log(0.1 / 0.9) + 2 * 1 - 1.4 = -0.4986
        (0.42, 0.0163, State.ABSENT, State.PRESENT),  # 0.5 * -2.1972 + 2 * -0.8 - 1.4 = -4.0986
    ],
)
def test_a_wide_heart_makes_cardiomegaly_likelier(ratio, probability, state, no_finding):
    classifier, rule = FindingsClassifier.load(), HeartRule(0.5, 2.0, -1.4)
    size = replace(SIZE, ratio=ratio)
    found = {one.name: one for one in with_heart_size(found_of(0.1, State.UNCERTAIN), size, classifier, rule)}
    heart = found[CARDIOMEGALY]
    assert (heart.probability, heart.state) == (probability, state)
    assert heart.region == (SIZE.heart if state == State.PRESENT else None)  # its place is what was measured
    assert found[NO_FINDING].state == no_finding  # no film shows nothing and something


def test_what_was_not_measured_or_not_assessed_stays():
    classifier, rule = FindingsClassifier.load(), HeartRule.load()
    possible, unread = found_of(0.1, State.UNCERTAIN), found_of(0.1, State.NOT_ASSESSED)
    assert with_heart_size(possible, None, classifier, rule) == possible
    assert with_heart_size(unread, SIZE, classifier, rule) == unread


def test_the_rule_finds_the_numbers_that_labels_were_drawn_by(tmp_path):
    chance = np.random.default_rng(0)
    probability, ratio = chance.uniform(0.02, 0.6, 20_000), chance.uniform(0.35, 0.65, 20_000)
    odds = 0.7 * np.log(probability / (1 - probability)) + 1.5 * (ratio - 0.5) * 10 - 1
    rule = fit_heart_rule(probability, ratio, chance.random(20_000) < 1 / (1 + np.exp(-odds)))
    assert [rule.score, rule.ratio, rule.offset] == pytest.approx([0.7, 1.5, -1], abs=0.1)
    for content in ("", '{"score": 1}', '{"score": "x", "ratio": 1, "offset": 1}', "[1]"):
        (tmp_path / "heart_rule.json").write_text(content)
        with pytest.raises(ModelError, match="cannot be loaded"):
            HeartRule.load(tmp_path)


def test_the_outlines_are_learned_from_drawings_and_loaded_again(tmp_path, monkeypatch, capsys):
    drawn = [draw(seed) for seed in range(3)]
    np.savez(tmp_path / "drawn.npz", films=[one[0] for one in drawn], parts=[one[1] for one in drawn])
    monkeypatch.setattr(train_outlines, "_BATCH", 4)
    words = ["train", str(tmp_path / "drawn.npz"), "--out", str(tmp_path), "--steps", "2", "--device", "cpu"]
    monkeypatch.setattr("sys.argv", words)
    assert train_outlines.main() == 0
    assert "step 2: loss" in capsys.readouterr().out
    assert Outlines.load(tmp_path).of(np.zeros((2, 64, 64), np.float32)).shape == (2, 3, 64, 64)
    (tmp_path / "outlines.safetensors").write_bytes(b"\0" * 8)
    with pytest.raises(ModelError, match="cannot be loaded"):
        Outlines.load(tmp_path)
