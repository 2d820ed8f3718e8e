"""`draft.txt`: the draft as a person reads it, marked as a draft at the top and the bottom."""

from __future__ import annotations

from trivium.medical.records import Draft
from trivium.service.text import catalogue

__all__ = ["render"]


def render(draft: Draft) -> str:
    """Return the text, ending with a line break."""
    texts = catalogue("trivium.medical", draft.language)
    lines = [texts["draft.title"], texts["draft.disclaimer"], ""]
    if draft.quality.warnings:
        named = "; ".join(texts[f"warning.{one}"] for one in draft.quality.warnings)
        lines += [texts.say("draft.warnings", warnings=named), ""]
    if draft.quality.is_refused:
        named = "; ".join(texts[f"refusal.{one}"] for one in draft.quality.reasons)
        lines += [texts.say("draft.refused", reasons=named), ""]
    for section, sentences in draft.sections.items():
        lines += [texts[f"section.{section}"].upper(), *(f"  {one.text}" for one in sentences), ""]
    return "\n".join([*lines, texts["draft.title"], ""])
