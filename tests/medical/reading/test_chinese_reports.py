"""Chinese reports: what fits and was once marked, and errors that were once missed, each in the fewest words."""

from __future__ import annotations

import pytest

from trivium.medical.reading import check_report

RIGHT = [
    # A heading for the earlier films, and a heart that is called normal twice, compare nothing.
    "既往影像：2024年1月2日胸片。\n检查所见：左侧胸腔积液。\n诊断意见：左侧胸腔积液较前增多。",
    "对比：无。\n检查所见：心影大小正常，未见增大。\n诊断意见：心影未见增大。",
    "对比：无。\n检查所见：心影呈明显增大。\n诊断意见：心脏明显增大。",
    # One shadow, told of in two parts of a sentence.
    "检查所见：左下肺野致密影，上缘外高内低，提示胸腔积液。未见实变。\n诊断意见：左侧胸腔积液。",
    "检查所见：右肺下叶体积缩小，密度增高，呈肺不张。未见渗出影。\n诊断意见：右下肺不张。",
    "检查所见：右侧肋膈角变钝，考虑积液。左侧肋膈角锐利。\n诊断意见：右侧胸腔积液。",
    # What the impression calls by another name.
    "检查所见：右侧胸壁皮下积气。\n诊断意见：右侧皮下气肿。",
    "检查所见：两肺门模糊，可见Kerley B线。\n诊断意见：间质性肺水肿。",
    "检查所见：双肺下野网格状影。\n诊断意见：双肺间质纤维化。",
    "检查所见：双肺门周围呈蝶翼状改变，上肺静脉增粗。\n诊断意见：肺水肿。",
    "检查所见：左肺门增大，左上肺不张。右肺尖钙化灶。\n诊断意见：左肺门占位伴左上肺不张。右肺尖陈旧灶。",
    # Free air under the diaphragm is no disease of heart and lungs.
    "检查所见：双侧膈下见游离气体。\n诊断意见：1. 膈下游离气体。2. 心肺未见明显异常。",
    # A tube that is too deep is spoken of where it is to be withdrawn.
    "检查所见：气管插管末端位于右主支气管。\n诊断意见：气管插管过深，建议回撤。",
    "检查所见：气管插管末端距隆突3cm，未进入主支气管。\n诊断意见：气管插管在位。",
    # What was large before the tube is small today; a son is born by caesarean section.
    "对比：昨日胸片。\n检查所见：原左侧大量气胸明显吸收，残留少量气体。\n诊断意见：左侧少量气胸，较前吸收。",
    "临床资料：患儿，男，孕30周早产，剖宫产。\n检查所见：双肺透亮度减低。\n诊断意见：请结合临床。",
    "检查所见：左肺钙化灶，气管插管末端距隆突约4cm。\n诊断意见：气管插管在位。",
]
WRONG = [
    ("side", "检查所见：右肺斑片影。\n诊断意见：左肺炎性斑片影。"),
    ("side", "检查所见：右肺下叶体积缩小，密度增高，呈肺不张改变。\n诊断意见：左侧肺不张。"),
    ("side", "检查所见：左侧胸腔见无肺纹理透亮区，左肺压缩30%，为气胸。\n诊断意见：右侧气胸。"),
    ("side", "检查所见：左锁骨中段骨皮质不连续。\n诊断意见：右锁骨骨折。"),
    ("severity", "检查所见：左侧胸腔积液，量少。\n诊断意见：左侧大量胸腔积液。"),
    ("severity", "检查所见：心影中度增大。\n诊断意见：心影轻度增大。"),
    ("severity", "检查所见：右侧胸腔内见大量积气。\n诊断意见：右侧少量气胸。"),
    ("contradiction", "检查所见：两侧胸腔未见积气。左侧少量气胸。\n诊断意见：左侧少量气胸。"),
    ("side", "检查所见：右肺上野纤维条索影。\n诊断意见：左肺上叶陈旧性肺结核，伴纤维化。"),
    ("side", "检查所见：右肺下野斑片影。\n诊断意见：左下肺炎。"),
    ("missing_critical", "检查所见：气管插管末端位于右主支气管内。\n诊断意见：气管插管在位。"),
    ("normal", "检查所见：右肺下野斑片影。\n诊断意见：心肺未见明显异常。"),
    ("unit", "对比：昨日胸片。\n检查所见：左侧少量气胸，宽约8cm，前片约12mm。\n诊断意见：左侧少量气胸，较前减少。"),
    ("unit", "检查所见：左肺上野见钙化灶，大小约6cm。\n诊断意见：左肺上野钙化灶。"),
    ("sex", "临床资料：男，30岁，剖宫产术后。\n检查所见：双肺清晰。"),
]


@pytest.mark.parametrize("text", RIGHT)
def test_a_right_report_has_no_mark(text):
    assert check_report(text) == []


@pytest.mark.parametrize(("kind", "text"), WRONG)
def test_an_error_is_marked(kind, text):
    assert kind in [one.kind for one in check_report(text)]
