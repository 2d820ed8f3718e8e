"""The mapping policy as a file: what it may say, how a user's file is laid over it, and what is refused."""

from pathlib import Path

import pytest

from trivium.finance.analyze.policy import Proxy, family_name, load_policy
from trivium.finance.records import Concept
from trivium.service.errors import InputError


def lay_over(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(tmp_path: Path, text: str) -> str:
    path = lay_over(tmp_path, text)
    with pytest.raises(InputError) as caught:
        load_policy(path)
    return caught.value.line.replace(str(path), "mine.toml")


def test_the_shipped_rules():
    policy = load_policy()
    assert len(policy.rules) >= 60
    assert policy["revenue"].concepts[:2] == ("Revenues", "RevenuesNetOfInterestExpense")
    assert policy["revenue"].notes == "never"
    assert (policy["cash"].is_balance, policy["capex"].is_balance, policy["capex"].outflow) == (True, False, True)
    assert policy["shares_outstanding"].is_balance
    assert load_policy() is policy


@pytest.mark.parametrize(
    ("metric", "label", "is_match"),
    [
        ("revenue", "Total net sales", True),
        ("revenue", "Revenues:", True),
        ("revenue", "Total revenues (Note 4)", True),
        ("revenue", "Net sales (1)", True),
        ("revenue", "Total revenues net of interest expense after provisions for credit losses", False),
        ("revenue", "Cost of revenue", False),
        ("revenue", "营业总收入", True),
        ("capex", "Purchases of property and equipment, net", True),
        ("capex", "Property and equipment in accounts payable", False),
        ("capex", "Purchases of property and equipment included in accounts payable", False),
        ("capex", "Proceeds from sales of property and equipment", False),
        ("capex", "Acquisition of real estate properties", False),
        ("long_term_debt", "Convertible senior notes, net of current portion", True),
        ("long_term_debt", "Current portion of long-term debt", False),
        ("equity", "Total stockholders’ equity", True),
        ("equity", "Total liabilities and stockholders’ equity", False),
        ("net_interest_income", "Net interest income after provision for credit losses", False),
        ("deposits", "Deposits with banks", False),
    ],
)
def test_labels_are_matched_whole_without_note_marks(metric, label, is_match):
    assert load_policy()[metric].matches_label(label) is is_match


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("http://fasb.org/us-gaap/2024", "Assets"),
        ("http://xbrl.us/us-gaap/2009-01-31", "Assets"),
        ("https://xbrl.ifrs.org/taxonomy/2024-03-27/ifrs-full", "ifrs:Assets"),
        ("http://xbrl.sec.gov/dei/2024", "dei:Assets"),
        ("http://fasb.org/srt/2024", "srt:Assets"),
        ("http://www.example.com/20241231", ""),
        ("http://www.example.com/us-gaap/2024", ""),
    ],
)
def test_family_names_forget_the_year_of_a_taxonomy(namespace, name):
    assert family_name(Concept(namespace, "Assets", "x")) == name


def test_a_users_file_changes_only_what_it_says(tmp_path):
    policy = load_policy(lay_over(tmp_path, '[capex]\nconcepts = ["PaymentsForSoftware"]\n'))
    assert policy["capex"].concepts == ("PaymentsForSoftware",)
    assert policy["capex"].proxies == load_policy()["capex"].proxies
    assert policy["revenue"] == load_policy()["revenue"]
    assert "PaymentsForSoftware" in policy.named_concepts


def test_a_users_file_may_add_a_metric(tmp_path):
    text = '[backlog]\nstatement = "note"\nunit = "money"\nconcepts = ["ContractBacklog"]\n'
    text += 'proxies = [{ concept = "Orders", differs = "new orders", unless = "revenue", negate = true }]\n'
    rule = load_policy(lay_over(tmp_path, text))["backlog"]
    assert (rule.statement, rule.unit, rule.notes) == ("note", "money", "reported")
    assert rule.proxies == (Proxy("Orders", "new orders", "revenue", True),)


def test_a_changed_file_is_read_again(tmp_path):
    path = lay_over(tmp_path, '[capex]\nconcepts = ["One"]\n')
    assert load_policy(path)["capex"].concepts == ("One",)
    path.write_text('[capex]\nconcepts = ["Two"]\n', encoding="utf-8")
    assert load_policy(path)["capex"].concepts == ("Two",)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("capex = 3", "mine.toml: 'capex' is not a table; write [capex]"),
        (
            '[capex]\nconcept = ["A"]',
            "mine.toml: [capex] has unknown fields concept; use concepts, cost, face_concepts, labels, maybe_labels, "
            "member_axis, not_labels, notes, outflow, proxies, statement, unit",
        ),
        (
            '[backlog]\nconcepts = ["A"]',
            "mine.toml: [backlog] needs statement (income, balance, cash_flow, cover, note), unit (money, per_share, "
            "shares) and, if given, notes (reported, derived, never)",
        ),
        ('[capex]\nconcepts = "A"', 'mine.toml: [capex] concepts is not a list; write concepts = ["..."]'),
        ("[capex]\nlabels = [1]", 'mine.toml: [capex] labels is not a list; write labels = ["..."]'),
        (
            '[capex]\nlabels = ["("]',
            "mine.toml: [capex] has a malformed label or proxy (missing ), unterminated subpattern at position 0)",
        ),
        (
            '[capex]\nproxies = [{ concept = "A", differs = "x", unless = "zz" }]',
            "mine.toml: [capex] names the metric 'zz', which no rule defines",
        ),
        (
            '[capex]\nproxies = [{ concept = "A", differs = "x", unless = "revenue" }]\n'
            '[revenue]\nproxies = [{ concept = "B", differs = "x", unless = "capex" }]',
            "mine.toml: [revenue] waits by `unless` for a metric that waits for it",
        ),
    ],
)
def test_a_malformed_rule_is_refused_by_name(tmp_path, text, line):
    assert refusal(tmp_path, text) == line


def test_a_proxy_without_its_difference_is_refused(tmp_path):
    line = refusal(tmp_path, '[capex]\nproxies = [{ concept = "A" }]')
    assert line.startswith("mine.toml: [capex] has a malformed label or proxy (")
    assert "'differs'" in line


@pytest.mark.parametrize("data", [b"[capex", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused(tmp_path, data):
    path = tmp_path / "mine.toml"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"the mapping policy cannot be read \(.*; see docs/metrics.md"):
        load_policy(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="the mapping policy cannot be read"):
        load_policy(tmp_path / "gone.toml")
