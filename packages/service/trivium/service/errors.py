"""The error tree: every failure a user can meet, in one line that says what, where and what to do.

Standard library only, so that model packages can raise these on a machine with nothing else installed.
"We could not ask" (`UpstreamError`) and "there is none" (`NotFoundError`) are different errors.
"""

from __future__ import annotations

import secrets

from trivium.service.phrase import Phrase, translate

__all__ = ["InputError", "ModelError", "NotFoundError", "TriviumError", "UpstreamError"]


class TriviumError(Exception):
    """A failure that is shown to a user.

    Args:
        what: what is wrong, with the values that show it.
        where: the file, field, page or address it concerns; empty when there is none.
        hint: what the reader can do about it; empty when nothing helps.

    What has values in it is a `Phrase`, so that a page can say it in its reader's language.

    Attributes:
        reference: short id (8 hexadecimal digits) that the page shows and the log carries too.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.what = what
        self.where = where
        self.hint = hint
        self.reference = secrets.token_hex(4)
        super().__init__(self.line)

    @property
    def line(self) -> str:
        """The whole message in one line, `where: what; hint`, which `translate` can tell in another language."""
        text = Phrase("{where}: {what}", where=self.where, what=self.what) if self.where else self.what
        return Phrase("{what}; {hint}", what=text, hint=self.hint) if self.hint else Phrase("{what}", what=text)

    def line_in(self, language: str) -> str:
        """Return the line in a language: `en` or `zh`."""
        return translate(self.line, language)

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders (worker children): keep the parts, not only the line.
        return (_rebuild, (type(self), self.what, self.where, self.hint, self.reference))


class InputError(TriviumError, ValueError):
    """What the user gave cannot be used; giving something else helps."""


class NotFoundError(TriviumError, LookupError):
    """We looked, and it is not there (or not for this reader)."""


class UpstreamError(TriviumError):
    """Something we depend on (broker, database, SEC) could not be asked; trying again may help."""


class ModelError(TriviumError):
    """A model is missing, does not fit its weights, or gave something unusable."""


def _rebuild(kind: type[TriviumError], what: str, where: str, hint: str, reference: str) -> TriviumError:
    error = kind(what, where=where, hint=hint)
    error.reference = reference
    return error
