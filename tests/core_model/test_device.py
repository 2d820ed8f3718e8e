"""A device that is not there is named before anything is read."""

import pytest
import torch

from trivium.core_model.device import usable_device
from trivium.service.errors import InputError


def test_a_device_that_is_there_is_given():
    assert usable_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "cards", "message"),
    [
        ("gpu", 1, r"device 'gpu' is unknown; use cpu, cuda, or cuda and a number as in cuda:0"),
        ("cuda", 0, r"device is cuda, and torch finds no CUDA device; use cpu"),
        ("cuda:2", 2, r"device is cuda:2, and there are 2 CUDA devices; they count from cuda:0"),
    ],
)
def test_one_that_is_not_is_named(name, cards, message, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cards > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    with pytest.raises(InputError, match=message):
        usable_device(name)
