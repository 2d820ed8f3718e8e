"""Passwords: which are good enough, and argon2id hashes of them.

The policy asks for length and refuses what is guessed first, without a list of leaked passwords and without rules about
kinds of characters: whatever in a password is predictable (common words, names, dates, sequences, repeats, the
account's own name) counts nothing, and enough must remain.
"""

from __future__ import annotations

import calendar
import re
import threading
from collections.abc import Iterator

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["MIN_LENGTH", "Passwords", "check_password"]

MIN_LENGTH = 12
_MAX_LENGTH = 256
_LEAST_LEFT = 5  # characters that nothing explains
_LEAST_DISTINCT = 5
_AT_ONCE = 2  # hashes computed side by side: each takes 64 MiB
_RUNS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "azertyuiop",
    "1q2w3e4r5t6y7u8i9o0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "!@#$%^&*()",
)
_WORDS = (  # noqa: SIM905 - a hundred quoted words read worse
    "password passwort passphrase passwd secret welcome willkommen letmein login master admin administrator root user "
    "guest test temp default change changeme access trust love lovely forever iloveyou sunshine princess dragon monkey "
    "football baseball soccer hockey superman batman starwars shadow hello freedom whatever computer internet server "
    "system network company office hospital clinic doctor finance factory plant trivium spring summer autumn winter "
    "woaini mima nihao please money family friend flower cookie pepper ginger tiger killer hunter ranger buster"
).split()
_LOOKALIKES = str.maketrans("01345$@!7", "oieassait")


def check_password(password: str, *, name: str = "") -> None:
    """Refuse a password that is short, or whose owner's rivals would try it early.

    Args:
        name: of the account.

    Raises:
        InputError: saying what is wrong, never the password.
    """
    if len(password) < MIN_LENGTH:
        what = Phrase("has {count} characters; at least {least} are needed", count=len(password), least=MIN_LENGTH)
        raise InputError(what, where="password")
    if len(password) > _MAX_LENGTH:
        raise InputError(Phrase("has more than {most} characters", most=_MAX_LENGTH), where="password")
    if len(set(password)) < _LEAST_DISTINCT or _unexplained(password.casefold(), name) < _LEAST_LEFT:
        hint = "use four unrelated words, or let a password manager make one"
        raise InputError("is among the first that would be guessed", where="password", hint=hint)


class Passwords:
    """Hashes and verifies with argon2id; a few at a time, because each takes memory.

    Args:
        hasher: its cost; the library's defaults are those of RFC 9106 for limited memory.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        self._decoy = ""

    def hash(self, password: str) -> str:
        """Return the hash to keep."""
        with self._room:
            return self._hasher.hash(password)

    def matches(self, stored: str, password: str) -> bool:
        """Whether the password belongs to the hash. An empty hash matches nothing, and takes as long to say so."""
        with self._room:
            self._decoy = self._decoy or self._hasher.hash("nobody's password")
            try:
                self._hasher.verify(stored or self._decoy, password[:_MAX_LENGTH])
            except (VerificationError, InvalidHashError):
                return False
        return bool(stored)

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with another cost than is used now."""
        return self._hasher.check_needs_rehash(stored)


def _unexplained(password: str, name: str) -> int:
    """Count the characters that remain when everything predictable is taken out."""
    plain = password.translate(_LOOKALIKES)
    covered = [False] * len(password)
    for text in {password, plain}:
        for start, end in _predictable(text, name.casefold()):
            covered[start:end] = [True] * (end - start)
    return covered.count(False)


def _predictable(text: str, name: str) -> Iterator[tuple[int, int]]:
    names = [part for part in re.split(r"[\W_]+", name) if len(part) >= 3]
    dates = [*calendar.month_name[1:], *calendar.day_name]
    for word in (*_WORDS, *(day.casefold() for day in dates), *names):
        yield from (match.span() for match in re.finditer(re.escape(word), text))
    yield from (match.span() for match in re.finditer(r"(19|20)\d\d", text))
    yield from (match.span() for match in re.finditer(r"(.{1,6}?)\1{2,}|(.)\2", text))  # abcabcabc, !!
    yield from (match.span() for match in re.finditer(r"(.{4,})(?=.*\1)", text))  # said again later
    for length in range(len(text), 2, -1):
        for start in range(len(text) - length + 1):
            part = text[start : start + length]
            if any(part in run or part[::-1] in run for run in _RUNS):
                yield start, start + length
