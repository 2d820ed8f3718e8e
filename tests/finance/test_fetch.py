"""Fetching from the SEC, against a small server on this machine: what is asked, how fast, and what goes wrong."""

import http.server
import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from trivium.finance import edgar as module
from trivium.finance.edgar import SecClient, check_contact
from trivium.finance.fetch import fetch_filings
from trivium.service.errors import InputError, NotFoundError, UpstreamError

CONTACT = "Jane Doe jane@example.com"
TICKERS = {
    "0": {"cik_str": 1234, "ticker": "EXC", "title": "Example Corp"},
    "1": {"cik_str": 1067983, "ticker": "BRK-B", "title": "BERKSHIRE HATHAWAY INC"},
}
ROWS = [
    # form, period, filed, document, inline
    ("8-K", "2025-02-01", "2025-02-01", "news.htm", 1),
    ("10-K", "2024-12-28", "2025-01-30", "exc-20241228.htm", 1),
    ("10-Q", "2024-09-28", "2024-10-30", "exc-20240928.htm", 1),
    ("10-K/A", "2023-12-30", "2024-03-01", "exc-20231230a.htm", 1),
    ("10-K", "2023-12-30", "2024-01-30", "exc-20231230.htm", 1),
    ("10-K", "2022-12-31", "2023-01-30", "exc-20221231.htm", 1),
    ("UPLOAD", "", "2022-06-01", "", 0),
]
OLDER = [
    ("10-K", "2021-12-25", "2022-01-30", "exc-20211225.htm", 1),
    ("10-K", "2008-12-27", "2009-01-30", "old.htm", 0),
]
DOCUMENT = b'<html xmlns:ix="http://www.xbrl.org/2013/inlineXBRL">%d</html>'


def listing(rows: list[tuple[str, str, str, str, int]], first: int) -> dict[str, list[object]]:
    return {
        "form": [row[0] for row in rows],
        "reportDate": [row[1] for row in rows],
        "filingDate": [row[2] for row in rows],
        "accessionNumber": [f"0000001234-25-{first + number:06d}" for number in range(len(rows))],
        "primaryDocument": [row[3] for row in rows],
        "isInlineXBRL": [row[4] for row in rows],
    }


class Sec:
    """The SEC as a server on this machine.

    Attributes:
        pages: body by path.
        failures: (status, headers) answers to give first, by path.
        asked: paths in order.
        agents: User-Agent headers in order.
    """

    def __init__(self, url: str = "") -> None:
        self.url = url
        self.asked: list[str] = []
        self.agents: list[str] = []
        self.failures: dict[str, list[tuple[int, dict[str, str]]]] = {}
        recent, older = listing(ROWS, 1), listing(OLDER, 101)
        files = [{"name": "CIK0000001234-submissions-001.json", "filingCount": len(OLDER)}]
        self.pages = {
            "/files/company_tickers.json": json.dumps(TICKERS).encode(),
            "/submissions/CIK0000001234.json": json.dumps({"filings": {"recent": recent, "files": files}}).encode(),
            "/submissions/CIK0000001234-submissions-001.json": json.dumps(older).encode(),
            "/api/xbrl/companyfacts/CIK0000001234.json": b'{"cik": 1234, "facts": {}}',
        }
        for rows, first in ((ROWS, 1), (OLDER, 101)):
            for number, row in enumerate(rows):
                self.pages[f"/Archives/edgar/data/1234/000000123425{first + number:06d}/{row[3]}"] = DOCUMENT % number

    def document(self, name: str) -> str:
        """Return the path of a document."""
        (path,) = (path for path in self.pages if path.endswith(f"/{name}"))
        return path


