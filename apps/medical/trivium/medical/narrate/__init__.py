"""Findings to sentences, from the phrase file alone."""

from trivium.medical.narrate.grammar import narrate, place_of
from trivium.medical.narrate.phrases import Phrases, load_phrases

__all__ = ["Phrases", "load_phrases", "narrate", "place_of"]
