import json
from decimal import Decimal

import pytest
from tests.finance.report_cases import CREATED, Case, case, compared, told

from trivium.finance.analyze.compare import compare
from trivium.finance.analyze.policy import load_policy
from trivium.finance.display import Scale
from trivium.finance.report.content import Content
from trivium.finance.report.json import SCHEMA, render_json


def _document(one: Case, language: str = "en", scale: Scale = Scale.MILLION) -> dict:
    return json.loads(render_json(Content(one.comparison, one.sentences, one.claims, language, scale)))


def _references(node: object) -> list[str]:
    """Every value id that a document refers to outside `values`."""
    if isinstance(node, list):
        return [found for one in node for found in _references(one)]
    if not isinstance(node, dict):
        return []
    found = []
    for key, content in node.items():
        if key in ("values", "claims") and isinstance(content, list):
            found += content
        elif key in ("base", "absolute", "relative", "start", "end", "left", "right", "value") and content:
            found += [content] if isinstance(content, str) and "/" in content else []
        elif key not in ("values",):
            found += _references(content)
    return found


@pytest.mark.parametrize("kind", ["filing", "periods", "companies"])
def test_every_number_is_its_claim_and_every_reference_leads_to_a_value(kind):
    one = case(kind)
    document = _document(one)
    assert document["schema"] == SCHEMA == "trivium.finance.comparison/1"
    assert document["kind"] == kind
    values = document["values"]
    amounts = {key: Decimal(value["amount"]) for key, value in values.items() if "amount" in value}
    assert amounts == {key: one.claims[key].value for key in amounts}
    assert len(amounts) > 300
    referred = _references({key: content for key, content in document.items() if key != "values"})
    assert len(referred) > 300
    assert [key for key in referred if key not in values] == []
    assert [key for value in values.values() for key in value.get("inputs", ()) if key not in values] == []


def test_a_value_is_reported_with_its_source_derived_with_inputs_or_absent_with_a_reason():
    for value in _document(case("companies"))["values"].values():
        if "amount" not in value:
            assert value["status"] == "absent"
            assert value["reason"]
        elif value["status"] == "reported":
            assert value["source"]["evidence"]["source_sha256"]
        else:
            assert value["status"] == "derived"
            assert value.get("inputs") or value["source"]


def test_evidence_leads_to_the_fact_with_the_value():
    one = case("periods")
    facts = {
        (filing.source.sha256, fact.place.locator.fact_id): fact
        for series in one.comparison.series
        for filing in series.filings
        for fact in filing.facts
    }
    reported = [value for value in _document(one)["values"].values() if value["status"] == "reported"]
    assert len(reported) > 150
    for value in reported:
        evidence = value["source"]["evidence"]
        fact = facts[evidence["source_sha256"], evidence["fact_id"]]
        assert Decimal(value["amount"]) == fact.value
        assert value["source"]["printed"] == fact.printed


def test_a_row_holds_one_value_a_column_and_its_changes():
    document = _document(case("periods"))
    table = next(table for table in document["tables"] if table["key"] == "income_statement")
    revenue = next(row for row in table["rows"] if row["metric"] == "revenue")
    assert [column["label"] for column in document["columns"]] == ["FY2021", "FY2022", "FY2023", "FY2024"]
    assert len(revenue["values"]) == 4
    values = document["values"]
    first, second = (Decimal(values[key]["amount"]) for key in revenue["values"][-2:])
    change = revenue["changes"][-1]
    assert change["base"] == revenue["values"][-2]
    assert Decimal(values[change["absolute"]]["amount"]) == second - first
    assert revenue["changes"][0] is None


def test_languages_share_numbers_and_differ_in_words():
    english, chinese = _document(case("periods")), _document(case("periods", "zh"), "zh")
    amounts = [{key: value.get("amount") for key, value in one["values"].items()} for one in (english, chinese)]
    assert amounts[0].keys() >= {key for row in english["tables"][0]["rows"] for key in row["values"]}
    assert all(amounts[0][key] == amounts[1][key] for key in amounts[0].keys() & amounts[1].keys())
    names = [one["tables"][0]["rows"][0]["name"] for one in (english, chinese)]
    assert names == ["Revenue", "营业收入"]


def test_the_scale_changes_only_what_is_shown():
    one = case("filing")
    millions, yi = (_document(one, scale=scale)["values"] for scale in (Scale.MILLION, Scale.YI))
    key = next(key for key in millions if "/revenue/" in key)
    assert millions[key]["amount"] == yi[key]["amount"]
    assert Decimal(millions[key]["shown"].replace(",", "")) == round(Decimal(millions[key]["amount"]) / 10**6)
    assert Decimal(yi[key]["shown"].replace(",", "")) == round(Decimal(yi[key]["amount"]) / 10**8, 2)


def test_a_chosen_concept_is_named_and_others_are_offered():
    filings = [filing for series in compared("filing").series for filing in series.filings]
    chosen = {"FWHS": {"sales_revenue": "us-gaap:GrossProfit"}}
    document = _document(told(compare(filings, load_policy(), created=CREATED, overrides=chosen)))
    entry = next(one for one in document["mapping"] if one["metric"] == "sales_revenue")
    assert entry["override"] == "us-gaap:GrossProfit"
    assert entry["uses"][0]["concept"] == "us-gaap:GrossProfit"
    assert "us-gaap:GrossProfit was chosen" in entry["uses"][0]["reason"]
    offered = document["candidates"][entry["candidates"]]
    assert "us-gaap:CostOfGoodsAndServicesSold" in [one["concept"] for one in offered]
    other = next(one for one in document["mapping"] if one["metric"] == "net_income")
    assert other["override"] is None


def test_a_number_without_its_claim_is_refused():
    one = case("filing")
    key = next(key for key in one.claims if "/revenue/" in key)
    without = {name: claim for name, claim in one.claims.items() if name != key}
    with pytest.raises(ValueError, match=f"no claim stands behind '{key}'"):
        render_json(Content(one.comparison, one.sentences, without, "en", Scale.MILLION))
