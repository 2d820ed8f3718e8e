"""Twelve ways to make a true sentence false. Knows nothing of the checker: plain replacements in the text.

Each function takes a sentence, a random generator and the names of companies it may swap in, and returns a text that
means something else, or None where its kind of change does not apply.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

__all__ = ["KINDS", "corrupt"]

_ENGLISH_DATE = re.compile(
    r"\b(January|February|March|April|May|June|July|August|September|October|November|December) (\d{1,2}), (\d{4})"
)
_CHINESE_DATE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")
_LABEL = re.compile(r"(?:Q\d )?FY\d{4}|\d{4}财年(?:第[一二三四]季度)?")
_AMOUNT = re.compile(r"-?[$€£]?(?:HK\$|CNY )?-?\d[\d,]*(?:\.\d+)?")
_SCALES = {
    "en": ["thousand", "million", "billion", "ten thousand", "hundred million"],
    "zh": ["千", "百万", "万", "亿"],
}
_MONTHS = [
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
]
_OPPOSITES = {
    "en": [
        ("rose", "fell"),
        ("widened", "narrowed"),
        ("increase", "decline"),
        ("above", "below"),
        ("a rise of", "a fall of"),
        ("broadly unchanged", "up"),
    ],
    "zh": [
        ("增长", "下降"),
        ("提升", "收窄"),
        ("增加", "减少"),
        ("提升", "下降"),
        ("增幅", "降幅"),
        ("基本持平", "增长"),
        ("高于", "低于"),
        ("%高", "%低"),
    ],
}
_RANKS = {
    "en": [
        ("highest", "lowest"),
        ("ranked first", "ranked second"),
        (" second with", " third with"),
        ("third with", "fourth with"),
        ("second-highest", "third-highest"),
        ("largest", "smallest"),
        ("second-highest", "second-lowest"),
        ("the highest", "the second-highest"),
    ],
    "zh": [
        ("最高", "最低"),
        ("之首", "末位"),
        ("第二", "第三"),
        ("第三", "第四"),
        ("第二高", "第二低"),
        ("第二高", "最高"),
        ("位列第三", "位列第二"),
    ],
}
_NUMERALS = {
    "en": ["two", "three", "four", "five", "six", "seven"],
    "zh": ["两", "三", "四", "五", "六", "七"],
}
_WORDS = {
    "en": [("doubled", "tripled"), ("one of", "two of"), ("an additional week", "two additional weeks")],
    "zh": [("逾一倍", "逾两倍"), ("有一年", "有两年"), ("多出的一周", "多出的两周"), ("第二", "第五")],
}
_NEGATIONS = {
    "en": [
        ("rose", "did not rise"),
        ("fell", "did not fall"),
        ("widened", "never widened"),
        ("stood", "did not stand"),
        ("narrowed", "has not narrowed"),
        ("is not available", "is available"),
        ("not meaningful", "meaningful"),
        ("was highest", "was not highest"),
        ("ranked first", "never ranked first"),
        ("posted", "did not post"),
        ("had the", "had not the"),
        ("contributed", "contributed nothing of"),
        ("reported", "failed to report"),
        ("are not ranked", "are ranked"),
        ("not directly comparable", "directly comparable"),
        ("left", "left no"),
    ],
    "zh": [
        ("增长", "未增长"),
        ("下降", "没有下降"),
        ("为", "并非"),
        ("无法取得", "可以取得"),
        ("无可比意义", "具可比意义"),
        ("最高", "并非最高"),
        ("贡献", "未贡献"),
        ("提升", "未能提升"),
        ("收窄", "并未收窄"),
        ("位列", "未位列"),
        ("不可直接比较", "可直接比较"),
        ("不作排名", "作排名"),
        ("居", "未居"),
        ("重述", "未重述"),
        ("增加", "没有增加"),
    ],
}
_Corruption = Callable[[str, random.Random, str, list[str]], str | None]


def corrupt(kind: str, text: str, rng: random.Random, language: str, companies: list[str]) -> str | None:
    """Return `text` with one change of that kind.

    Args:
        companies: names of the comparison's companies, the ones in the text among them.
    """
    changed = KINDS[kind](text, rng, language, companies)
    return None if changed == text else changed


def _amounts(text: str) -> list[re.Match[str]]:
    """Numbers that are no part of a date, a fiscal label or a reason."""
    taken = [
        range(*found.span()) for pattern in (_ENGLISH_DATE, _CHINESE_DATE, _LABEL) for found in pattern.finditer(text)
    ]
    return [found for found in _AMOUNT.finditer(text) if not any(found.start() in span for span in taken)]


def _put(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _digit(text: str, rng: random.Random, language: str, companies: list[str]) -> str | None:
    found = _amounts(text)
    if not found:
        return None
    chosen = rng.choice(found)
    spots = [chosen.start() + place for place, sign in enumerate(chosen[0]) if sign.isdigit()]
    spot = rng.choice(spots)
    digits = [digit for digit in "123456789" if digit != text[spot]]
    return _put(text, spot, spot + 1, rng.choice(digits))


def _sign(text: str, rng: random.Random, language: str, companies: list[str]) -> str | None:
    found = [
        item
        for item in _amounts(text)
        if re.search("[1-9]", item[0])
        and not re.match(r" (?:days|weeks)|天|周|-for|拆| percentage| ?的股票", text[item.end() :])
    ]
    if not found or "-for-" in text or "拆" in text:
        return None
    chosen = rng.choice(found)
    new = chosen[0].replace("-", "") if "-" in chosen[0] else f"-{chosen[0]}"
    return _put(text, *chosen.span(), new)


def _unit(text: str, rng: random.Random, language: str, companies: list[str]) -> str | None:
    pairs = {
        "en": [
            ("$", "€"),
            ("€", "$"),
            ("CNY ", "$"),
            ("HK$", "$"),
            (" times", "%"),
            (" weeks", " days"),
            (" days", " weeks"),
            (" million", " million shares"),
            ("%", " times"),
        ],
        "zh": [
            ("美元", "欧元"),
            ("欧元", "美元"),
            ("元", "港元"),
            ("港元", "元"),
            ("倍", "%"),
            ("周", "天"),
            ("天", "周"),
            ("亿", "亿股"),
            ("%", "倍"),
        ],
    }[language]
    usable = [
        (old, new)
        for old, new in pairs
        if re.search(
            rf"\d *(?:thousand|million|billion|万|亿|千|百)*{re.escape(old)}"
            rf"|{re.escape(old)}\d",
            text,
        )
    ]
    if not usable:
        return None
    old, new = rng.choice(usable)
    return text.replace(old, new, 1) if not (old == "元" and re.search("[美欧港]元", text)) else None


def _scale(text: str, rng: random.Random, language: str, companies: list[str]) -> str | None:
    words = "|".join(sorted(_SCALES[language], key=len, reverse=True))
    found = list(re.finditer(rf"(?<=\d) ?({words})", text))
    if not found:
        return None
    chosen = rng.choice(found)
    new = rng.choice([word for word in (*_SCALES[language], "") if word != chosen[1]])
    space = " " if language == "en" and new else ""
    return _put(text, *chosen.span(), space + new)


def _period(text: str, rng: random.Random, language: str, companies: list[str]) -> str | None:
    choices: list[str] = []
    numbers = [found[0] for found in _amounts(text)]
    if len(set(numbers)) < len(numbers):
        return None  # equal numbers: another period could still be true
    for found in _LABEL.finditer(text):
        shift = rng.choice([-1, 1, 7])
        moved = re.sub(r"\d{4}", lambda year, by=shift: str(int(year[0]) + by), found[0])
        choices.append(_put(text, *found.span(), moved))
        if found[0].startswith("Q"):
            choices.append(_put(text, *found.span(), found[0].replace("Q3", rng.choice(["Q1", "Q2"]))))
        if "季度" in found[0]:
            choices.append(_put(text, *found.span(), found[0].replace("三", rng.choice("一二四"))))
    labels = sorted({found[0] for found in _LABEL.finditer(text)})
    if len(labels) == 2:
        choices.append(re.sub("|".join(labels), lambda label: labels[labels[0] == label[0]], text))
    for found in _ENGLISH_DATE.finditer(text):
        day = date(int(found[3]), _MONTHS.index(found[1]) + 1, int(found[2])) + timedelta(days=rng.choice([-1, 1]))
        choices.append(_put(text, *found.span(), f"{_MONTHS[day.month - 1]} {day.day}, {day.year}"))
        choices.append(_put(text, *found.span(), day.isoformat()))
    for found in _CHINESE_DATE.finditer(text):
        day = date(int(found[1]), int(found[2]), int(found[3])) + timedelta(days=rng.choice([-1, 1]))
        choices.append(_put(text, *found.span(), f"{day.year}年{day.month}月{day.day}日"))
    return rng.choice(choices) if choices else None


def _company(text: str, rng: random.Random, language: str, companies: list[str]) -> str | None:
    named = [name for name in companies if name in text]
    if not named:
        return None
    chosen = rng.choice(named)
    others = [name for name in (*companies, "Northgate Mills", "星海实业") if name != chosen]
    return text.replace(chosen, rng.choice(others), 1)


def _percent_point(text: str, rng: random.Random, language: str, companies: list[str]) -> str | None:
    point = " percentage points" if language == "en" else "个百分点"
    if point in text:
        return text.replace(point, "%", 1)
    found = list(re.finditer(r"(?<=\d)%", text))
    return _put(text, *rng.choice(found).span(), point) if found else None


def _swap(table: dict[str, list[tuple[str, str]]], both: bool) -> _Corruption:
    def swap(text: str, rng: random.Random, language: str, companies: list[str]) -> str | None:
        pairs = table[language] + ([(new, old) for old, new in table[language]] if both else [])
        usable = [(old, new) for old, new in pairs if old in text]
        if re.search("three companies|三家公司", text):  # where second-lowest is second-highest
            usable = [pair for pair in usable if not re.search("second-lowest|第二低", text.replace(*pair, 1))]
        if not usable:
            return None
        old, new = rng.choice(usable)
        return text.replace(old, new, 1)

    return swap


def _rounding(text: str, rng: random.Random, language: str, companies: list[str]) -> str | None:
    """The last shown digit off by one, or one digit fewer and rounded the wrong way."""
    found = [item for item in _amounts(text) if "." in item[0]]
    if not found:
        return None
    chosen = rng.choice(found)
    digits = re.search(r"[\d,]+\.\d+", chosen[0])
    if digits is None:
        return None
    shown = Decimal(digits[0].replace(",", ""))
    decimals = len(digits[0].partition(".")[2])
    step = Decimal(1).scaleb(-decimals)
    wrong = shown + step * rng.choice([-1, 1])
    if rng.random() < 0.5:
        decimals -= 1
        nearest = shown.quantize(Decimal(1).scaleb(-decimals))
        wrong = nearest + Decimal(1).scaleb(-decimals) * (1 if nearest <= shown else -1)
    start = chosen.start() + digits.start()
    return _put(text, start, start + len(digits[0]), f"{wrong:,.{decimals}f}") if wrong > 0 else None


def _number_word(text: str, rng: random.Random, language: str, companies: list[str]) -> str | None:
    numerals = _NUMERALS[language]
    counted = {
        "en": r"\b({}) (?:segments|companies|years|of the)",
        "zh": r"(?<!第)({})(?:个分部|家公司|年)",
    }[language].format("|".join(numerals))
    choices = [text.replace(old, new, 1) for old, new in _WORDS[language] if old in text]
    for found in re.finditer(counted, text):
        other = rng.choice([numeral for numeral in numerals if numeral != found[1]])
        choices.append(_put(text, *found.span(1), other))
    return rng.choice(choices) if choices else None


KINDS: dict[str, _Corruption] = {
    "digit": _digit,
    "sign": _sign,
    "unit": _unit,
    "scale word": _scale,
    "period": _period,
    "company": _company,
    "percent/point": _percent_point,
    "direction word": _swap(_OPPOSITES, True),
    "rank": _swap(_RANKS, False),
    "rounding": _rounding,
    "number in words": _number_word,
    "negation": _swap(_NEGATIONS, False),
}
