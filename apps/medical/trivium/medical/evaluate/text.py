"""Measures of text against text, which say little about a film: corpus BLEU and ROUGE-L. Standard library only.

BLEU as Papineni et al. (ACL 2002) define it for one reference each, over the whole corpus and without smoothing, as in
the COCO caption tools; ROUGE-L as Lin (2004) with a beta of 1.2, mean over reports, as there too. Words are runs of
letters and digits in lower case, or single Chinese characters.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

__all__ = ["BLEU_ORDER", "bleu", "grams", "matches", "rouge_l", "words"]

BLEU_ORDER = 4
_BETA = 1.2
_WORD = re.compile(r"[0-9a-z]+|[\u4e00-\u9fff]")

Words = tuple[str, ...]
Matches = tuple[int, ...]  # length given, length wanted, then hits and n-grams given for n = 1 to 4


def words(text: str) -> Words:
    """Return the words of a report."""
    return tuple(_WORD.findall(text.lower()))


def matches(given: Words, wanted: Words) -> Matches:
    """Return what one report adds to corpus BLEU; sums over reports are what `bleu` takes."""
    counts = [len(given), len(wanted)]
    for n in range(1, BLEU_ORDER + 1):
        own, other = grams(given, n), grams(wanted, n)
        counts += [sum(min(count, other[gram]) for gram, count in own.items()), sum(own.values())]
    return tuple(counts)


def grams(sequence: Words, n: int) -> Counter[Words]:
    """Return the runs of `n` words with how often each is there."""
    return Counter(sequence[start : start + n] for start in range(len(sequence) - n + 1))


def bleu(summed: Sequence[int]) -> tuple[float, ...]:
    """Return BLEU-1 to BLEU-4 of summed `matches`; 0 from the first order without a hit."""
    given, wanted = summed[0], summed[1]
    short = math.exp(min(0.0, 1 - wanted / given)) if given else 0.0
    values, logs = [], 0.0
    for n in range(BLEU_ORDER):
        hits, grams = summed[2 + 2 * n], summed[3 + 2 * n]
        logs += math.log(hits / grams) if hits else -math.inf
        values.append(short * math.exp(logs / (n + 1)))
    return tuple(values)


def rouge_l(given: Words, wanted: Words) -> float:
    """Return the F measure of the longest common subsequence; 0 where one is empty."""
    common = _common(given, wanted)
    if not common:
        return 0.0
    precision, recall = common / len(given), common / len(wanted)
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


def _common(a: Words, b: Words) -> int:
    row = [0] * (len(b) + 1)
    for one in a:
        corner = 0
        for place, other in enumerate(b, 1):
            above = row[place]
            row[place] = corner + 1 if one == other else max(above, row[place - 1])
            corner = above
    return row[-1]
