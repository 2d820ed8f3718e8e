"""What an English clause asserts of each thing that it names: present, absent, or left open.

A small grammar over closed classes of words (grammar_en.toml). A word of denial reaches forward over a list of things,
up to a word that opens a new statement; a predicate of denial reaches back over the things of which it is said. What
"not" denies is told by its complement: "is not seen" denies the effusion, "is not enlarged" does not. Where there is a
denial and its object cannot be told, the thing is left open, so that it contradicts nothing.
"""

from __future__ import annotations

import functools
import re
from itertools import pairwise

from trivium.medical.reading.stems import list_ends, stems

__all__ = ["assertions"]

_THING = "\u00a7"  # stands for each thing that is named
# What may stand between a thing and its predicate: helping words, and words of place.
_HELPING = (
    r"(?:is|are|was|were|be|been|being|has|have|had|can|could|may|does|do|did|will|would|appears?|seems?|to|now|since|"
    r"then|also|both|all|either|each|felt|considered|thought|deemed|judged|believed|again|already|just|therefore|thus|"
    r"hence|itself|too|very|most|quite|rather|reported|as|come|\w+ly|in|on|at|of|within|over|along|the|a|this|left|"
    r"right|side|sided|lungs?|hemithora\w*|bases?|apex|apices|chest|film|zones?|lobes?|upper|lower|mid|middle|pleural|"
    r"spaces?|region|fields?|here|today|seen|noted|described|mentioned|shown|demonstrated|earlier|before|known|which|that)"
)
_LISTED = re.compile(
    rf"(?:[\s,/&(]|\b(?:and|or|nor|as well as|a|an|the|any)\b)*(?:(?!{_HELPING}\b)[\w-]+\s+){{0,3}}\s*"
)
_GRADED = (
    r"(?:left|right|bilateral|small|tiny|trace|mild|minimal|slight|moderate\w*|large|severe|marked|massive|extensive)"
)
_ADVERB = r"(?:even|really|actually|truly|simply)"
_SORT = r"(?:true|real|typical|frank|convincing|definite|simple|single|obvious|clear|focal|discrete|genuine)"
_OPENS = re.compile(
    rf"[;:]|\b(?:there|it|this|these|they|that|which|who) (?:is|are|was|were|has|have)\b|"
    r"(?:,|\band)\s+(?:a|an|the|this)\b|"
    rf"(?:,|\band)\s+(?:\w+ly )?{_GRADED}\b(?![^{_THING}]*\b(?:or|nor)\b)|"
    r"(?<!keeping )(?<!consistent )(?<!compatible )(?<!line )(?<!associated )\bwith\b(?! respect| regard)|"
    r"\b(?:is|are|was|were|has|have)\b"
)
# "No pneumothorax after insertion of a line": what stands behind a denied thing and a preposition is beside it.
_BESIDE = re.compile(
    rf"{_THING}[^,;/{_THING}]*\b(?:following|after|post|despite|secondary to|from|near|around|beside|overlying|along|"
    rf"at|within|in|on|by|adjacent to|behind)\b(?:(?!\b(?:or|nor|and)\b)[^,;/{_THING}])*$"
)
_INVERTED = re.compile(
    r"\s*(?:is|are|was|were|have|has|do|does|did)?\s*(?:there|we|I|one|the \w+)?(?: been| seen| see| show)?"
)
_JOINTS = re.compile(r",|/|\b(?:or|nor|and)\b")
_PREPOSITION = re.compile(
    r"\b(?:of|for|in|from|to|about|regarding|around|at|near|by|on|like|concerning|that|relating|related|with|within|along|"
    r"adjacent|pointing|suggesting|suggestive|indicating|indicative|supporting|consistent|compatible)\b"
)
_ANSWERS_NO = re.compile(
    r"\s*(?:[:=?\u2013\u2014-]+|\()\s*(?:(?:none|nil|negative|excluded|ruled out|absent|not present|absence)\b|"
    r"(?:no|neg|not|nope|-ve|-|0)\s*"
    r"(?:\)|$|[.,;]|evidence|signs?|seen|present|detected|identified|found|demonstrated|visuali[sz]ed|visible|apparent))|"
    r"\s+(?:no|none|nil|neg|-ve|\(-\))\s*[.,)]?\s*$|\s*\((?:-|no|none|nil|neg|absent)\)"
)
# "Of pneumothorax there is no sign", "effusion, of which no trace is seen"; not "with no sign of tension".
_NO_SIGN = re.compile(
    r"\b(?:no|not a|without)\s+(?:\w+\s+){0,2}?"
    r"(?:signs?|traces?|evidence|hints?|suggestion|indication)\b(?! (?:of|for|to|that))|"
    r"\bin the negative\b|\bby its absence\b"
)
# "Interval resolution of the effusion" tells that it is gone; "to document resolution of it" does not.
_TELLS = re.compile(r"^[\W\d]*(?:there (?:is|has been)\s+)?(?:(?:interval|complete|full|total|now|the)\s+)*$")
# A denial in front of a thing, within its part of the sentence, that no rule tells the object of.
_LEFT_OVER = re.compile(rf"(?:\b(?:not|cannot|never|nothing)\b|n't\b)[^,;:{_THING}]*$")
# "Has been lost", "can be discarded": a predicate that is none of what is seen or done to a thing that is there.
_PASSIVE = re.compile(
    r"\s*(?:has|have|had|was|were|can|could|may|will)\s+(?:now |since |safely |also )?(?:be |been )?"
    r"(?:\w+ly )?(\w+(?:ed|en|wn)|lost|put|set|cut|let)\b"
)
_ELSEWHERE = re.compile(
    r"\s*(?:to|as|before|previously|earlier|formerly|beyond|outside|elsewhere|in its entirety|well|until|calcified|"
    r"(?:in|on|at|by) (?:the )?(?:prior|previous|earlier|last|preceding|old|other|contralateral|lateral|opposite|ct)\b)"
)
_REMOVAL = re.compile(r"\s+(?:removal|withdrawal|extraction|explantation)\b([^,;]*)")
_PLANNED = re.compile(r"\b(?:should|recommend|advis|suggest|plan|consider|may be)")
_PARTLY_GONE = re.compile(
    r"\b(?:partial|partially|partly|nearly|almost|incomplete|incompletely|largely|mostly|somewhat|near)\b"
)
_DENIED = re.compile(
    r"\bno longer\b|\bcan ?not\b|n't\b|\b(?:not|never)\b|\bfail(?:s|ed|ing)? to\b|\b(?:un|in)able to\b"
)
_SHOULD = re.compile(r"\b(?:should|must|needs?|ought|please|recommend\w*)\b|^\s*to be\b")
_ASKED = re.compile(r"\b(?:to|should|please|would|could|must|help|and|ct|\?)\s*$")
# As predicates these deny what stands before them, and nothing behind.
_PREDICATES = re.compile(r"(?:absent|none|nil|no longer|ruled out|denied|zero|nowhere|not\b.*|neither)")


