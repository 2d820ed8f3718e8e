import re
from importlib import resources

import pytest

from trivium.finance.analyze.model import Message
from trivium.finance.analyze.policy import load_policy
from trivium.finance.display import message_text
from trivium.service.phrase import translate
from trivium.service.text import LANGUAGES, catalogue

MODULES = ("breakdowns", "bridges", "changes", "evaluation", "formulas", "identities", "peers", "quantities", "ratios")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_of_the_analysis_has_a_text_with_its_fields(language):
    texts = catalogue("trivium.finance", language)
    folder = resources.files("trivium.finance.analyze")
    found = 0
    for name in MODULES:
        source = (folder / f"{name}.py").read_text(encoding="utf-8")
        for key, inline in re.findall(r'Message\(\s*"([a-z_.]+)"(?:,\s*\{([^}]*)\})?', source):
            found += 1
            assert key in texts, f"{name}.py uses {key}"
            given = set(re.findall(r'"(\w+)":', inline))
            if given:
                assert set(re.findall(r"\{(\w+)\}", texts[key])) <= given, key
    assert found > 30


def test_how_a_concept_differs_is_told_in_chinese():
    differs = {proxy.differs for rule in load_policy().rules.values() for proxy in rule.proxies}
    assert len(differs) > 80
    assert [text for text in differs if translate(text, "zh") == text] == []
    message = Message("reason.by_proxy", {"concept": "ifrs:InsuranceRevenue", "differs": "loans only"})
    assert message_text(message, "zh") == "取自 ifrs:InsuranceRevenue：仅贷款"
