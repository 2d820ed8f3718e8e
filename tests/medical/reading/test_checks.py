"""Check my report: each kind of mark on one report that has it, and none on reports that fit."""

from __future__ import annotations

import random

import numpy as np
import pytest

from trivium.medical.narrate import load_phrases, narrate
from trivium.medical.reading import check_report, read_report
from trivium.medical.reading.checks import KINDS
from trivium.medical.records import Finding, Header, HeartSize, Quality, Radiograph, State
from trivium.service.evidence import ImageRegion
from trivium.service.text import catalogue
from trivium.vision.findings import FINDINGS

GOOD_EN = """EXAM: Chest, PA and lateral.
COMPARISON: Radiograph of 3 May.
FINDINGS: The heart is not enlarged. Moderate right pleural effusion, unchanged. No pneumothorax. A 12 mm nodule in the
left upper lobe. Endotracheal tube 4 cm above the carina.
IMPRESSION:
1. Right pleural effusion, stable.
2. Left upper lobe nodule, 12 mm.
3. No pneumothorax."""
GOOD_ZH = """检查所见：双肺纹理清晰。右侧胸腔积液。未见气胸。左肺上叶见12毫米结节。
诊断意见：1. 右侧胸腔积液；2. 左肺上叶结节，12毫米；3. 未见气胸。"""
WRONG = [
    ("side", "FINDINGS: Right pleural effusion.\nIMPRESSION: Left pleural effusion.", "Left pleural effusion"),
    ("side", "检查所见：右侧胸腔积液。\n诊断意见：左侧胸腔积液。", "左侧胸腔积液"),
    ("severity", "FINDINGS: Small left effusion.\nIMPRESSION: Left effusion, large.", "Left effusion, large"),
    ("severity", "检查所见：左侧少量胸腔积液。\n诊断意见：左侧胸腔积液，程度重度。", "左侧胸腔积液，程度重度"),
    ("contradiction", "FINDINGS: No pneumothorax.\nIMPRESSION: Small pneumothorax.", "Small pneumothorax"),
    ("contradiction", "检查所见：未见气胸。\n诊断意见：左侧气胸。", "左侧气胸"),
    ("contradiction", "FINDINGS: Left consolidation. There is no consolidation.", "Left consolidation"),
    ("missing_critical", "FINDINGS: Right pneumothorax.\nIMPRESSION: Fracture of a rib.", "Right pneumothorax"),
    ("unsupported", "FINDINGS: The heart is normal in size.\nIMPRESSION: Pulmonary edema.", "Pulmonary edema"),
    ("prior", "COMPARISON: None.\nFINDINGS: Effusion has improved.", "has improved"),
    ("prior", "COMPARISON: A prior film is here, not compared.\nFINDINGS: Effusion has improved.", "has improved"),
    ("prior", "对比：有既往片，未作对比。\n检查所见：右侧胸腔积液较前吸收。", "较前吸收"),
    ("prior", "对比：无。\n检查所见：右侧胸腔积液较前吸收。", "较前吸收"),
    ("normal", "FINDINGS: Right pleural effusion.\nIMPRESSION: Normal chest.", "Normal chest"),
    ("normal", "FINDINGS: Nodule.\nIMPRESSION: No acute pulmonary abnormality.", "No acute pulmonary abnormality"),
    ("normal", "检查所见：左侧胸腔积液。\n诊断意见：心肺膈未见明显异常。", "心肺膈未见明显异常"),
    ("device", "FINDINGS: No chest tube.\nIMPRESSION: Chest tube in place.", "Chest tube in place"),
    ("device", "FINDINGS: Lungs clear.\nIMPRESSION: Pacemaker in place.", "Pacemaker in place"),
    ("unit", "FINDINGS: A 12 cm nodule in the left lung.", "12 cm"),
    ("unit", "FINDINGS: Left mass of 4 cm.\nIMPRESSION: Left mass of 4 mm.", "Left mass of 4 mm"),
    ("anatomy", "FINDINGS: Opacity in the left middle lobe.", "left middle lobe"),
    ("anatomy", "FINDINGS: Opacity in the middle lobe of the left lung.", "middle lobe of the left"),
    ("unsupported", "FINDINGS: Clear lungs.\nIMPRESSION: Likely small effusion.", "Likely small effusion"),
    ("contradiction", "FINDINGS: Heart size is normal.\nIMPRESSION: Moderate cardiomegaly.", "Moderate cardiomegaly"),
    ("contradiction", "检查所见：双侧肋膈角锐利。\n诊断意见：右侧胸腔积液。", "右侧胸腔积液"),
    ("contradiction", "FINDINGS: The bones are intact. Fractures of two left ribs.", "Fractures of two left ribs"),
    ("prior", "FINDINGS: New left effusion.", "New"),
    ("prior", "检查所见：左侧胸腔积液已基本吸收。", "已基本吸收"),
    ("unit", "FINDINGS: Left mass of 4 centimetres.\nIMPRESSION: Left mass, 4 mm.", "Left mass, 4 mm"),
    ("unit", "检查所见：左肺结节，约8公分。", "8公分"),
    ("normal", "FINDINGS: Left effusion.\nIMPRESSION: Heart and lungs are normal.", "Heart and lungs are normal"),
    ("anatomy", "FINDINGS: Left azygos fissure.", "Left azygos fissure"),
    ("unfilled", "FINDINGS: Nodule of [ ] mm in the left lung.", "[ ]"),
    ("unfilled", "检查所见：左肺见约 mm结节。", "约 "),
    ("unfilled", "检查所见：右侧肋膈角（变钝/锐利）。", "（变钝/锐利）"),
    ("prior", "FINDINGS: The effusion appears more obvious this time.", "appears more obvious"),
    ("prior", "检查所见：左侧胸腔积液较术前增多。", "较术前增多"),
    ("unit", "检查所见：右肺肿块，边缘光滑，大小约21毫米。\n诊断意见：右肺肿块（约21厘米）。", "右肺肿块（约21厘米）"),
    ("normal", "FINDINGS: Left effusion.\nIMPRESSION: Clear chest.", "Clear chest"),
    ("anatomy", "检查所见：右肺上叶舌段实变。", "右肺上叶舌段"),
    ("side", "FINDINGS: Fractures of left 5th, 6th, 7th ribs.\nIMPRESSION: Right rib fracture.", "Right rib fracture"),
    ("contradiction", "FINDINGS: Cortical break in the left 5th rib.\nIMPRESSION: No rib fracture.", "No rib fracture"),
    ("side", "FINDINGS: Left lower lobe collapse.\nIMPRESSION: Right lung collapse.", "Right lung collapse"),
    (
        "side",
        "FINDINGS: Fibrotic opacities with volume loss in the right zone.\nIMPRESSION: Fibrosis, left upper zone.",
        "Fibrosis, left upper zone",
    ),
    ("contradiction", "FINDINGS: Opacity with a meniscus at the left base.\nIMPRESSION: No effusion.", "No effusion"),
    ("unit", "FINDINGS: Left pneumothorax measures 8 cm, previously 12 mm.", "8 cm"),
    ("unit", "FINDINGS: A 6 cm calcified granuloma in the left upper lobe.", "6 cm"),
    (
        "prior",
        "PORTABLE CHEST\nNo previous films available for comparison.\nFINDINGS: The effusion is unchanged.",
        "unchanged",
    ),
    (
        "missing_critical",
        "FINDINGS: ETT tip in the right mainstem bronchus.\nIMPRESSION: Endotracheal tube.",
        "ETT tip in the right mainstem bronchus",
    ),
    ("sex", "INDICATION: 55M with ovarian cancer.\nFINDINGS: Lungs clear.", "ovarian"),
    ("sex", "Male neonate, caesarean.\nFINDINGS: Lungs clear. Ovarian cyst.", "Ovarian"),
    ("sex", "INDICATION: Woman with prostate cancer.\nFINDINGS: Lungs clear.", "prostate"),
]  # fmt: skip