def assertions(clause: str, places: list[tuple[int, int]]) -> list[str]:
    """Return `present`, `uncertain` or `absent` for each place.

    Args:
        clause: a sentence or part of one.
        places: where it names something, from and to, in order.
    """
    text, spots = _masked(clause.lower().replace("\u2019", "'"), places)
    text = stems("affirms").sub(lambda idiom: "~" * len(idiom[0]), text)
    ends = list_ends([text[one + 1 : other] for one, other in pairwise(spots)], _LISTED)
    said = [
        _ahead(text[:spot])
        or _behind(text, spots, position, ends[position])
        or ("uncertain" if stems("hedges").search(text) else "present")
        for position, spot in enumerate(spots)
    ]
    for position, (one, other) in enumerate(pairwise(spots)):  # "pneumonia or atelectasis" leaves both open
        if text[one + 1 : other] == " or " and said[position : position + 2] == ["present", "present"]:
            said[position : position + 2] = ["uncertain", "uncertain"]
    return said


def _masked(text: str, places: list[tuple[int, int]]) -> tuple[str, list[int]]:
    """Return the text with one character for each thing, and where these stand."""
    parts, spots, end, length = [], [], 0, 0
    for start, stop in places:
        parts += [text[end:start], _THING]
        length += start - end
        spots.append(length)
        length, end = length + 1, stop
    return "".join([*parts, text[end:]]), spots


def _ahead(before: str) -> str:
    """Return what a word in front of a thing makes of it; empty where there is none that reaches it."""
    denials = list(_forward().finditer(before))
    if not denials:
        return "uncertain" if _LEFT_OVER.search(before) else ""
    denial = denials[-1]
    said, between = denial[0], before[denial.end() :].removeprefix(":")
    lead = before[: denial.start()]
    if _PREDICATES.match(said) and re.search(rf"{_THING}[^,;]*$", lead) and not said.startswith(("not a", "not any")):
        is_active = denial["shows"] and not re.search(
            r"(?:seen|identified|found|detected|noted|visible|present)$", said
        )
        if not is_active:
            return ""
    if denial["excludes"]:
        return "uncertain"
    if said in ("exclude", "ruled out", "rule out", "excluding") and _ASKED.search(lead):
        return "uncertain"
    if said in ("resolution of", "resolved", "clearing of", "disappearance of") and not _TELLS.match(lead):
        return ""
    if said in ("nor", "neither", "nowhere", "at no point"):
        between = _INVERTED.sub("", between, count=1)
    if re.fullmatch(r"\s*(?:is|are|was|were|:)?\s*(?:an? |the |any )?(?:[\w-]+ ){0,3}", between) and denial["shows"]:
        return "absent"
    if _OPENS.search(between) or _BESIDE.search(between) or stems("breaks").search(between):
        return ""
    return _reaching(between)


