"""What a sentence asserts, compares and calls normal, on wordings that no list of phrases holds."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from trivium.medical.reading import check_report, read_report

WORDINGS = tomllib.loads((Path(__file__).parent / "wordings.toml").read_text(encoding="utf-8"))
RIGHT = tomllib.loads((Path(__file__).parent / "right_reports.toml").read_text(encoding="utf-8"))["reports"]
IT = {"en": "pneumothorax", "zh": "气胸"}
SENTENCES = [
    (language, polarity, text.format(it=IT[language]))
    for language, polarities in WORDINGS.items()
    for polarity, texts in polarities.items()
    for text in texts
]
NONE = {"en": "COMPARISON: None.\nFINDINGS: {}", "zh": "对比：无。\n检查所见：{}"}


@pytest.mark.parametrize(("language", "polarity", "text"), SENTENCES)
def test_a_denial_reaches_what_it_denies(language, polarity, text):
    assert [one.polarity for one in read_report(text, language).mentions if one.name == "Pneumothorax"] == [polarity]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "The effusion is static."),
        ("en", "Effusion, as seen before."),
        ("en", "The effusion has not budged."),
        ("en", "Growth of the effusion."),
        ("en", "The effusion is slightly larger."),
        ("en", "The effusion is no different from Tuesday."),
        ("en", "The effusion lingers."),
        ("zh", "积液持续。"),
        ("zh", "积液日趋好转。"),
        ("zh", "积液较外院片增大。"),
        ("zh", "积液未再增多。"),
    ],
)
def test_a_comparison_without_a_prior_is_marked(language, text):
    assert "prior" in [one.kind for one in check_report(NONE[language].format(text))]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Increased markings. Mild degenerative changes."),
        ("en", "Effusion, more marked on the right than on the left. Enlargement of the heart."),
        ("en", "Effusion; repeat film in 6 weeks to ensure resolution."),
        ("en", "Nodule. Comparison with prior films would be helpful."),
        ("en", "The ETT remains in good position. Hemodynamically stable. Previous lobectomy."),
        ("zh", "双肺纹理增多、增粗。胸膜增厚。"),
        ("zh", "积液，建议治疗后复查观察吸收情况。"),
        ("zh", "结节，请结合前片。发现心影增大。"),
    ],
)
def test_what_only_looks_like_a_comparison_has_no_mark(language, text):
    assert [one for one in check_report(NONE[language].format(text)) if one.kind == "prior"] == []


@pytest.mark.parametrize(
    ("text", "is_marked"),
    [
        ("Nothing wrong.", True),
        ("WNL.", True),
        ("No sign of active disease in the chest.", True),
        ("The thorax is radiographically normal.", True),
        ("No acute bony abnormality.", False),
        ("Normal mediastinum.", False),
        ("No other abnormality.", False),
    ],
)
def test_a_sentence_calls_the_film_normal_when_all_its_words_do(text, is_marked):
    marks = check_report(f"FINDINGS: Left effusion.\nIMPRESSION: {text}")
    assert ([one.kind for one in marks] == ["normal"]) is is_marked


@pytest.mark.parametrize(
    "text",
    [
        "FINDINGS: Healed rib fractures. No acute fracture.\nIMPRESSION: No acute abnormality. Old rib fractures.",
        "FINDINGS: Small left effusion. No large effusion.\nIMPRESSION: Small left effusion.",
        "【检查所见】右侧胸腔积液。\n【诊断意见】右侧胸腔积液。",
        "[FINDINGS]\nLeft effusion. Bones: mild scoliosis.\n[IMPRESSION]\nLeft effusion.",
        "检查所见：右侧第5、6肋骨骨皮质不连续。右侧胸腔见少量气体影。\n诊断意见：右侧第5、6肋骨骨折；右侧少量气胸。",
        "FINDINGS: Left mass of a few cm, cause to be determined.\nIMPRESSION: Left mass of unknown cause.",
    ],
)
def test_a_report_as_people_write_it_has_no_mark(text):
    assert check_report(text) == []


@pytest.mark.parametrize(
    ("text", "size", "side"),
    [
        ("Left lower lobe nodule; longest diameter 12 mm.", 12.0, "left"),
        ("A nodule is seen in the left lung. It measures 1.2 cm.", 12.0, "left"),
        ("左肺野透亮度不均，见结节，大小约12毫米。", 12.0, "left"),
        ("Left nodule. The tip of the tube is 4 cm above the carina.", None, "left"),
    ],
)
def test_a_size_in_the_next_sentence_is_of_the_lesion_before_it(text, size, side):
    first = read_report(text).mentions[0]
    assert (first.name, first.size_mm, first.side) == ("Nodule", size, side)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("FINDINGS: Tip projects over the .", "the "),
        ("FINDINGS: Nodule measuring mm.", "mm"),
        ("FINDINGS: Left/Right apex scarred.", "Left/Right"),
        ("检查所见：导管末端位于。", "位于"),
        ("检查所见：左（右）侧膈抬高。", "左（右）侧"),
    ],
)
def test_a_gap_is_marked_whatever_stands_for_it(text, at):
    assert any(one.kind == "unfilled" and at.strip() in text[one.start : one.end] for one in check_report(text))


@pytest.mark.parametrize("text", RIGHT)
def test_a_right_report_in_the_style_of_a_ward_has_no_mark(text):
    assert check_report(text) == []
