import gc

import pytest

from trivium.finance.garbage import rare_collections


@pytest.fixture(autouse=True)
def _usual():
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def test_collections_are_rare_inside_and_as_before_afterwards():
    with rare_collections():
        assert gc.get_threshold() == (100_000, 10, 10)
        with rare_collections():
            assert gc.get_threshold() == (100_000, 10, 10)
        assert gc.get_threshold() == (100_000, 10, 10)
    assert gc.get_threshold() == (700, 10, 10)


def test_an_error_inside_leaves_nothing_behind():
    @rare_collections()
    def fail() -> None:
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert gc.get_threshold() == (700, 10, 10)


def test_a_collector_that_was_switched_off_stays_off():
    gc.set_threshold(0, 10, 10)
    with rare_collections():
        assert gc.get_threshold()[0] == 0
    assert gc.get_threshold()[0] == 0
