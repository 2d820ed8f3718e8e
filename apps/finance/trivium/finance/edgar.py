"""Ask the SEC's servers: which company a ticker is, which filings it has, and what lies at an address.

Follows SEC's rules for automated access: every request names the user's contact and the rate stays below the limit.
"""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import TracebackType
from typing import Any

import httpx

from trivium.finance.records import Entity
from trivium.service.errors import InputError, NotFoundError, UpstreamError
from trivium.service.phrase import Phrase

__all__ = ["MAX_BYTES", "ListedFiling", "SecClient", "check_contact", "unexpected"]

SEC_WWW = "https://www.sec.gov"
SEC_DATA = "https://data.sec.gov"
RATE_HZ = 4.0
"""Requests a second. SEC allows ten for one address, and two workers may fetch at a time."""
MAX_BYTES = 128 * 1024 * 1024
"""Largest answer, decompressed."""
_ATTEMPTS = 5
_FIRST_PAUSE_S = 1.0
_MAX_PAUSE_S = 60.0
_RETRIED = {429, 500, 502, 503, 504}
_BY_HAND = "download the filing's .htm from https://www.sec.gov/edgar/search and drop it here"
_CONTACT = re.compile(r"[\x21-\x7e][\x20-\x7e]*")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
_TICKER = re.compile(r"[A-Z0-9]{1,8}(-[A-Z0-9]{1,4})?")
_ACCESSION = re.compile(r"\d{10}-\d\d-\d{6}")
_PAGE = re.compile(r"CIK\d{10}-submissions-\d+\.json")
_YEAR_SLACK = timedelta(days=15)
"""Fiscal years of 52 and 53 weeks end on different days of the month."""


@dataclass(frozen=True, slots=True)
class ListedFiling:
    """One filing in SEC's list: its form, the day its period ended, the day it was filed, and its main document."""

    form: str
    report_date: date
    filed: date
    accession: str
    document: str
    is_inline: bool


def check_contact(contact: str) -> str:
    """Return the contact that every request names, without surrounding blanks.

    Raises:
        InputError: if it holds no e-mail address, or characters that a header cannot carry.
    """
    contact = contact.strip()
    if not _CONTACT.fullmatch(contact) or not _ADDRESS.search(contact):
        raise InputError(
            Phrase(
                "'{contact}' is no contact with an e-mail address, which SEC requires of every program", contact=contact
            ),
            where="contact for the SEC",
            hint="give your name and address, such as 'Jane Doe jane@example.com'",
        )
    return contact


