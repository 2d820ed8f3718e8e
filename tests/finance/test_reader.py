"""One door for every kind of source: what it is, what is refused, and evidence followed back."""

import gzip
import io
import json
import random
import zipfile
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from tests.finance.inline_doc import annual_cover, document, fact, number, statement, words

from trivium.finance.parse.reader import is_companion, read_path, read_source, resolve
from trivium.finance.records import Filing, Period
from trivium.service.errors import InputError
from trivium.service.evidence import Evidence, FactAnchor

BRING = (
    "bring the filing's inline XBRL (.htm), its XBRL instance (.xml, or the .zip with its linkbases), "
    "SEC's companyfacts (.json), or the statements as CSV or XLSX"
)
PAGE = document(statement([("Net sales", "Revenues", 5)], ["y"]).replace('"py"', '"y"'))
INSTANCE = b"""<xbrl xmlns="http://www.xbrl.org/2003/instance" xmlns:iso4217="http://www.xbrl.org/2003/iso4217"
 xmlns:us-gaap="http://fasb.org/us-gaap/2024" xmlns:link="http://www.xbrl.org/2003/linkbase"
 xmlns:xlink="http://www.w3.org/1999/xlink"><link:schemaRef xlink:type="simple" xlink:href="ex-20241231.xsd"/>
<context id="i"><entity><identifier scheme="http://www.sec.gov/CIK">1234</identifier></entity>
<period><instant>2024-12-31</instant></period></context><unit id="usd"><measure>iso4217:USD</measure></unit>
<us-gaap:Assets id="f1" contextRef="i" unitRef="usd" decimals="-6">7000000</us-gaap:Assets></xbrl>"""


def archive(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items():
            target.writestr(name.replace("_DOT_", "."), content)
    return stream.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        read_source("given", data)
    return caught.value.line


def only(data: bytes, name: str = "given") -> Filing:
    (filing,) = read_source(name, data)
    return filing


def test_inline_xbrl_is_known_by_its_bytes_whatever_its_name():
    for data in (PAGE, gzip.compress(PAGE)):
        filing = only(data, "report.pdf")
        assert filing.source.media == "inline-xbrl"
        assert (filing.source.name, filing.source.size) == ("report.pdf", len(PAGE))
        assert fact(filing, "Revenues").value == 5_000_000


def test_inline_xbrl_alone_is_whole_without_its_linkbases(tmp_path):
    path = tmp_path / "x.htm"
    path.write_bytes(PAGE)
    (filing,) = read_path(path)
    assert filing.problems == ()


def test_inline_xbrl_in_utf_16():
    data = PAGE.decode().encode("utf-16")
    filing = only(data)
    assert fact(filing, "Revenues").value == 5_000_000
    assert resolve(data, filing.evidence(fact(filing, "Revenues"))) == 5_000_000


def test_an_instance_is_known_by_its_root():
    assert only(INSTANCE).source.media == "xbrl-instance"
    assert fact(only(INSTANCE), "Assets").value == 7_000_000


def test_companyfacts_are_known_by_their_keys():
    entry = {"end": "2024-12-31", "val": 7, "accn": "0000001234-25-000001", "fy": 2024, "fp": "FY", "form": "10-K"}
    entry |= {"filed": "2025-02-01"}
    facts = {"us-gaap": {"Assets": {"label": "Assets", "description": "", "units": {"USD": [entry]}}}}
    filing = only(json.dumps({"cik": 1234, "entityName": "Example Corp", "facts": facts}).encode())
    assert filing.source.media == "companyfacts"
    assert fact(filing, "Assets").value == 7
    assert fact(filing, "Assets").period == Period(date(2024, 12, 31))


def test_a_csv_file_is_a_statement():
    filing = only(b"USD millions,2024,2023\nRevenue,5,4\nNet income,2,1\n", "ex.csv")
    assert filing.source.media == "statement-csv"
    assert [f.value for f in filing.facts] == [5_000_000, 4_000_000, 2_000_000, 1_000_000]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "the file is empty"),
        (b" \n\t", "the file is empty"),
        (gzip.compress(b"", mtime=0), "the file is empty"),
        (b"%PDF-1.7\n...", "a PDF cannot be read yet"),
        (gzip.compress(b"%PDF-1.7\n...", mtime=0), "a PDF cannot be read yet"),
        (b"<!DOCTYPE html><html><body>hi</body></html>", "an HTML page without inline XBRL"),
        (b"\xef\xbb\xbf <HTML><p>hi</HTML>", "an HTML page without inline XBRL"),
        ("<html><p>hi</p></html>".encode("utf-16"), "an HTML page without inline XBRL"),
        (b"<?xml version='1.0'?><rss/>", "an XML file that is neither inline XBRL nor an XBRL instance"),
        (b'{"a": 1}', "a JSON file that is not SEC's companyfacts"),
        (b"[1, 2]", "a JSON file that is not SEC's companyfacts"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0", "a binary file of a kind we do not know"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a binary file of a kind we do not know"),
        (
            b"<SEC-DOCUMENT>0000320193-24-000123.txt : 20241101\n<XBRL> http://www.xbrl.org/2013/inlineXBRL",
            "a complete submission text file, with every document of the filing",
        ),
    ],
)
def test_what_is_refused_says_what_it_is_and_what_to_bring(data, what):
    assert refusal(data) == f"given: {what}; {BRING}"


