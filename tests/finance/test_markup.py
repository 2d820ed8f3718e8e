"""Documents from strangers: bounded, no entities, no network, and repairs that say so."""

import codecs
import gzip
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from trivium.finance.parse.markup import Document, gunzip, load, to_utf8
from trivium.service.errors import InputError

XHTML = "http://www.w3.org/1999/xhtml"
PUBLIC = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">'


def text_of(document: Document) -> str:
    return "".join(document.root.itertext())


def notes(document: Document) -> list[str]:
    assert all(problem.is_recovery and problem.where == "document" for problem in document.problems)
    return [problem.what for problem in document.problems]


def test_a_whole_document_has_nothing_to_report():
    document = load(b"<a><b>1</b></a>", "x")
    assert (text_of(document), document.is_whole, document.problems) == ("1", True, ())
    assert document.is_trusted(document.root[0])


@pytest.mark.parametrize("head", [b"\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf \r\n"])
def test_blank_lines_and_a_byte_order_mark_before_the_declaration_do_no_harm(head):
    document = load(head + b'<?xml version="1.0" encoding="UTF-8"?><a>1</a>', "x")
    assert (text_of(document), document.problems) == ("1", ())


def test_an_entity_bomb_is_refused_and_not_expanded():
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE a [<!ENTITY l0 "ha">{levels}]><a>&l9;</a>'
    with pytest.raises(InputError) as caught:
        load(bomb.encode(), "bomb.htm")
    assert caught.value.line == (
        "bomb.htm: declares XML entities (l0, l1, l2), which filings never need; fetch the original from sec.gov"
    )


def test_an_entity_bomb_in_an_attribute_is_refused():
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    with pytest.raises(InputError):
        load(f'<!DOCTYPE a [<!ENTITY l0 "ha">{levels}]><a b="&l9;">1</a>'.encode(), "bomb.htm")


