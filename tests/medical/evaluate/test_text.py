"""BLEU and ROUGE-L against values worked out by hand and against sacrebleu; what systems write of a film."""

import numpy as np
import pytest
from tests.medical.evaluate.test_measure import EFFUSION, labelled

from trivium.medical.evaluate.reports import report_of, text_rows
from trivium.medical.evaluate.text import bleu, matches, rouge_l, words
from trivium.medical.narrate import load_phrases


def test_bleu_of_a_pair_by_hand():
    given, wanted = words("No effusion. The heart is normal."), words("no effusion; the heart is large today")
    counts = matches(given, wanted)
    assert counts == (6, 7, 5, 6, 4, 5, 3, 4, 2, 3)
    short = np.exp(1 - 7 / 6)
    assert bleu(counts)[0] == pytest.approx(short * 5 / 6)
    assert bleu(counts)[3] == pytest.approx(short * (5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25)
    assert bleu(matches(words("a b"), words("c d"))) == (0, 0, 0, 0)


def test_bleu_is_sacrebleus():
    sacrebleu = pytest.importorskip("sacrebleu")
    generator = np.random.default_rng(3)
    pairs = [
        [" ".join(generator.choice(list("abcde"), size=generator.integers(5, 12))) for _ in "xy"] for _ in range(9)
    ]
    summed = np.sum([matches(words(a), words(b)) for a, b in pairs], 0)
    score = sacrebleu.corpus_bleu([a for a, _ in pairs], [[b for _, b in pairs]], tokenize="none", smooth_method="none")
    assert bleu(summed.tolist())[3] == pytest.approx(score.score / 100)


def test_rouge_l_by_hand():
    # common: a c d; precision 3/4, recall 3/5, beta squared 1.44
    assert rouge_l(words("a c b d"), words("a x c d y")) == pytest.approx(2.44 * 0.45 / (0.6 + 1.44 * 0.75))
    assert rouge_l((), words("a")) == 0


def test_chinese_is_counted_by_character():
    assert words("未见胸腔积液, 3 mm") == (*"未见胸腔积液", "3", "mm")


def test_labels_become_a_report():
    present = np.zeros(15, bool)
    present[EFFUSION] = True
    assert report_of(present, load_phrases("en")) == ("Suspected pleural effusion. No pneumothorax. No consolidation.")


def test_a_system_is_measured_on_reports_of_other_patients():
    """Half of the films have an effusion and are bright: the neighbour knows, a constant is right half the time."""
    rows = text_rows(labelled(), load_phrases("en"), 1)
    every = np.arange(40)
    assert rows["nearest neighbour"].measures(every) == pytest.approx((1,) * 8)
    assert rows["gold labels"].measures(every) == pytest.approx((1,) * 8)
    constant = rows["best constant report"].measures(every)
    assert rows["most frequent report"].measures(every)[3] <= constant[3] < 1
    assert constant[3] > 0.8  # BLEU-4 is pleased with a report that knows nothing
    assert constant[5] < 0.5  # micro-F1 of what it states is not
    assert constant[7] <= 0.5  # normal or not
    # the shipped models call nothing present here: right on the half without an effusion
    assert rows["shipped models"].rouge[20:] == pytest.approx(1)