@pytest.mark.parametrize("text", [GOOD_EN, GOOD_ZH])
def test_a_report_that_fits_has_no_mark(text):
    assert check_report(text) == []


@pytest.mark.parametrize(("kind", "text", "at"), WRONG)
def test_what_does_not_fit_is_marked_at_its_place(kind, text, at):
    assert (kind, at) in [(one.kind, text[one.start : one.end]) for one in check_report(text)]


def test_every_kind_has_its_case():
    assert {kind for kind, _, _ in WRONG} | {"region"} == set(KINDS)


def test_a_side_is_compared_with_where_the_finding_lies_on_the_film():
    text = "FINDINGS: Right pleural effusion. No left nodule.\nIMPRESSION: Right pleural effusion."
    marked = check_report(text, placed={"Effusion": "left", "Nodule": "right"})
    assert [(one.kind, text[one.start : one.end]) for one in marked] == [("region", "Right pleural effusion")] * 2
    assert check_report(text, placed={"Effusion": "right"}) == []


@pytest.mark.parametrize(
    "text",
    [
        "FINDINGS: Small to moderate left effusion.\nIMPRESSION: Moderate left effusion.",
        "FINDINGS: Small right and large left effusions.\nIMPRESSION: Effusions.",
        "FINDINGS: Left effusion, large heart.\nIMPRESSION: Small left effusion.",
        "FINDINGS: Rib fracture.\nIMPRESSION: Otherwise unremarkable study. Rib fracture.",
        "FINDINGS: Rib fracture. No clavicle fracture.\nIMPRESSION: Fracture of the rib. Lungs are clear.",
        "FINDINGS: Left lower lobe nodule and middle lobe atelectasis.\nIMPRESSION: Nodule, atelectasis.",
        "FINDINGS: Right base opacity.\nIMPRESSION: Possible atelectasis.",
        "FINDINGS: Evidence of prior granulomatous disease. Previous median sternotomy.\nIMPRESSION: No acute disease.",
        "FINDINGS: Bone density is reduced. No mass effect.\nIMPRESSION: Normal chest.",
        "FINDINGS: Right opacity.\nIMPRESSION: Right opacity, consistent with pneumonia.",
        "FINDINGS: Right effusion. Left costophrenic angle is sharp.\nIMPRESSION: Right effusion.",
        "FINDINGS: Pacemaker remains in place. Left effusion.\nIMPRESSION: Left effusion. No osseous abnormality.",
        "检查所见：左侧胸腔积液。\n诊断意见：左侧胸腔积液，建议治疗后复查。",
        "FINDINGS: More than one rib is fractured. Increased markings.\nIMPRESSION: Rib fracture, likely old.",
        "FINDINGS: Lungs are hyperexpanded. Enlarged heart.\nIMPRESSION: COPD. Enlarged heart. No acute disease.",
        "FINDINGS: Opacities, more marked at the left base; better seen on the lateral view.\nIMPRESSION: Opacities.",
        "检查所见：右肺斑片影。\n诊断意见：右肺斑片影，建议治疗后复查观察吸收情况，随访观察变化。",
        "FINDINGS: A 1.8 x 2.3 cm mass in the right upper lobe.\nIMPRESSION: Right upper lobe mass, 2.3 cm.",
        "检查所见：两肺透亮度增加，双膈低平。\n诊断意见：慢性支气管炎、肺气肿。",
        "检查所见：双肺纹理增多、增粗。左侧胸腔积液。心影增大。\n诊断意见：左侧胸腔积液；心影增大。",
        "检查所见：少量气胸，右侧膈面抬高。\n诊断意见：左侧少量气胸。",
        "检查所见：左侧胸腔积液。\n诊断意见：左侧胸腔积液；骨骼未见异常。",
    ],
)
def test_what_only_looks_like_an_error_has_no_mark(text):
    assert check_report(text) == []


