"""The network on sensor patches: windows by hand, the encoder's promise, and that it learns and repeats."""

import numpy as np
import pytest

from trivium.core_model.encoder import ModalityEncoder
from trivium.maintenance.network.encoder import SensorPatchEncoder, windows
from trivium.maintenance.network.model import NetworkConfig
from trivium.maintenance.network.train import Schedule, fit_network, predict_network
from trivium.maintenance.records import row_starts

ASSET = np.repeat([0, 1], [7, 12])
ROWS = np.arange(19.0)[:, None]


def test_a_window_ends_at_its_row_and_stays_within_the_asset():
    batch = windows(ROWS, row_starts(ASSET), np.array([2, 18, 8]), width=6, patch=2)
    assert batch.lengths.tolist() == [4, 6, 2]
    assert batch.rows[0, :4, 0].tolist() == [0, 0, 1, 2]  # three rows, the first repeated to fill a patch
    assert batch.rows[1, :, 0].tolist() == [13, 14, 15, 16, 17, 18]
    assert batch.rows[2, :2, 0].tolist() == [7, 8]


def test_the_encoder_keeps_the_promise_of_encoders():
    encoder = SensorPatchEncoder(1, 8, patch=2)
    assert isinstance(encoder, ModalityEncoder)
    tokens, mask = encoder.encode(windows(ROWS, row_starts(ASSET), np.array([2, 18]), width=6, patch=2))
    assert tokens.shape == (2, 3, 8)
    assert mask.tolist() == [[True, True, False], [True, True, True]]


@pytest.mark.slow
def test_it_learns_a_trend_and_repeats_with_its_seed():
    asset = np.repeat(np.arange(20), 40)
    life = np.tile(np.linspace(1, 0, 40), 20)
    signal = (1 - life)[:, None] + np.random.default_rng(0).normal(0, 0.05, (800, 1))
    config = NetworkConfig(num_channels=1, width=20, patch=5, dim=16, num_experts=4)
    first, again = (
        fit_network(
            signal,
            row_starts(asset),
            np.arange(600),
            life,
            (life < 0.2).astype(float),
            config,
            Schedule(epochs=6, batch=60),
            seed=3,
        )
        for _ in range(2)
    )
    rows = np.arange(600, 800)
    said = predict_network(first, signal, row_starts(asset), rows)
    assert said.shape == (200, 5)
    assert np.sqrt(np.mean((said[:, 0] - life[rows]) ** 2)) < 0.6 * life.std()
    assert (np.diff(said[:, 1:4], axis=1) > 0).all()  # quantiles rise
    assert (predict_network(again, signal, row_starts(asset), rows) == said).all()