class SecClient:
    """Asks SEC's servers, politely: one request at a time, spaced, with the user's contact, again when told to wait.

    Args:
        contact: name and e-mail address of the user.
        www_url: base of documents and of the list of tickers.
        data_url: base of the lists of filings and of companyfacts.
        clock: seconds, rising; with `sleep` replaceable in tests.

    Raises:
        InputError: if the contact is none.
    """

    def __init__(
        self,
        contact: str,
        *,
        www_url: str = SEC_WWW,
        data_url: str = SEC_DATA,
        rate_hz: float = RATE_HZ,
        timeout_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.www_url = www_url.rstrip("/")
        self.data_url = data_url.rstrip("/")
        self._http = httpx.Client(
            headers={"User-Agent": f"Trivium {check_contact(contact)}"}, timeout=timeout_s, follow_redirects=False
        )
        self._interval_s = 1 / rate_hz
        self._next_s = 0.0
        self._clock = clock
        self._sleep = sleep

    def __enter__(self) -> SecClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def company(self, ticker: str) -> Entity:
        """Return name and CIK of the company behind a ticker; `BRK.B` and `BRK-B` are one.

        Raises:
            InputError: if it cannot be a ticker.
            NotFoundError: if SEC lists no such ticker.
            UpstreamError: if SEC cannot be asked.
        """
        symbol = ticker.strip().upper().replace(".", "-")
        if not _TICKER.fullmatch(symbol):
            raise InputError(Phrase("'{ticker}' is not a ticker", ticker=ticker), hint="give one such as AAPL or BRK-B")
        url = f"{self.www_url}/files/company_tickers.json"
        listed = self._json(url)
        for row in listed.values() if isinstance(listed, dict) else ():
            if isinstance(row, dict) and row.get("ticker") == symbol and isinstance(row.get("cik_str"), int):
                return Entity(str(row.get("title") or symbol), f"{row['cik_str']:010d}", symbol)
        raise NotFoundError(
            Phrase("SEC lists no company with the ticker {symbol}", symbol=symbol),
            where=url,
            hint="check it on sec.gov/edgar/search",
        )

    def filings(self, entity: Entity, forms: Sequence[str], years: int) -> list[ListedFiling]:
        """Return a company's filings of some forms over its latest fiscal years, newest period first.

        Args:
            entity: the company; its identifier is the CIK with ten digits.
            forms: exact names, such as `10-K`; amendments (`10-K/A`) are forms of their own.
            years: how many years back from the end of the newest period.

        Raises:
            UpstreamError: if SEC cannot be asked, or answers something else than a list of filings.
        """
        url = f"{self.data_url}/submissions/CIK{entity.identifier}.json"
        submissions = self._json(url)
        found: list[ListedFiling] = []
        first_day = date.min
        for listing, is_last in self._listings(submissions, url):
            found += [filing for filing in _listed(listing, url) if filing.form in forms]
            if found:
                newest = max(filing.report_date for filing in found)
                first_day = newest - timedelta(days=round(365.25 * years)) + _YEAR_SLACK
            # Dates in ISO form order as text. Pages go back in time, and a period is filed after its end.
            if is_last or min(map(str, listing["filingDate"]), default="9999") < first_day.isoformat():
                break
        kept = [filing for filing in found if filing.report_date >= first_day]
        return sorted(kept, key=lambda filing: (filing.report_date, filing.filed), reverse=True)

    def document_url(self, entity: Entity, filing: ListedFiling) -> str:
        """Return the address of a filing's main document."""
        folder = filing.accession.replace("-", "")
        return f"{self.www_url}/Archives/edgar/data/{int(entity.identifier)}/{folder}/{filing.document}"

    def companyfacts_url(self, entity: Entity) -> str:
        """Return the address of a company's facts of all years."""
        return f"{self.data_url}/api/xbrl/companyfacts/CIK{entity.identifier}.json"

    def get(self, url: str) -> bytes:
        """Return the body of an answer, asking again where SEC is busy or the line fails.

        Raises:
            NotFoundError: if there is nothing at this address.
            UpstreamError: if SEC refuses, stays busy, cannot be reached, or sends more than `MAX_BYTES`.
        """
        reason = ""
        for attempt in range(_ATTEMPTS):
            self._wait_for_turn()
            pause_s = _FIRST_PAUSE_S * 2**attempt
            try:
                with self._http.stream("GET", url) as response:
                    if response.status_code == 200:
                        return _body(response, url)
                    _refuse_final(response, url)
                    reason = Phrase("it answered {status}", status=_status(response))
                    asked_s = _retry_after(response.headers.get("Retry-After", ""))
            except httpx.RequestError as error:
                reason, asked_s = _no_answer(error), None
            pause_s = pause_s if asked_s is None else asked_s
            if pause_s > _MAX_PAUSE_S:
                raise UpstreamError(
                    Phrase("SEC is busy and asks to wait {pause_s} s", pause_s=f"{pause_s:.0f}"),
                    where=url,
                    hint=Phrase("try again later, or {by_hand}", by_hand=_BY_HAND),
                )
            if attempt < _ATTEMPTS - 1:
                self._sleep(pause_s)
        raise UpstreamError(
            Phrase("SEC could not be asked in {count} tries ({reason})", count=_ATTEMPTS, reason=reason),
            where=url,
            hint=_BY_HAND,
        )

    def _wait_for_turn(self) -> None:
        now = self._clock()
        if now < self._next_s:
            self._sleep(self._next_s - now)
            now = max(self._clock(), self._next_s)
        self._next_s = now + self._interval_s

    def _json(self, url: str) -> Any:
        try:
            return json.loads(self.get(url))
        except (ValueError, RecursionError) as error:
            raise unexpected(url, "is not JSON") from error

    def _listings(self, submissions: Any, url: str) -> Iterator[tuple[Any, bool]]:
        """Yield the recent filings, then page by page the older ones; with whether it is the last."""
        filings = submissions.get("filings") if isinstance(submissions, dict) else None
        if not isinstance(filings, dict):
            raise unexpected(url, "lists no filings")
        pages = [page.get("name") for page in filings.get("files") or () if isinstance(page, dict)]
        pages = [name for name in pages if isinstance(name, str) and _PAGE.fullmatch(name)]
        yield filings.get("recent"), not pages
        for number, name in enumerate(pages, start=1):
            yield self._json(f"{self.data_url}/submissions/{name}"), number == len(pages)


def _body(response: httpx.Response, url: str) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAX_BYTES:
            raise UpstreamError(
                Phrase("SEC sends more than {limit} MiB", limit=MAX_BYTES // 2**20), where=url, hint=_BY_HAND
            )
    return bytes(body)


def _refuse_final(response: httpx.Response, url: str) -> None:
    """Raise for an answer that asking again would not change."""
    code = response.status_code
    if code == 404:
        raise NotFoundError("SEC has nothing at this address", where=url, hint="check it on sec.gov/edgar/search")
    if code == 403:
        raise UpstreamError(
            "SEC refuses this program or this network (403)",
            where=url,
            hint=Phrase("check the contact, wait ten minutes, or {by_hand}", by_hand=_BY_HAND),
        )
    if code not in _RETRIED:
        raise UpstreamError(
            Phrase("SEC answered {status}", status=_status(response)),
            where=url,
            hint=_BY_HAND,
        )


def _status(response: httpx.Response) -> str:
    return f"{response.status_code} {response.reason_phrase}".strip()


def _no_answer(error: httpx.RequestError) -> str:
    """Return why there was no answer: no connection, no answer in time, or what else the client calls it."""
    if isinstance(error, httpx.TimeoutException):
        return "it did not answer in time"
    return "no connection" if isinstance(error, httpx.ConnectError) else type(error).__name__


def _retry_after(text: str) -> float | None:
    """Return the seconds that a Retry-After header asks for, given as a number or as a date."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _listed(listing: Any, url: str) -> list[ListedFiling]:
    """Read SEC's columns, one list a field, into filings; rows without a period, such as letters, are left out."""
    names = ("form", "reportDate", "filingDate", "accessionNumber", "primaryDocument", "isInlineXBRL")
    columns = [listing.get(name) for name in names] if isinstance(listing, dict) else []
    lists = [column for column in columns if isinstance(column, list)]
    if len(lists) != len(names) or len({len(column) for column in lists}) != 1:
        raise unexpected(url, "lists no filings")
    filings = []
    for form, ended, filed, accession, document, is_inline in zip(*lists, strict=True):
        try:
            days = date.fromisoformat(str(ended)), date.fromisoformat(str(filed))
        except ValueError:
            continue
        if _ACCESSION.fullmatch(str(accession)):
            filings.append(ListedFiling(str(form), *days, str(accession), str(document), bool(is_inline)))
    return filings


def unexpected(url: str, what: str) -> UpstreamError:
    """Return the error for an answer that is not what was asked for."""
    return UpstreamError(
        Phrase("SEC's answer {what}", what=what),
        where=url,
        hint=Phrase("try again later, or {by_hand}", by_hand=_BY_HAND),
    )
