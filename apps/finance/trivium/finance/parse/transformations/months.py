"""Names of months in the languages of the transformation registries, as the beginnings that tell them apart.

A name matches when it starts with one of the beginnings, so that cases and abbreviations need no list of their own
(Polish `styczen`, `stycznia`, `sty`). Beginnings are folded: lower case, without accents.
"""

from __future__ import annotations

import functools
import re
import unicodedata

__all__ = ["LANGUAGES", "ROMAN", "SAKA", "find_month", "fold"]

_BEGINNINGS = {
    "bg": "ян фев мар апр май юни юли авг сеп окт ное дек",
    "cs": "led uno bre dub kve cerven|cervn|cvn cervenc|cervenec|cvc srp zar rij lis pro",
    "cy": "ion chwe maw|faw ebr mai|fai meh|feh gor|orff aws med|fed hyd tach|dach rhag|rag",
    "da": "jan feb mar apr maj jun jul aug sep okt nov dec",
    "de": "jan feb mar|maer apr mai jun jul aug sep okt nov dez",
    "el": "ιαν φεβ μαρ απρ μαι ιουν ιουλ αυγ σεπ οκτ νοε δεκ",
    "en": "jan feb mar apr may jun jul aug sep oct nov dec",
    "es": "ene feb mar abr may jun jul ago sep|set oct nov dic",
    "et": "jaan veeb mar apr mai juun juul aug sep okt nov det",
    "fi": "tam hel maa huh tou kes hei elo syy lok mar jou",
    "fr": "jan fev mar avr mai juin juil aou sep oct nov dec",
    "hr": "sij velj ozu tra svi lip srp kol ruj lis stu pro",
    "hu": "jan feb mar apr maj jun jul aug szep okt nov dec",
    "it": "gen feb mar apr mag giu lug ago set ott nov dic",
    "lt": "sau vas kov bal geg bir lie rugp|rgp rugs|rgs spa lap gru|grd",
    "lv": "jan feb mar apr mai jun jul aug sep okt nov dec",
    "nl": "jan feb maa|mrt apr mei jun jul aug sep okt nov dec",
    "no": "jan feb mar apr mai jun jul aug sep okt nov des",
    "pl": "sty lut mar kwi maj cze lip sie wrz paz lis gru",
    "pt": "jan fev mar abr mai jun jul ago set out nov dez",
    "ro": "ian feb mar apr mai iun iul aug sep oct noi|nov dec",
    "sk": "jan feb mar apr maj jun jul aug sep okt nov dec",
    "sl": "jan feb mar apr maj jun jul avg sep okt nov dec",
    "sv": "jan feb mar apr maj jun jul aug sep okt nov dec",
    "hi": "जनवरी फरवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर|सितम्बर अक्टूबर|अक्तूबर नवंबर|नवम्बर दिसंबर|दिसम्बर",
}
_SAKA = (
    "चैत्र|chait|cait वैशाख|बैसाख|vai ज्येष्ठ|जेठ|jye|jyai आषाढ|asadh|ashadh श्रावण|सावन|srav|shrav "
    "भाद्रपद|भादो|bhad|prostha आश्विन|asvin|ashvin|ashwin|aswin कार्तिक|kart मार्गशीर्ष|अगहन|marg|agra "
    "पौष|paus|paush माघ|magh फाल्गुन|phalg"
)
_ROMAN = "i ii iii iv v vi vii viii ix x xi xii"
LANGUAGES = tuple(_BEGINNINGS)
SAKA = "saka"
ROMAN = "roman"

_BREAK = re.compile(r"[\s.,;:/()\-\u2010-\u2015]+")
_NUKTA = "\u093c"


@functools.lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """Return the text in lower case and without accents; marks of Indian scripts are letters and stay."""
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return "".join(
        char for char in decomposed if not unicodedata.combining(char) or (char > "\u0900" and char != _NUKTA)
    )


def find_month(text: str, language: str, *, first: bool = False, last: bool = False) -> int | None:
    """Return the number of the one month, from 1, that a piece of a date names.

    Args:
        text: the piece, such as ` de marzo de `.
        language: one of `LANGUAGES`, `ROMAN` or `SAKA`.
        first: whether the month must be the piece's first word.
        last: whether it must be its last word.

    Returns:
        None when no word, or words of different months, are found, or the word is not where it must be.
    """
    words = [word for word in _BREAK.split(fold(text)) if word]
    numbers = [_number_of(word, language) for word in words]
    found = {number for number in numbers if number}
    if len(found) != 1 or (first and not numbers[0]) or (last and not numbers[-1]):
        return None
    return found.pop()


@functools.lru_cache(maxsize=4096)
def _number_of(word: str, language: str) -> int | None:
    """Return the month that a folded word names: the longest beginning wins (Czech `cerven` and `cervenec`)."""
    if language == ROMAN:
        return _ROMAN.split().index(word) + 1 if word in _ROMAN.split() else None
    hits = [(len(start), number) for start, number in _starts(language) if word.startswith(start)]
    return max(hits)[1] if hits else None


@functools.cache
def _starts(language: str) -> tuple[tuple[str, int], ...]:
    months = (_SAKA if language == SAKA else _BEGINNINGS[language]).split()
    return tuple((fold(start), number) for number, month in enumerate(months, 1) for start in month.split("|"))
