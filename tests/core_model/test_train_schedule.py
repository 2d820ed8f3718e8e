"""Learning rates worked out by hand."""

import pytest
from tests.core_model.training import config

from trivium.core_model.train.schedule import learning_rate


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        # Warm-up in two steps, then from 1 at step 1 to 0.1 at step 9: 1 - 0.9 (1 - cos(pi x)) / 2, x = 1/8, 2/8...
        ("cosine", {0: 0.5, 1: 1.0, 2: 0.9657, 3: 0.8682, 5: 0.55, 9: 0.1}),
        # The last four of ten steps fall in a straight line, the last one to 0.1.
        ("wsd", {0: 0.5, 1: 1.0, 5: 1.0, 6: 0.775, 7: 0.55, 8: 0.325, 9: 0.1}),
        ("constant", {0: 0.5, 1: 1.0, 9: 1.0}),
    ],
)
def test_rates_by_hand(tmp_path, schedule, rates):
    run = config(tmp_path, schedule=schedule, steps=10, warmup_steps=2, learning_rate=1.0, decay_share=0.4)
    assert {step: round(learning_rate(run, step), 4) for step in rates} == rates


@pytest.mark.parametrize("schedule", ["cosine", "wsd"])
def test_one_step_and_no_warmup_are_fine(tmp_path, schedule):
    run = config(tmp_path, schedule=schedule, steps=1, warmup_steps=0, learning_rate=1.0, final_share=0.0)
    assert learning_rate(run, 0) in (0.0, 1.0)