def test_the_known_sex_counts():
    assert [one.kind for one in check_report("FINDINGS: Sclerosis from prostate cancer.", sex="F")] == ["sex"]
    assert check_report("FINDINGS: Sclerosis from prostate cancer.", sex="M") == []
    assert check_report("FINDINGS: Para-aortic nodes. Ectopic kidney.", sex="M") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("No effusion or pneumothorax.", [("Effusion", "absent", ""), ("Pneumothorax", "absent", "")]),
        (
            "No pneumothorax, there is a left effusion.",
            [("Pneumothorax", "absent", ""), ("Effusion", "present", "left")],
        ),
        ("Possible right nodule.", [("Nodule", "uncertain", "right")]),
        ("Pneumothorax has resolved.", [("Pneumothorax", "absent", "")]),
        (
            "No effusion, but a small left pneumothorax.",
            [("Effusion", "absent", ""), ("Pneumothorax", "present", "left")],
        ),
        ("Bilateral pleural effusions.", [("Effusion", "present", "both")]),
        ("Chest tube has been withdrawn.", [("Chest tube", "absent", "")]),
        ("Effusion is unlikely.", [("Effusion", "absent", "")]),
        ("Nodule, CT to rule out malignancy.", [("Nodule", "present", "")]),
        ("Nodule; malignancy should be excluded.", [("Nodule", "present", "")]),
        (
            "Opacity, unlikely to represent pneumonia.",
            [("Infiltration", "present", ""), ("Pneumonia", "uncertain", "")],
        ),
        ("Chest tube is out.", [("Chest tube", "absent", "")]),
        ("Effusion is not suspected.", [("Effusion", "absent", "")]),
        ("Effusion has not been demonstrated.", [("Effusion", "absent", "")]),
        ("气胸证据尚不充分。", [("Pneumothorax", "absent", "")]),
        ("Effusion has not increased.", [("Effusion", "present", "")]),
        ("Pneumonia cannot be entirely excluded.", [("Pneumonia", "uncertain", "")]),
        (
            "Right opacity suggestive of pneumonia.",
            [("Infiltration", "present", "right"), ("Pneumonia", "uncertain", "")],
        ),
        ("右肺斑片影，考虑肺炎。", [("Infiltration", "present", "right"), ("Pneumonia", "present", "")]),
        ("尚不能完全除外气胸。", [("Pneumothorax", "uncertain", "")]),
        ("左侧胸腔引流管已拔除。", [("Chest tube", "absent", "left")]),
        ("未见气胸，右侧胸腔积液。", [("Pneumothorax", "absent", ""), ("Effusion", "present", "right")]),
    ],
)
def test_what_a_sentence_says_of_a_finding(text, said):
    assert [(one.name, one.polarity, one.side) for one in read_report(text).mentions] == said


