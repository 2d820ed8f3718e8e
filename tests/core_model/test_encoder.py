"""The protocol is held by shape alone: nothing is inherited."""

import torch
from torch import nn

from trivium.core_model.encoder import ModalityEncoder


class Patches(nn.Module):
    dim = 4

    def encode(self, batch):
        return batch, torch.ones(batch.shape[:2], dtype=torch.bool)


def test_a_module_with_dim_and_encode_is_an_encoder():
    assert isinstance(Patches(), ModalityEncoder)
    assert not isinstance(nn.Linear(2, 2), ModalityEncoder)
