"""`draft.txt`: the draft as a person reads it, marked as a draft at the top and the bottom."""

from __future__ import annotations

from trivium.medical.records import Draft, State
from trivium.service.text import catalogue
from trivium.vision.findings import NO_FINDING

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
    if _is_out_of_order(draft):
        lines += [texts["draft.limits"], ""]
    return "\n".join([*lines, texts["draft.title"], ""])


def _is_out_of_order(draft: Draft) -> bool:
    """Whether a finding that is only possible is more probable than one that is suspected."""
    told = [(one.state, one.probability) for one in draft.findings if one.name != NO_FINDING]
    possible = [probability for state, probability in told if state == State.UNCERTAIN]
    return any(state == State.PRESENT and probability < max(possible, default=0) for state, probability in told)