def _reaching(between: str) -> str:
    """Return what a denial makes of a thing behind these words, which open no new statement."""
    chunks = _JOINTS.split(between)
    last = chunks[-1]
    heads = [one for one in chunks if _PREPOSITION.search(one)]
    told = last if _PREPOSITION.search(last) else heads[0] if heads and _THING in between else ""
    if told:
        head = _PREPOSITION.split(told, maxsplit=1)[0]
        if stems("signs").search(told) or (not head.strip() and told is last):
            return "absent"
        if stems("attributes").search(head):
            return "present"
        if told is last:
            return "absent" if stems("shows").search(told) else "uncertain"
    if stems("partly").search(last):
        return "uncertain"
    return "absent" if len(last.split()) <= 8 else "uncertain"


def _behind(text: str, spots: list[int], position: int, end: int) -> str:
    """Return what a predicate makes of a thing in front of it, the list of which ends with `end`; empty without one."""
    behind = text[spots[end] + 1 : spots[end + 1] if end + 1 < len(spots) else len(text)]
    is_last = end + 1 == len(spots)
    if _ANSWERS_NO.match(behind) and (is_last or re.search(r"\w\W*[,.;]", behind)):
        return "absent"
    if re.search(rf"\b(?:{stems('parts').pattern}) (?:of|for) (?:[\w-]+ ){{0,3}}$", text[: spots[position]]):
        return ""
    if _NO_SIGN.search(behind):
        return "absent"
    if taken_out := _REMOVAL.match(behind):
        return "uncertain" if _PLANNED.search(taken_out[1]) else "absent"
    if ends := stems("breaks").search(behind):
        behind = behind[: ends.start()] + (" " + behind[ends.end() :].split(",", 2)[-1] if ends[0] == "however" else "")
    gone = _is_gone().match(behind)
    denied = _DENIED.search(behind)
    if gone and not (denied and denied.start() < gone.end()):
        if _PARTLY_GONE.search(gone[0]):
            return ""
        return "uncertain" if _SHOULD.search(gone[0]) else "absent"
    if denied:
        return _complement(behind, denied, is_last)
    passive = _PASSIVE.match(behind)
    is_there = passive and any(stems(name).match(passive[1]) for name in ("seen", "attributes", "done"))
    return "uncertain" if passive and not is_there else ""


def _complement(behind: str, denied: re.Match[str], is_last: bool) -> str:
    """Return what is denied by "not" and what follows it."""
    rest = re.sub(
        r"^\s*(?:(?:yet|be|been|being|have|actually|at all|currently|to be|longer|(?:appear|seem)(?= \w)|\w+ly)\b\s*)*",
        "",
        behind[denied.end() :],
    )
    is_tail = re.search(r"[,(]\s*(?:and |but )?$", behind[: denied.start()]) is not None
    if not rest.strip(" .,)"):
        return "absent" if denied[0] == "no longer" and is_last else "uncertain" if is_last else ""
    if stems("excludes").match(rest):
        return "uncertain"
    if seen := stems("seen").match(rest):
        if _ELSEWHERE.match(rest[seen.end() :]):
            return ""
        return "uncertain" if is_tail else "absent"
    if stems("attributes").match(rest) or is_tail:
        return ""
    return "uncertain" if is_last or "," in rest else ""


@functools.cache
def _is_gone() -> re.Pattern[str]:
    """Match helping words and words of place up to a predicate that denies."""
    lead = rf"(?:\s|,(?= (?:is|are|now))|{_HELPING}\b){{0,14}}?"
    return re.compile(rf"{lead}\b{stems('denies_before').pattern}(?!\s+(?:of|for|back|up|down|with|to)\b)")


@functools.cache
def _forward() -> re.Pattern[str]:
    """Match what denies the things behind it; the groups tell "does not show" and "does not exclude"."""
    not_ = stems("not").pattern
    helping = r"(?:\s+(?:be|been|have|yet|actually|\w+ly|any|to|there))*\s+"
    return re.compile(
        rf"(?:{not_}|n't){helping}(?P<excludes>{stems('excludes').pattern})"
        rf"|(?:{not_}|n't){helping}(?P<shows>{stems('shows').pattern})"
        rf"|{stems('denies_next').pattern}|\bnot(?=\s*$)|n't(?=\s+(?:any|a|an)\b)"
        rf"|\bnot(?=\s+{_ADVERB}\s+(?:[\w-]+\s+){{0,4}}$)"
        rf"|\bnot(?=\s+(?:(?:an?|any|the|one)\s+)?(?:(?:{_GRADED}|{_SORT})\s+)*$)"
        r"|\b(?:this|that|it|these|appearances?|findings?|film) (?:is|are|was|were) not(?=\s+(?:[\w-]+\s+){0,3}$)"
    )