def test_an_external_entity_is_refused_and_its_file_stays_closed(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("s3cret")
    page = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><a>&x;</a>'
    with pytest.raises(InputError, match=r"declares XML entities \(x\)") as caught:
        load(page.encode(), "x.htm")
    assert "s3cret" not in caught.value.line


def test_neither_an_external_dtd_nor_a_parameter_entity_reaches_the_network():
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            address = f"http://127.0.0.1:{server.server_port}/x.dtd"
            load(f'<!DOCTYPE a SYSTEM "{address}"><a>1</a>'.encode(), "x")
            with pytest.raises(InputError, match="declares XML entities"):
                load(f'<!DOCTYPE a [<!ENTITY % p SYSTEM "{address}"> %p;]><a>1</a>'.encode(), "x")
        finally:
            server.shutdown()
            thread.join()
    assert asked == []


@pytest.mark.parametrize(
    ("written", "read", "count"),
    [
        (b"1&nbsp;234", "1\xa0234", 1),
        (b"AT&T", "AT&T", 1),
        (b"A & B &", "A & B &", 2),
        (b"&mdash;&amp;&lt;&#8212;&#x2014;", "—&<——", 1),
        (b"&nosuchname;", "&nosuchname;", 1),
        (b"&NotEqualTilde;", "≂̸", 1),
    ],
)
def test_html_entities_and_bare_ampersands_are_spelled_out(written, read, count):
    document = load(b"<a>" + written + b"</a>", "x")
    assert text_of(document) == read
    assert notes(document) == [f"{count} HTML entities or bare '&' were spelled out; no value changes"]


def test_an_external_dtd_does_not_let_an_undeclared_entity_vanish_from_a_number():
    # With an external subset XML allows `&period;` without a declaration: dropped, 12.5 would read 125.
    document = load(PUBLIC.encode() + b'<html xmlns="http://www.w3.org/1999/xhtml"><p>12&period;5</p></html>', "x")
    assert text_of(document) == "12.5"
    assert notes(document) == ["1 HTML entities or bare '&' were spelled out; no value changes"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32", "utf-7"])
def test_a_dtd_on_this_machine_is_never_read(tmp_path, encoding):
    # Told to keep no table of ids, libxml2 loads external DTDs.
    (tmp_path / "own.dtd").write_text("<!ELEMENT a ANY>", encoding="ascii")
    doctype = f'<!DOCTYPE a SYSTEM "{(tmp_path / "own.dtd").as_uri()}">'
    hidden = "+ADw-" + doctype[1:] if encoding == "utf-7" else doctype
    text = f'<?xml version="1.0" encoding="{encoding}"?>{hidden}<a>1</a>'
    root = load(text.encode("ascii" if encoding == "utf-7" else encoding), "x").root
    assert root.getroottree().docinfo.doctype
    assert root.getroottree().docinfo.externalDTD is None


def test_cdata_is_left_as_it_is():
    document = load(b"<a><b>1</b><![CDATA[&nbsp;]]><c>&nbsp;</c></a>", "x")
    assert text_of(document) == "1&nbsp;\xa0"


def test_what_follows_the_first_error_is_not_read():
    document = load(b"<a><b>1</b><c>2</d><e>3</e></a>", "x")
    assert [element.tag for element in document.closed] == ["b"]
    assert not document.is_whole
    assert document.is_trusted(document.root[0])
    assert not document.is_trusted(document.root)
    assert notes(document) == [
        "not well-formed at line 1, column 20 (Opening and ending tag mismatch: c line 1 and d); "
        "what stands after that was not read"
    ]


def test_a_truncated_document_gives_what_was_closed():
    document = load(b"<a><b>1</b><c>2", "x")
    assert [element.tag for element in document.closed] == ["b"]
    assert notes(document)[0].endswith("what stands after that was not read")


@pytest.mark.parametrize("tail", [b"", b"<b>2</b>", b"tail"])
def test_an_error_that_loses_no_element_says_so(tail):
    # An undeclared prefix, and content after the root, stop nothing inside the root.
    document = load(b"<a><b>1</b><x:c>2</x:c><d>3</d></a>" + tail, "x")
    assert document.is_whole
    assert text_of(document) == "123"
    assert notes(document)[0].endswith("every element was read to its end")


def test_invalid_bytes_end_the_reading():
    document = load(b'<?xml version="1.0" encoding="UTF-8"?><a><b>1</b><c>\xff\xfe</c><d>2</d></a>', "x")
    assert [element.tag for element in document.closed] == ["b"]


@pytest.mark.parametrize(
    "data", [b"", b"   ", b"\xef\xbb\xbf", b"plain words", b"<", b"<a>", b"\x00\x01\x02", b"<a <b>"]
)
def test_what_is_not_xml_from_the_start_is_refused(data):
    with pytest.raises(InputError, match=r"^x: not well-formed XML .*; give the original file, not a print of it$"):
        load(data, "x")


def test_deep_nesting_is_refused():
    with pytest.raises(InputError, match="Excessive depth"):
        load(b"<a>" * 5000 + b"</a>" * 5000, "x")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_whatever_the_declaration_says(encoding):
    mark = codecs.BOM_UTF16_LE if encoding == "utf-16-le" else codecs.BOM_UTF16_BE
    data = mark + "<?xml version='1.0' encoding='UTF-16' ?><a>é&nbsp;1</a>".encode(encoding)
    document = load(data, "x")
    assert text_of(document) == "é\xa01"
    assert len(notes(document)) == 1


def test_damaged_utf_16_is_refused():
    with pytest.raises(InputError, match="x: the text is damaged: not UTF-16"):
        to_utf8(codecs.BOM_UTF16_LE + b"<\0a", "x")


def test_gunzip_returns_plain_data_as_it_is():
    assert gunzip(b"<a/>", "x") == b"<a/>"
    assert gunzip(gzip.compress(b"<a/>"), "x") == b"<a/>"


def test_a_gzip_bomb_is_refused_after_the_limit():
    bomb = gzip.compress(bytes(1 << 22))
    assert len(bomb) < 5000
    with pytest.raises(InputError, match=r"x.gz: larger than 1 MiB decompressed; give one filing's own document"):
        gunzip(bomb, "x.gz", limit=1 << 20)
    with pytest.raises(InputError, match="larger than 1 MiB"):
        gunzip(bytes((1 << 20) + 1), "x", limit=1 << 20)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: data[:30] + b"\0\0\0" + data[33:], lambda data: data[:5]]
)
def test_damaged_gzip_is_refused(damage):
    data = gzip.compress(b"".join(b"<a>%d</a>" % n for n in range(500)))
    with pytest.raises(InputError, match=r"the gzip stream is damaged .*; fetch the file again"):
        gunzip(damage(data), "x.gz")