class Clock:
    """A clock that moves only when someone sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def sec(monkeypatch) -> Iterator[Sec]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    sec = Sec()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sec.asked.append(self.path)
            sec.agents.append(self.headers["User-Agent"])
            waiting = sec.failures.get(self.path)
            status, headers = waiting.pop(0) if waiting else (200 if self.path in sec.pages else 404, {})
            body = sec.pages.get(self.path, b"") if status == 200 else b"no"
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    sec.url = f"http://127.0.0.1:{server.server_port}"
    yield sec
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(sec, clock) -> Iterator[SecClient]:
    with SecClient(CONTACT, www_url=sec.url, data_url=f"{sec.url}/", clock=clock, sleep=clock.sleep) as client:
        yield client


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_years_of_the_forms_are_fetched(client, sec, tmp_path):
    steps: list[tuple[str, float]] = []
    result = fetch_filings("exc", tmp_path, client=client, progress=lambda *step: steps.append(step))
    assert (result.entity.name, result.entity.identifier, result.entity.ticker) == ("Example Corp", "0000001234", "EXC")
    assert [(f.path.name, f.is_new) for f in result.files] == [
        ("10-K_2024-12-28.htm", True),
        ("10-Q_2024-09-28.htm", True),
        ("10-K_2023-12-30.htm", True),
    ]
    assert names(tmp_path / "EXC") == [*sorted(f.path.name for f in result.files), "fetched.json"]
    assert result.files[0].path.read_bytes() == sec.pages[sec.document("exc-20241228.htm")]
    assert result.problems == ()
    assert steps == [("fetch", 0.0), ("fetch", 1 / 3), ("fetch", 2 / 3), ("fetch", 1.0)]


def test_a_year_of_53_weeks_does_not_bring_in_one_year_too_many(client, tmp_path):
    # From 2022-12-31 to 2024-12-28 are 728 days: three years' ends within two years of 365 days.
    result = fetch_filings("EXC", tmp_path, client=client, forms=("10-K",), years=2)
    assert [f.path.name for f in result.files] == ["10-K_2024-12-28.htm", "10-K_2023-12-30.htm"]


def test_amendments_are_a_form_of_their_own(client, tmp_path):
    result = fetch_filings("EXC", tmp_path, client=client, forms=("10-K/A",))
    assert [f.path.name for f in result.files] == ["10-K-A_2023-12-30.htm"]


def test_two_filings_of_one_form_and_period_are_told_apart(client, sec, tmp_path):
    rows = [("10-K", "2024-12-28", f"2025-0{month}-30", "exc.htm", 1) for month in (3, 1)]
    sec.pages["/submissions/CIK0000001234.json"] = json.dumps({"filings": {"recent": listing(rows, 1)}}).encode()
    for number in (1, 2):
        sec.pages[f"/Archives/edgar/data/1234/000000123425{number:06d}/exc.htm"] = DOCUMENT % number
    result = fetch_filings("EXC", tmp_path, client=client)
    assert [f.path.name for f in result.files] == ["10-K_2024-12-28.htm", "10-K_2024-12-28_0000001234-25-000002.htm"]


def test_older_pages_are_read_only_when_needed_and_old_filings_are_named(client, sec, tmp_path):
    page = "/submissions/CIK0000001234-submissions-001.json"
    fetch_filings("EXC", tmp_path, client=client, forms=("10-K",), years=2)
    assert page not in sec.asked
    result = fetch_filings("EXC", tmp_path, client=client, forms=("10-K",), years=20)
    assert page in sec.asked
    assert [f.path.name for f in result.files][-1] == "10-K_2021-12-25.htm"
    assert [(p.where, p.what) for p in result.problems] == [
        (
            "10-K of 2008-12-27 (0000001234-25-000102)",
            "its main document holds no inline XBRL; its numbers are in companyfacts only",
        )
    ]


def test_companyfacts_come_on_demand_and_every_time(client, sec, tmp_path):
    for _ in range(2):
        result = fetch_filings("EXC", tmp_path, client=client, forms=("10-K",), years=1, with_companyfacts=True)
        assert [(f.path.name, f.is_new) for f in result.files][-1] == ("companyfacts.json", True)
    assert (tmp_path / "EXC" / "companyfacts.json").read_bytes() == b'{"cik": 1234, "facts": {}}'
    assert sec.asked.count("/api/xbrl/companyfacts/CIK0000001234.json") == 2


def test_whole_files_are_not_fetched_again_but_changed_ones_are(client, sec, tmp_path):
    first = fetch_filings("EXC", tmp_path, client=client)
    first.files[1].path.write_bytes(b"x" * first.files[1].size)
    first.files[2].path.write_bytes(b"cut")
    again = fetch_filings("EXC", tmp_path, client=client)
    assert [f.is_new for f in again.files] == [False, True, True]
    assert [f.sha256 for f in again.files] == [f.sha256 for f in first.files]
    assert Counter(sec.asked)[sec.document("exc-20241228.htm")] == 1


def test_a_run_that_broke_off_goes_on_where_it_stopped(client, sec, tmp_path):
    sec.failures[sec.document("exc-20240928.htm")] = [(403, {})]
    with pytest.raises(UpstreamError):
        fetch_filings("EXC", tmp_path, client=client)
    assert names(tmp_path / "EXC") == ["10-K_2024-12-28.htm", "fetched.json"]
    assert [f.is_new for f in fetch_filings("EXC", tmp_path, client=client).files] == [False, True, True]


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"10-K_2024-12-28.htm": {"url": 1}}', b"{"])
def test_a_damaged_list_of_fetched_files_only_costs_time(client, tmp_path, damage):
    fetch_filings("EXC", tmp_path, client=client)
    (tmp_path / "EXC" / "fetched.json").write_bytes(damage)
    assert [f.is_new for f in fetch_filings("EXC", tmp_path, client=client).files] == [True, True, True]


def test_every_request_names_the_contact(client, sec, tmp_path):
    fetch_filings("EXC", tmp_path, client=client)
    assert len(sec.agents) == 5
    assert set(sec.agents) == {f"Trivium {CONTACT}"}


@pytest.mark.parametrize(
    "contact", ["", "  ", "Jane Doe", "jane@", "jane@example.com\r\nX: y", "Jané jane@example.com"]
)
def test_without_a_contact_nothing_is_asked(contact):
    with pytest.raises(InputError, match="no contact with an e-mail address, which SEC requires"):
        SecClient(contact)
    assert check_contact(f" {CONTACT} ") == CONTACT


def test_requests_keep_their_distance(sec, clock):
    times: list[float] = []
    with SecClient(CONTACT, www_url=sec.url, rate_hz=8, clock=clock, sleep=clock.sleep) as client:
        for _ in range(30):
            client.get(f"{sec.url}/files/company_tickers.json")
            times.append(clock())
            clock.now += 0.01  # an answer takes its time
    busiest = max(sum(1 for time in times if start <= time < start + 1) for start in times)
    assert busiest == 8
    assert times[-1] - times[0] == pytest.approx(29 / 8)


def test_the_default_rate_leaves_room_for_two_workers_under_secs_limit():
    assert 2 * module.RATE_HZ <= 10


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again_after_a_growing_pause(client, sec, clock, status):
    url = f"{sec.url}/files/company_tickers.json"
    sec.failures["/files/company_tickers.json"] = [(status, {}), (status, {})]
    assert json.loads(client.get(url)) == TICKERS
    assert clock.slept == [1.0, 2.0]


def test_retry_after_is_honoured_as_seconds_and_as_a_date(client, sec, clock):
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    waits = [{"Retry-After": "7"}, {"Retry-After": soon}, {"Retry-After": "nonsense"}]
    sec.failures["/files/company_tickers.json"] = [(429, headers) for headers in waits]
    client.get(f"{sec.url}/files/company_tickers.json")
    assert clock.slept[0] == 7.0
    assert 25 < clock.slept[1] <= 30
    assert clock.slept[2:] == [4.0]


def test_a_wait_of_minutes_is_left_to_the_user(client, sec, clock):
    sec.failures["/files/company_tickers.json"] = [(429, {"Retry-After": "600"})]
    with pytest.raises(UpstreamError, match=r"SEC is busy and asks to wait 600 s.*download the filing's .htm"):
        client.get(f"{sec.url}/files/company_tickers.json")
    assert clock.slept == []


def test_a_server_that_stays_busy_is_given_up(client, sec, clock):
    sec.failures["/files/company_tickers.json"] = [(503, {})] * 9
    with pytest.raises(
        UpstreamError, match=r"could not be asked in 5 tries .it answered 503 Service Unavailable"
    ) as caught:
        client.company("EXC")
    assert caught.value.hint == "download the filing's .htm from https://www.sec.gov/edgar/search and drop it here"
    assert (len(sec.asked), clock.slept) == (5, [1.0, 2.0, 4.0, 8.0])


def test_a_body_that_breaks_off_is_asked_for_again(client, sec, clock):
    sec.failures["/files/company_tickers.json"] = [(200, {"Content-Length": "99999"})]
    # The handler closes the connection after the short body.
    assert json.loads(client.get(f"{sec.url}/files/company_tickers.json")) == TICKERS
    assert clock.slept == [1.0]


def test_no_server_at_all_is_an_upstream_error(clock, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with (
        SecClient(CONTACT, www_url="http://127.0.0.1:9", clock=clock, sleep=clock.sleep) as client,
        pytest.raises(
            UpstreamError, match=r"could not be asked in 5 tries .no connection.; download the filing's .htm"
        ),
    ):
        client.company("EXC")


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (403, UpstreamError, "SEC refuses this program or this network"),
        (404, NotFoundError, "SEC has nothing at this address"),
        (301, UpstreamError, "SEC answered 301"),
        (400, UpstreamError, "SEC answered 400"),
    ],
)
def test_a_final_answer_is_not_asked_for_again(client, sec, status, error, message):
    sec.failures["/files/company_tickers.json"] = [(status, {"Location": "/elsewhere"})]
    with pytest.raises(error, match=message):
        client.company("EXC")
    assert sec.asked == ["/files/company_tickers.json"]


@pytest.mark.parametrize("ticker", ["brk.b", "BRK-B", " Brk-B "])
def test_share_classes_are_found_however_they_are_written(client, ticker):
    entity = client.company(ticker)
    assert (entity.name, entity.identifier, entity.ticker) == ("BERKSHIRE HATHAWAY INC", "0001067983", "BRK-B")


def test_an_unknown_ticker_is_not_found(client):
    with pytest.raises(NotFoundError, match="SEC lists no company with the ticker NONE"):
        client.company("none")


@pytest.mark.parametrize("ticker", ["", "../..", "A/B", "A B", "TOOLONGNAME", "A-B-C", "-"])
def test_what_cannot_be_a_ticker_is_refused_before_asking(client, sec, ticker):
    with pytest.raises(InputError, match="is not a ticker"):
        client.company(ticker)
    assert sec.asked == []


def test_a_form_the_company_never_filed_is_not_found(client, tmp_path):
    with pytest.raises(NotFoundError, match="SEC has no 20-F of Example Corp; ask for another form"):
        fetch_filings("EXC", tmp_path, client=client, forms=("20-F",))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("years", "forms"), [(0, ("10-K",)), (1, ())])
def test_nothing_to_fetch_is_refused(client, tmp_path, years, forms):
    with pytest.raises(InputError, match="is nothing to fetch"):
        fetch_filings("EXC", tmp_path, client=client, years=years, forms=forms)


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/files/company_tickers.json", b"<html>", "SEC's answer is not JSON"),
        ("/files/company_tickers.json", b"[" * 100_000, "SEC's answer is not JSON"),
        ("/submissions/CIK0000001234.json", b"{}", "SEC's answer lists no filings"),
        ("/submissions/CIK0000001234.json", b'{"filings": {"recent": {"form": []}}}', "SEC's answer lists no filings"),
        ("exc-20241228.htm", b"<html>Please wait</html>", "SEC's answer is not the filing's inline XBRL document"),
        ("/api/xbrl/companyfacts/CIK0000001234.json", b"<html>", "SEC's answer is not JSON"),
    ],
)
def test_another_answer_than_expected_is_an_upstream_error_and_never_kept(client, sec, tmp_path, path, body, message):
    path = path if path.startswith("/") else sec.document(path)
    sec.pages[path] = body
    with pytest.raises(UpstreamError, match=message):
        fetch_filings("EXC", tmp_path, client=client, forms=("10-K",), years=1, with_companyfacts=True)
    kept = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert body not in kept


def test_documents_with_a_path_in_their_name_are_not_followed(client, sec, tmp_path):
    rows = [("10-K", "2024-12-28", "2025-01-30", "../../etc/passwd.htm", 1)]
    sec.pages["/submissions/CIK0000001234.json"] = json.dumps({"filings": {"recent": listing(rows, 1)}}).encode()
    result = fetch_filings("EXC", tmp_path, client=client)
    assert (result.files, len(result.problems)) == ((), 1)
    assert not any("passwd" in path for path in sec.asked)


def test_an_answer_over_the_limit_is_cut_off(client, sec, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 2**20)
    sec.pages["/files/company_tickers.json"] = b" " * (2**20 + 1)
    with pytest.raises(UpstreamError, match="SEC sends more than 1 MiB"):
        client.company("EXC")


def test_a_folder_that_cannot_be_made_is_named(client, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"cannot be read or written .Not a directory.; choose another folder"
    ) as caught:
        fetch_filings("EXC", tmp_path / "file", client=client)
    assert caught.value.where == str(tmp_path / "file" / "EXC")


def test_progress_may_stop_the_work(client, sec, tmp_path):
    def stop(stage: str, share: float) -> None:
        if share > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_filings("EXC", tmp_path, client=client, progress=stop)
    assert names(tmp_path / "EXC") == ["10-K_2024-12-28.htm", "fetched.json"]
