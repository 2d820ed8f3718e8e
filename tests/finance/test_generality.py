"""The mapping on conventions it was not written from: small filings with the concepts and row labels that banks,
insurers, utilities, landlords, retailers, drug makers, carriers and foreign filers use. All amounts are invented.

A wrong number is the one failure that has no excuse.
"""

from decimal import Decimal

import pytest
from tests.finance.industries import insurers, issuers, lenders, networks, producers
from tests.finance.industry_case import REPORTED, told, values_of

from trivium.finance.analyze.policy import load_policy

CASES = (*lenders.CASES, *insurers.CASES, *networks.CASES, *producers.CASES, *issuers.CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_industry_is_mapped_as_its_reader_would(case):
    found, template = values_of(case)
    seen = {metric: told(found.get(metric)) for metric in case.expected}
    assert seen == case.expected
    assert template == case.template


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_reported_value_stands_under_a_foreign_concept(case):
    # A reported value is a printed number of the filing; whatever the metric, its concept must be one the policy names.
    policy = load_policy()
    found, _ = values_of(case)
    for metric, value in found.items():
        if value.status is REPORTED:
            assert value.fact is not None
            rule = policy[metric]
            name = value.fact.concept.name
            assert any(concept.rpartition(":")[2] == name for concept in (*rule.concepts, *rule.face_concepts)), metric


def test_amounts_are_exact():
    found, _ = values_of(networks.UTILITY)
    assert found["total_liabilities"].amount == Decimal(12_590_000_000)