def test_a_missing_file_and_a_folder(tmp_path):
    for path, what in ((tmp_path / "gone.htm", "there is no such file"), (tmp_path, "is a folder, not a file")):
        with pytest.raises(InputError) as caught:
            read_path(path)
        assert caught.value.line == f"{path}: {what}; give the path of a filing"


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = tmp_path / "x.htm"
    path.write_bytes(PAGE)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied\); check its permissions"):
        read_path(path)


def test_an_archive_of_a_document_set_is_one_filing():
    second = document(number("Liabilities", "3", "i", id="l"), cover="")
    data = archive(a_DOT_htm=PAGE, b_DOT_htm=second, R1_DOT_htm=b"<html/>", ex_DOT_jpg=b"\xff\xd8")
    filing = only(data)
    assert fact(filing, "Liabilities").value == 3_000_000
    assert fact(filing, "Liabilities").place.locator == FactAnchor("b.htm", "l")
    assert filing.source.size == len(data)
    assert resolve(data, filing.evidence(fact(filing, "Liabilities"))) == 3_000_000


def test_an_archive_of_an_instance():
    filing = only(archive(ex_DOT_xml=INSTANCE, ex_pre_DOT_xml=b"<link:linkbase xmlns:link='x'/>"))
    assert (filing.source.media, fact(filing, "Assets").value) == ("xbrl-instance", Decimal(7_000_000))


def test_inline_documents_win_over_the_instance_extracted_from_them():
    assert only(archive(ex_htm_DOT_xml=INSTANCE, ex_DOT_htm=PAGE)).source.media == "inline-xbrl"


def test_an_archive_of_two_filings_is_refused():
    other = PAGE.replace(b"ex-20241231.xsd", b"zz-20231231.xsd")
    assert refusal(archive(a_DOT_htm=PAGE, b_DOT_htm=other)) == (
        "given: the archive holds 2 filings (a.htm, b.htm); give each filing's file by itself"
    )


def test_an_archive_without_xbrl():
    assert refusal(archive(a_DOT_txt=b"hi")) == (
        f"given: the archive holds neither inline XBRL nor an XBRL instance; {BRING}"
    )


def test_a_zip_bomb_is_refused_before_it_is_unpacked():
    line = refusal(archive(bomb_DOT_htm=bytes(10_000_000)))
    assert line == (
        "given: the archive unpacks to 1 files and 10,000,000 bytes, more than a filing needs; "
        "give the filing's own document"
    )
    assert "401 files" in refusal(archive(**{f"f{n}": b"" for n in range(401)}))


def test_a_damaged_archive_is_a_named_error_whatever_the_damage():
    data = archive(a_DOT_htm=document("".join(number("Assets", str(n), "i") for n in range(50))))
    rng = random.Random(7)
    refused = 0
    for _ in range(200):
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(4, len(data))] = rng.randrange(256)
        try:
            filing = only(bytes(damaged))
        except InputError:
            refused += 1
        else:
            # Dates and attributes of an entry may change; its content is held by a checksum.
            assert [f.value for f in filing.facts if f.is_numeric] == [n * 1_000_000 for n in range(50)]
    assert refused > 150


def test_a_schema_or_linkbase_is_a_companion():
    assert is_companion(b"<?xml version='1.0'?>\n<!-- c --><xs:schema xmlns:xs='x'/>")
    assert is_companion(gzip.compress(b"<link:linkbase xmlns:link='x'/>"))
    assert not is_companion(INSTANCE)
    assert not is_companion(PAGE)
    # 800 instructions and no root: a pattern that could split them in two ways would never end.
    assert not is_companion(b"<?a?>" * 800 + b"x")


def test_evidence_leads_to_the_value():
    body = number("Assets", "5", "i", id="n") + number("Revenues", "", id="nil", xsi_nil="true")
    data = document(body + words("ex:Note", "some text", id="t"))
    filing = only(data)
    for name, value in (("Assets", Decimal(5_000_000)), ("Revenues", None), ("Note", "some text")):
        evidence = filing.evidence(fact(filing, name))
        assert resolve(data, evidence) == value
        assert resolve(gzip.compress(data), evidence) == value


def test_evidence_of_another_source_is_refused():
    filing = only(PAGE)
    evidence = filing.evidence(fact(filing, "Revenues"))
    with pytest.raises(InputError, match="this is not the source that the evidence names"):
        resolve(PAGE + b"\n", evidence)
    gone = replace(evidence, locator=FactAnchor("", "zz"))
    with pytest.raises(LookupError, match="no fact 'zz' in the source"):
        resolve(PAGE, gone)


def test_evidence_into_an_instance():
    filing = only(INSTANCE)
    assert resolve(INSTANCE, Evidence(filing.source.sha256, FactAnchor("", "f1"))) == 7_000_000


def test_the_cover_of_a_quarter():
    cover = annual_cover("10-Q", "2024-09-30", "2024", "Q3")
    filing = only(document(number("Assets", "5", "i"), cover=cover))
    assert (filing.form, filing.period_end, filing.fiscal_period) == ("10-Q", date(2024, 9, 30), "Q3")


@pytest.mark.parametrize("text", ["<p>2019年年度报告</p>", '{"page": 1, "inside": "2019年年度报告"}'])
def test_a_chinese_annual_report_as_text_says_what_to_bring(text):
    wanted = "Chinese annual report as text or HTML cannot be read yet; bring its statements as CSV or XLSX"
    with pytest.raises(InputError) as refused:
        read_source("report.html", text.encode())
    assert wanted in refused.value.line