@pytest.mark.parametrize("language", ["en", "zh"])
def test_unedited_drafts_have_no_mark(language):
    """Drafts of random findings, from phrases that the checker does not know."""
    chance, phrases, texts = random.Random(1), load_phrases(language), catalogue("trivium.medical", language)
    quality = Quality("good", (), (), 0.9, 0, -1.0, -1.0, True)
    for _ in range(60):
        header = Header(view=chance.choice(["PA", "AP", ""]))
        film = Radiograph("x", "ab" * 32, np.zeros((400, 500), np.float32), "PNG", 8, header)
        box = ImageRegion(200, 200, 100, 100)
        heart_size = HeartSize(0.56, box, box) if chance.random() < 0.5 else None
        findings = []
        for name in FINDINGS:
            state = chance.choice([*State, State.NOT_ASSESSED])
            region = ImageRegion(chance.choice([20, 350]), 200, 40, 40) if state == State.PRESENT else None
            is_outside, is_assessed = region is not None and chance.random() < 0.3, state != State.NOT_ASSESSED
            findings.append(Finding(name, round(chance.random(), 3), state, is_assessed, region, is_outside))
        deniable, has_prior = frozenset(chance.sample(list(FINDINGS), 8)), chance.random() < 0.5
        told = narrate(film, quality, findings, deniable, phrases, heart_size=heart_size, has_prior=has_prior)
        text = "\n".join(
            line
            for section, said in told.items()
            for line in (texts[f"section.{section}"], *(one.text for one in said))
        )
        assert check_report(text) == [], text
