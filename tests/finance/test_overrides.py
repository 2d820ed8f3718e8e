"""Chosen concepts are kept per owner, company and metric."""

from datetime import timedelta

import pytest
from tests.finance.deployment import deployed

from trivium.finance.overrides import choose, chosen, clear, overrides_of
from trivium.service.database import utc_now
from trivium.service.errors import InputError


@pytest.fixture
def database(tmp_path):
    with deployed(tmp_path / "home") as runtime:
        yield runtime.database


def test_a_choice_is_kept_replaced_and_cleared(database):
    choose(database, "ann", "QRVN", "revenue", "us-gaap:Revenues", by="ann")
    choose(database, "ann", "QRVN", "revenue", "qrvn:NetSales", by="ann")
    choose(database, "ann", "QRVN", "capex", "us-gaap:PaymentsToAcquireProductiveAssets", by="ann")
    choose(database, "ann", "BRKF", "revenue", "us-gaap:Revenues", by="ann")
    choose(database, "bob", "QRVN", "revenue", "us-gaap:SalesRevenueNet", by="bob")
    assert overrides_of(database, "ann") == {
        "BRKF": {"revenue": "us-gaap:Revenues"},
        "QRVN": {"capex": "us-gaap:PaymentsToAcquireProductiveAssets", "revenue": "qrvn:NetSales"},
    }
    newest = chosen(database, "bob")[0]
    assert (newest.concept, newest.set_by) == ("us-gaap:SalesRevenueNet", "bob")
    assert timedelta(0) <= utc_now() - newest.set_at < timedelta(minutes=1)
    assert clear(database, "ann", "BRKF", "revenue") is True
    assert clear(database, "ann", "BRKF", "revenue") is False
    assert overrides_of(database, "ann").keys() == {"QRVN"}


def test_an_empty_or_endless_choice_is_refused(database):
    with pytest.raises(InputError, match="metric has 0 characters; give 1 to 80"):
        choose(database, "ann", "QRVN", "", "us-gaap:Revenues", by="ann")
    with pytest.raises(InputError, match="concept has 301 characters; give 1 to 300"):
        choose(database, "ann", "QRVN", "revenue", "x" * 301, by="ann")
    assert overrides_of(database, "ann") == {}
