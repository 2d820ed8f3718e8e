"""Draws of many rows: each by its own settings, with the right frequencies."""

import torch

from trivium.core_model.generate import Sampling, filter_logits
from trivium.core_model.serve.draws import DrawSettings, draw

LOGITS = torch.tensor([2.0, 1.0, 0.5, 0.0, -1.0])


def settings(*wishes: Sampling) -> DrawSettings:
    made = DrawSettings.greedy(len(wishes), torch.device("cpu"))
    for row, wish in enumerate(wishes):
        made.put(row, wish, len(LOGITS))
    return made


def drawn(wish: Sampling, times: int) -> torch.Tensor:
    """Draw at so many positions; return how often each token came."""
    rows = settings(wish)
    many = DrawSettings(**{name: value.expand(times) for name, value in vars(rows).items()})
    seen = torch.zeros(times, len(LOGITS), dtype=torch.bool)
    tokens = draw(LOGITS.expand(times, -1), seen, many, torch.arange(times))
    return torch.bincount(tokens, minlength=len(LOGITS)) / times


def test_frequencies_are_the_probabilities_that_the_filters_leave():
    for wish in (
        Sampling(temperature=1.0),
        Sampling(temperature=0.7, top_k=3, seed=1),
        Sampling(temperature=1.3, top_p=0.8, seed=2),
        Sampling(temperature=1.0, min_p=0.2, seed=3),
    ):
        kept = filter_logits(LOGITS[None] / wish.temperature, wish.top_k, wish.top_p, wish.min_p)
        assert (drawn(wish, 40_000) - kept.softmax(dim=-1)[0]).abs().max() < 0.01


def test_rows_keep_to_their_own_settings():
    rows = settings(Sampling(), Sampling(repetition=5.0), Sampling(temperature=1.0, top_k=1))
    seen = torch.zeros(3, 5, dtype=torch.bool)
    seen[:, 0] = True
    assert draw(LOGITS.expand(3, -1), seen, rows, torch.zeros(3, dtype=torch.int64)).tolist() == [0, 1, 0]
