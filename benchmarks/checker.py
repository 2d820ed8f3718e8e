"""How well the checker tells true sentences from false ones, on comparisons of invented companies.

Narrates at least 2,000 sentences in English and Chinese (all true: every removal is a false alarm) and makes 200
corruptions of 12 kinds (all false: every one kept is a miss). Run: `python benchmarks/checker.py --seed 1`.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.finance.corruptions import KINDS, corrupt
from tests.finance.invented import comparison

from trivium.finance.check import check
from trivium.finance.claims import ClaimContext, claims_of, context_of, short_name, values_of
from trivium.finance.narrate import narrate
from trivium.service.evidence import Claim, Sentence

SCALES = {"en": ["million", "billion", "thousand", "full"], "zh": ["yi", "wan", "million", "full"]}
GRAIN = {"filing": 2, "periods": 4, "companies": 2}


@dataclass
class Story:
    """One comparison told in one language."""

    language: str
    sentences: tuple[Sentence, ...]
    claims: dict[str, Claim]
    context: ClaimContext
    companies: list[str]

    def is_kept(self, sentence: Sentence) -> bool:
        kept, _ = check([sentence], self.claims, self.language, context=self.context)
        return bool(kept)


def stories(seed: int, num_sentences: int) -> list[Story]:
    """Tell seeded comparisons until there are enough sentences."""
    rng = random.Random(seed)
    told: list[Story] = []
    for kind in itertools.cycle(GRAIN):
        made = comparison(rng, kind, GRAIN[kind])
        claims, context = claims_of(values_of(made)), context_of(made)
        names = [short_name(series.company.name) for series in made.series]
        for language in ("en", "zh"):
            sentences = narrate(made, language, rng.choice(SCALES[language]))
            told.append(Story(language, sentences, claims, context, names))
        if sum(len(story.sentences) for story in told) >= num_sentences:
            return told
    return told


def false_alarms(told: list[Story]) -> list[tuple[str, str]]:
    """Every true sentence that the checker removed, with its reason."""
    found = []
    for story in told:
        _, removed = check(story.sentences, story.claims, story.language, context=story.context)
        found += [(item.sentence.text, item.reason) for item in removed]
    return found


def corruptions(told: list[Story], seed: int, num_corruptions: int) -> list[tuple[str, Story, Sentence, str]]:
    """Make false sentences, evenly over kinds and languages: kind, story, false sentence, true text."""
    rng = random.Random(seed)
    pool = {
        language: [(story, sentence) for story in told if story.language == language for sentence in story.sentences]
        for language in ("en", "zh")
    }
    made = []
    for kind, language in itertools.islice(itertools.cycle(itertools.product(KINDS, pool)), num_corruptions):
        while True:
            story, sentence = rng.choice(pool[language])
            text = corrupt(kind, sentence.text, rng, language, story.companies)
            if text is not None:
                made.append((kind, story, Sentence(text, sentence.claim_ids), sentence.text))
                break
    return made


def main() -> int:
    """Print the table; return 1 if one corruption is missed or one true sentence removed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--corruptions", type=int, default=200)
    options = parser.parse_args()
    told = stories(options.seed, options.sentences)
    alarms = false_alarms(told)
    made, caught = Counter(), Counter()
    for kind, story, sentence, original in corruptions(told, options.seed, options.corruptions):
        made[kind] += 1
        if story.is_kept(sentence):
            print(f"missed ({kind}): {sentence.text}\n        true: {original}")
        else:
            caught[kind] += 1
    for text, reason in alarms:
        print(f"false alarm: {text}\n        {reason}")
    for kind in KINDS:
        print(f"{kind:<16} {caught[kind]:>4} / {made[kind]}")
    clean = sum(len(story.sentences) for story in told)
    is_met = caught.total() == made.total() and not alarms
    verdict = "target met" if is_met else "TARGET MISSED"
    found = f"caught {caught.total()} / {made.total()}, false alarms {len(alarms)} / {clean}"
    print(f"{found}, seed {options.seed}: {verdict}")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
