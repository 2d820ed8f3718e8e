"""Heads and losses against numbers worked out by hand, and what is missing left out."""

import math

import pytest
import torch

from trivium.core_model.heads import (
    LinearHead,
    QuantileHead,
    class_loss,
    label_loss,
    pinball_loss,
    pool,
    text_loss_sum,
    text_targets,
)
from trivium.service.errors import InputError

NAN = float("nan")


def test_pool_finds_the_last_real_token_on_either_side_of_padding():
    hidden = torch.arange(8.0).view(2, 4, 1)
    hidden[0, 3] = NAN
    mask = torch.tensor([[1, 1, 1, 0], [0, 0, 1, 1]])
    assert pool(hidden, mask).tolist() == [[2.0], [7.0]]
    assert pool(hidden, mask, "mean").tolist() == [[1.0], [6.5]]
    with pytest.raises(InputError, match="pooling 'max' is unknown; known: last, mean"):
        pool(hidden, mask, "max")


def test_class_loss_counts_known_classes_only():
    logits = torch.tensor([[0.0, 0.0], [math.log(3), 0.0], [5.0, -5.0]])
    loss = class_loss(logits, torch.tensor([0, 1, -100]))
    assert float(loss.detach()) == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_label_loss_with_missing_labels_and_weights():
    logits = torch.zeros(2, 3, requires_grad=True)
    labels = torch.tensor([[1.0, 0.0, NAN], [NAN, NAN, 1.0]])
    loss = label_loss(logits, labels, torch.tensor([3.0, 1.0, 1.0]))
    assert float(loss.detach()) == pytest.approx((3 + 1 + 1) * math.log(2) / 3)
    loss.backward()
    assert torch.allclose(logits.grad, torch.tensor([[-0.5, 1 / 6, 0.0], [0.0, 0.0, -1 / 6]]))


def test_a_batch_without_labels_costs_nothing_and_has_a_gradient():
    head = LinearHead(4, 2)
    features = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    for loss in (
        label_loss(head(features), torch.full((3, 2), NAN)),
        class_loss(head(features), torch.full((3,), -100)),
        pinball_loss(head(features), torch.full((3,), NAN), (0.1, 0.9)),
    ):
        head.zero_grad()
        loss.backward()
        assert float(loss.detach()) == 0
        assert head.project.weight.grad.abs().sum() == 0


def test_pinball_by_hand():
    predicted = torch.tensor([[1.0, 3.0], [0.0, 0.0]])
    # 0.1 * (2 - 1) for the low quantile, (0.9 - 1) * (2 - 3) for the high one
    assert float(pinball_loss(predicted, torch.tensor([2.0, NAN]), (0.1, 0.9))) == pytest.approx(0.1)


def test_quantiles_never_cross_and_learn_the_distribution():
    head = QuantileHead(3, 2, (0.05, 0.5, 0.95))
    wild = torch.randn(100, 3, generator=torch.Generator().manual_seed(0)) * 50
    assert (head(wild).diff(dim=-1) >= 0).all()
    assert head(wild).shape == (100, 2, 3)
    targets = torch.linspace(0, 10, 201)[:, None].expand(-1, 2)
    for _ in range(400):
        head.zero_grad()
        pinball_loss(head(torch.zeros(1, 3)), targets, head.quantiles).backward()
        with torch.no_grad():
            head.project.bias -= head.project.bias.grad
    learned = head(torch.zeros(1, 3))[0].detach()
    assert torch.allclose(learned, torch.tensor([0.5, 5.0, 9.5]).expand(2, 3), atol=0.4)  # uniform on 0..10


@pytest.mark.parametrize("quantiles", [(), (0.5, 0.1), (0.0, 0.5), (0.5, 1.0), (0.5, 0.5)])
def test_wrong_quantiles_are_named(quantiles):
    with pytest.raises(InputError, match="quantiles are"):
        QuantileHead(3, 1, quantiles)


def test_text_targets_stop_at_the_border_of_documents():
    tokens = torch.tensor([[5, 6, 7, 8, 9]])
    documents = torch.tensor([[0, 0, 0, 1, 1]])
    assert text_targets(tokens).tolist() == [[6, 7, 8, 9, -100]]
    assert text_targets(tokens, documents).tolist() == [[6, 7, -100, 9, -100]]
    assert text_targets(tokens, documents, shift=2).tolist() == [[7, -100, -100, -100, -100]]


def test_text_loss_is_a_sum():
    logits = torch.zeros(1, 5, 4)
    assert float(text_loss_sum(logits, torch.tensor([[1, 2, -100, 3, -100]]))) == pytest.approx(3 * math.log(4))
