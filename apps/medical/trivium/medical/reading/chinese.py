"""What a Chinese clause asserts of each thing that it names: present, absent, or left open.

The words stand in grammar_zh.toml. A word of denial reaches the things listed behind it, a predicate of denial those
listed in front of it. A denial of how a thing is ("无移位", "未见增大") does not deny the thing; where a denial stands
beside a thing and what it denies cannot be told, the thing is left open, so that it contradicts nothing.
"""

from __future__ import annotations

import functools
import re
from itertools import pairwise

from trivium.medical.reading.stems import classes, list_ends

__all__ = ["assertions"]

_THING = "\u00a7"  # stands for each thing that is named
_LISTED = re.compile(r"[^，；。未无不没但而]{0,3}(?:[、及和与或/]|以及)[^，；。未无不没但而]{0,6}")
_OPENS = re.compile(r"[，；。：:]|但|而|却|(?<!^)可见|伴有?(?=[左右双两])|并见|另见|示(?=[左右双两])|并有")
# Characters by which Chinese denies; beside a thing of which nothing above tells, they leave it open.
_DENIAL = re.compile(r"[未无没非否]|不(?!张|全)|阴性")
_PARTLY = re.compile(r"部分|逐渐|逐步|大部|渐|有所|略|稍|较")
_NOT_YET = re.compile(
    r"(?:未|没有?|无|尚|不|待|拟|暂缓|建议|可|应|需|准备|计划|请|考虑|是否|误|勿|防)(?:予|能|被|行|以|见|有|发现|再|曾|明显)*$"
)
_NEW = re.compile(r"新|其他|其它|其余|另|更多|增大|增多")


def assertions(clause: str, places: list[tuple[int, int]]) -> list[str]:
    """Return `present`, `uncertain` or `absent` for each place.

    Args:
        clause: a sentence or part of one.
        places: where it names something, from and to, in order.
    """
    is_open = _of("hedges").search(clause) or _of("excludes").search(clause)
    found, last_of = [], list_ends([clause[one[1] : other[0]] for one, other in pairwise(places)], _LISTED)
    for position, (start, _) in enumerate(places):
        before = clause[places[position - 1][1] if position else 0 : start]
        last = last_of[position]
        behind = clause[places[last][1] : places[last + 1][0] if last + 1 < len(places) else len(clause)]
        said = _ahead(_masked(clause, places, position), before) or _behind(behind)
        found.append(said or ("uncertain" if is_open else "present"))
    return found


def _masked(clause: str, places: list[tuple[int, int]], position: int) -> str:
    """Return what stands before a place, with one character for each thing in it."""
    parts, end = [], 0
    for start, stop in places[:position]:
        parts += [clause[end:start], _THING]
        end = stop
    return "".join([*parts, clause[end : places[position][0]]])


def _ahead(ahead: str, before: str) -> str:
    """Return what a word in front of a thing makes of it; empty where none reaches it."""
    removed = re.search(rf"(?:{_of('removed').pattern})(?:了|去|的|原|原有|左|右|侧|双|两|上)*$", before)
    if removed and not _NOT_YET.search(before[: removed.start()]):
        return "absent"
    if re.search(rf"(?:{_of('excludes').pattern})[^，；。]*$", ahead):
        return "uncertain"
    denials = list(_of("denies_next").finditer(ahead))
    if not denials:
        return ""
    between = ahead[denials[-1].end() :]
    if _OPENS.search(between):
        return ""
    if _is_said_behind(ahead, denials[-1]):
        return ""
    if attribute := _of("attributes").search(between.replace(_THING, "，")):
        # "无移位的骨折" and "边界不清的结节" state the thing; "未见钙化及结节" denies both.
        is_of_it = re.match(r"[^、及和或]*的", between[attribute.end() :])
        is_whole = attribute.start() == 0 and not re.search(r"[、及和或]", between)
        return "" if is_of_it or is_whole else "absent"
    return "uncertain" if _NEW.search(between) else "absent"


def _is_said_behind(ahead: str, denial: re.Match[str]) -> bool:
    """Whether a denial is the predicate of a thing before it: "气胸未见", and not "气胸，未见积液"."""
    lead = ahead[: denial.start()]
    return (
        re.search(rf"{_THING}(?:征象|征|影|表现|诊断)?$", lead) is not None
        and _OPENS.search(ahead[denial.end() :]) is not None
    )


def _behind(behind: str) -> str:
    """Return what a predicate makes of a thing in front of it; empty where there is none."""
    said = (
        re.sub(
            r"^(?:影像|影|征象|征|等|之征|情况|方面|诊断|表现|目前|现在?|今|本次|此次|本片|暂时?|在|于|[左右双两]侧|导管|导线|装置|系统|管|[\s的])*",
            "",
            behind,
        )
        or behind
    )
    if _of("excludes").match(said):
        return "uncertain"
    removed = re.search(rf"^(?P<lead>[^，；。]{{0,8}}?)(?:{_of('removed').pattern})", said)
    if removed and not _NOT_YET.search(removed["lead"]) and not _PARTLY.search(removed[0]):
        return "absent"
    for text in (behind, said):
        denied = _of("denies_before").match(text)
        if denied and not _PARTLY.search(denied[0]):
            rest = text[denied.end() :].lstrip()
            if not rest or re.match(
                r"[，；。、（(,;.！!]|等|征|影|表现|诊断|于|在|之|的|者|证据|依据|之象|像|显影", rest
            ):
                return "absent"
            return "" if _of("attributes").match(rest) or _of("attributes").search(rest[:8]) else "uncertain"
    if sign := _DENIAL.search(behind):
        is_near = sign.start() <= 2
        return "" if not is_near or _of("attributes").search(behind[sign.end() :]) else "uncertain"
    return ""


@functools.cache
def _of(name: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})" for one in sorted(classes("zh")[name], key=len, reverse=True)))
