"""Sentences that follow from their claims stay; the others go, each with its reason."""

from trivium.medical.check.verify import check

__all__ = ["check"]
