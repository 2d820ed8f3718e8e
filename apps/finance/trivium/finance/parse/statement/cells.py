"""What one printed cell or label of a statement says: a number, a currency, a scale, a kind of row.

English and Chinese. Nothing here knows about tables; `statement_table` puts the cells together.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

__all__ = [
    "BLANK",
    "Printed",
    "currency_of",
    "fold",
    "is_balance_label",
    "is_flow_label",
    "is_generic",
    "looks_numeric",
    "money_scale",
    "read_printed",
    "row_kind",
    "share_scale",
    "statement_kind",
]

BLANK = frozenset({"", "-", "--", "---", "*", "n/a", "na", "nm", "n/m", "n.m.", "nil", "none", "不适用", "无", "/"})
"""Folded texts of a cell that say that there is no value."""

_JOINT = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z]{2,}$)|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d\u2500", "-"))
_SIGNS = re.compile(r"^(?:us\$|hk\$|nt\$|c\$|a\$|r\$|rmb|cny|usd|hkd|eur|gbp|jpy|[$€£¥])\s*|\s*(?:元|usd|rmb|cny)$")
_NUMBER = re.compile(r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?: [0-9]{3})+|[0-9]+)?(?:\.[0-9]+)?")
_CONTINENTAL = re.compile(r"(?:[0-9]{1,3}(?:[. ][0-9]{3})+|[0-9]+)?(?:,[0-9]+)?")
_LOOKS_NUMERIC = re.compile(r"[\s($€£¥+\-]*[0-9][0-9,.\s'\u2019]*[^0-9a-z]{0,3}[a-z]?")

_CURRENCIES = [
    ("CNY", r"人民币|\bcny\b|\brmb\b|renminbi"), ("HKD", r"hk\$|\bhkd\b|港[币元]"), ("TWD", r"nt\$|\btwd\b|新台币"),
    ("CAD", r"\bc\$|\bca\$|\bcad\b"), ("AUD", r"\ba\$|\bau\$|\baud\b"), ("SGD", r"\bs\$|\bsgd\b"),
    ("BRL", r"r\$|\bbrl\b"), ("EUR", r"€|\beur\b|\beuros?\b|欧元"), ("GBP", r"£|\bgbp\b|sterling|英镑"),
    ("JPY", r"\bjpy\b|\byen\b|日元"), ("CHF", r"\bchf\b"), ("KRW", r"₩|\bkrw\b|韩元"), ("INR", r"₹|\binr\b"),
    ("USD", r"us\$|\busd\b|u\.s\. dollars|美元"),
]  # fmt: skip
_SCALES = [
    (8, r"亿"), (7, r"千万"), (6, r"百万"), (4, r"万"), (3, r"千"),
    (9, r"\bbillions?\b|\$ ?bn\b|\bbn\b"), (6, r"\bmillions?\b|\bmn\b|\bmm\b|[$€£]\s?m\b|\busd ?m\b|\beur ?m\b"),
    (3, r"\bthousands?\b|\b000'?s\b|'000|[$€£]\s?000\b|\(000\)|[$€£]\s?k\b"),
]  # fmt: skip
_ENGLISH_SCALE = r"(?P<scale>thousands?|millions?|billions?)"
_SHARE_SCALE = re.compile(rf"\bshares?\b[^.;()$]{{0,60}}?\bin {_ENGLISH_SCALE}")
_SHARES_EXCEPTED = re.compile(
    r"except[^.;]*?\b(?<!per[ -])(?:shares?,? (?:and|data|amounts?|counts?|information)|shares\b|number of shares)"
)
_UNIT_PHRASE = re.compile(
    r"单位\s*:?\s*[^\s)]*|\(\s*(?:人民币|美元|港币)?\s*[百千万亿]*元\s*\)|人民币\s*[百千万亿]+元?"
)


@dataclass(frozen=True, slots=True)
class Printed:
    """A number as a cell prints it.

    Args:
        value: with its sign; a percentage is already divided by 100.
        digits: behind the decimal point, of the value.
    """

    value: Decimal
    digits: int
    is_percent: bool = False


def fold(text: str) -> str:
    """Return the text with full-width signs made plain, all dashes alike, words apart by one blank, in lower case."""
    plain = " ".join(unicodedata.normalize("NFKC", text).translate(_DASHES).split())
    return apart(plain).casefold()


def apart(label: str) -> str:
    """Return the words of a label that is written as one, `TotalRevenue`; other labels as they are."""
    return label if " " in label else _JOINT.sub(" ", label)


def read_printed(text: str, *, is_continental: bool = False) -> Printed | None:
    """Read a number that is printed as text.

    Args:
        text: such as `$(1,234.5)`, `１２３`, `-12.5%`; not one of `BLANK`.
        is_continental: whether a comma stands before the decimals and points between thousands.

    Returns:
        None when it is not a number, or could be two different ones.
    """
    plain = fold(text).replace("\u00a0", " ")
    is_negative = False
    for _ in range(3):  # sign, brackets and currency come in any order
        plain = _SIGNS.sub("", plain).strip()
        if plain.startswith("(") and (plain.endswith(")") or ")" not in plain):
            is_negative, plain = True, plain.strip("() ")
        elif plain.startswith("-") or plain.endswith("-"):
            if is_negative:
                return None
            is_negative, plain = True, (plain[1:] if plain.startswith("-") else plain[:-1]).strip()
    is_percent = plain.endswith("%")
    plain = plain.removesuffix("%").strip().removeprefix("+")
    matcher = _CONTINENTAL if is_continental else _NUMBER
    if not plain or not any(char.isdigit() for char in plain) or not matcher.fullmatch(plain):
        return None
    plain = plain.replace(".", "").replace(",", ".") if is_continental else plain.replace(",", "")
    value = Decimal(plain.replace(" ", ""))
    exponent = value.as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else 0
    if is_percent:
        value, digits = value.scaleb(-2), digits + 2
    return Printed(-value if is_negative and value else value, digits, is_percent)


def looks_numeric(text: str) -> bool:
    """Whether a text that is no number was probably meant to be one."""
    return _LOOKS_NUMERIC.fullmatch(fold(text)) is not None


def currency_of(text: str) -> str:
    """Return the ISO 4217 code of the currency that a text names, or an empty string."""
    plain = fold(text)
    for code, pattern in _CURRENCIES:
        if re.search(pattern, plain):
            return code
    if re.search(r"[¥￥]", plain):
        return "CNY" if re.search("[\u4e00-\u9fff]", plain) else "JPY"
    if "$" in plain:
        return "USD"
    return "CNY" if any("元" in phrase for phrase in _UNIT_PHRASE.findall(plain)) else ""


def money_scale(text: str) -> int | None:
    """Return the power of ten of amounts that a title or header states (`in millions`: 6), or None.

    A statement of full units (`单位：元`) gives 0.
    """
    plain = fold(text)
    phrases = _UNIT_PHRASE.findall(plain)
    for phrase in phrases:
        for power, pattern in _SCALES[:5]:
            if re.search(pattern, phrase):
                return power
    if any("元" in phrase for phrase in phrases):
        return 0
    money = _SHARE_SCALE.sub("", plain)
    bound = re.search(rf"[$€£¥]\)? in {_ENGLISH_SCALE}", money) or re.search(rf"\bin {_ENGLISH_SCALE}", money)
    for power, pattern in _SCALES[5:]:
        if re.search(pattern, bound["scale"] if bound else money):
            return power
    return 0 if re.search(r"in (?:u\.s\. |us )?(?:dollars|units)\b", plain) else None


def share_scale(text: str, money: int) -> int:
    """Return the power of ten of share counts: stated, excepted from the scale of amounts, or the same as theirs."""
    plain = fold(text)
    if match := _SHARE_SCALE.search(plain):
        return {"t": 3, "m": 6, "b": 9}[match["scale"][0]]
    is_bound_to_money = re.search(rf"[$€£¥]\)? in {_ENGLISH_SCALE}|单位|[百千万亿]元", plain)
    return 0 if _SHARES_EXCEPTED.search(plain) or is_bound_to_money else money


_EQUITY_STATEMENT = re.compile(
    r"changes in (?:\w+ )*equity|statements? of (?:\w+ )*(?:stock|share)holders.{0,3}equity|所有者权益变动|股东权益变动"
)
_INCOME_STATEMENT = re.compile(
    r"income[\s_-]?statement|statements? of (?:\w+ )*(?:income|operations|earnings|profit)|profit (?:and|&) loss"
)


def statement_kind(text: str) -> str:
    """Return `balance`, `income`, `cash_flow` or `equity` where a title names a statement; else an empty string."""
    plain = fold(text)
    if re.search(r"\((?:details|tables|policies)\b|\breconciliation", plain):
        return ""  # a note that names a statement
    if _EQUITY_STATEMENT.search(plain):
        return "equity"
    if re.search(r"balance[\s_-]?sheet|financial (?:position|condition)|资产负债表", plain):
        return "balance"
    if re.search(r"cash[\s_-]?flow|现金流量表", plain):
        return "cash_flow"
    is_income = _INCOME_STATEMENT.search(plain) or "利润表" in plain or "损益表" in plain
    return "income" if is_income else ""


_BALANCE = re.compile(
    r"\bassets?\b|liabilit|\bequity\b|receivable|payable|inventor|goodwill|retained earnings|accumulated deficit|"
    r"deferred (?:revenue|income)|cash equivalents|^cash$|short-term investments|marketable securities|\bdebt\b|"
    r"borrowings|treasury stock|paid-in capital|common stock|property, plant|"
    r"资产|负债|所有者权益|股东权益|应收|应付|存货|"
    r"货币资金|借款|商誉|股本|资本公积|盈余公积|未分配利润"
)
_FLOW = re.compile(
    r"\beps\b|per share|average|每股|加权平均|"
    r"revenue|\bsales\b|income|expense|\bcosts?\b|profit|earnings|\bloss\b|cash flow|depreciation|amortization|ebit|"
    r"dividends|proceeds|purchases?|payments?|provided|used in|changes? in|increase|decrease|repayment|issuance|"
    r"repurchase|收入|利润|费用|成本|税|收益|损失|现金流|支付|收到|增加|减少|折旧|摊销"
)
_OPERATIONS = re.compile(r"\boperating cash flow\b|\bcash (?:flows? )?(?:from|provided by) op|经营活动.*现金流量净额")
_MOVES = re.compile(
    r"changes? in|increase|decrease|proceeds|purchase|payments?|repayment|issuance|repurchase|impairment|"
    r"on assets|on equity|turnover|支付|收到|增加|减少|减值|处置|收益率|周转"
)


def is_balance_label(label: str, *, strictly: bool = False) -> bool:
    """Whether a row label names something owned or owed at a date; `strictly`: and nothing earned or spent."""
    plain = fold(label)
    excluded = _MOVES.search(plain) or (strictly and _FLOW.search(plain))
    return _BALANCE.search(plain) is not None and not excluded


def is_cash_flow_label(label: str) -> bool:
    """Whether a row label is the one that only a cash flow statement has: cash from operations."""
    return _OPERATIONS.search(fold(label)) is not None


def is_flow_label(label: str) -> bool:
    """Whether a row label names something earned, spent or moved over a period."""
    return not is_balance_label(label) and _FLOW.search(fold(label)) is not None


_PER_SHARE = re.compile(r"per (?:\w+[\s-]){0,3}share\b|per (?:ads|adr|unit)\b|\$ ?/ ?shares?|\beps\b|每股|元/股")
_SHARES = re.compile(
    r"\(in shares\)|\| shares$|number of (?:\w+[\s-]){0,4}shares|"
    r"shares (?:\w+ ){0,2}(?:used|outstanding|issued|authorized)|"
    r"^(?:weighted|average|basic|diluted|dilutive)[\w\s,-]*\bshares\b|shares outstanding|股数|股份总数|总股本\(股\)"
)
_SHARES_FIRST = re.compile(r"^shares (?:used|outstanding)\b|^(?:weighted|number of|average)\b.*\bshares\b")
_PAR_VALUE = re.compile(r"[0-9].*\bpar value|\bpar value.*[0-9]")
_COUNTED = re.compile(r"^number of\b|^employees\b|员工人数|^headcount\b")
_RATIO = re.compile(r"%|\bpercent(?:age)?\b|\bratio\b|率$|率\(|比例|占比")
_GENERIC = re.compile(r"(?:basic|diluted|assuming dilution|basic and diluted|基本|稀释)(?:\s*\(.*\))?:?")


def row_kind(label: str, heading: str = "") -> str:
    """Say what a row counts: `money`, `per_share`, `shares`, `count` (of anything else), `ratio` or `unknown`.

    Args:
        label: printed label of the row.
        heading: the heading it stands under; it decides for labels such as `Basic` that say nothing themselves.
    """
    plain = fold(label)
    if "per share)" in plain or plain.endswith("$ / shares"):
        return "per_share"
    if _PAR_VALUE.search(plain):
        return "money"  # common stock, $0.01 par value: 5,000 shares authorized
    if "(in shares)" in plain or _SHARES_FIRST.search(plain):
        return "shares"
    if _PER_SHARE.search(plain):
        return "per_share"
    if _SHARES.search(plain):
        return "shares"
    if _COUNTED.search(plain):
        return "count"
    if _RATIO.search(plain):
        return "ratio"
    if not is_generic(label):
        return "money"
    kind = row_kind(heading) if heading and not is_generic(heading) else "money"
    return kind if kind in ("per_share", "shares") else "unknown"


def is_generic(label: str) -> bool:
    """Whether a label such as `Basic` or `Diluted` needs its heading to be understood."""
    return _GENERIC.fullmatch(fold(label)) is not None
