"""`draft.json`: every finding with its probability and state, the quality of the film, and the bound sentences.

Holds nothing that names a patient: no header text, no file name, no path. docs/medical.md describes each field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from trivium.medical.records import Draft
from trivium.service.evidence import Claim
from trivium.service.text import catalogue

__all__ = ["SCHEMA", "render"]

SCHEMA = "trivium.medical.draft/1"


def render(draft: Draft, claims: Mapping[str, Claim], model: Mapping[str, Any]) -> str:
    """Return the document.

    Args:
        model: what identifies the classifier: hash of its weights and its thresholds.
    """
    texts = catalogue("trivium.medical", draft.language)
    quality = draft.quality
    return json.dumps(
        {
            "schema": SCHEMA,
            "status": "draft",
            "disclaimer": texts["draft.disclaimer"],
            "language": draft.language,
            "source": {
                "sha256": draft.radiograph.sha256,
                "format": draft.radiograph.format,
                "width": draft.radiograph.size[0],
                "height": draft.radiograph.size[1],
                "bits": draft.radiograph.bits,
                "notes": list(draft.radiograph.notes),
            },
            "quality": quality.level if not quality.is_refused else "refused",
            "refused": "; ".join(texts[f"refusal.{one}"] for one in quality.reasons) or None,
            "quality_details": {
                "reasons": list(quality.reasons),
                "warnings": [texts[f"warning.{one}"] for one in quality.warnings],
                "chest_score": quality.chest,
                "quarter_turns": quality.quarter_turns,
                "inverted_score": quality.inverted,
                "cropped_score": quality.cropped,
                "view_verified": quality.view_verified,
            },
            "findings": [
                {
                    "name": one.name,
                    "probability": one.probability,
                    "state": str(one.state),
                    "supported": one.supported,
                    "region": None if one.region is None else asdict(one.region),
                    "outside_chest": one.is_outside,
                }
                for one in draft.findings
            ],
            "measurements": []
            if draft.heart_size is None
            else [
                {
                    "name": "cardiothoracic_ratio",
                    "value": draft.heart_size.ratio,
                    "regions": {"heart": asdict(draft.heart_size.heart), "chest": asdict(draft.heart_size.chest)},
                }
            ],
            "sections": {
                str(section): [{"text": one.text, "claims": list(one.claim_ids)} for one in sentences]
                for section, sentences in draft.sections.items()
            },
            "claims": {
                key: {
                    "value": str(one.value),
                    "unit": one.unit,
                    "evidence": [place.to_json() for place in one.evidence],
                }
                for key, one in claims.items()
            },
            "removed": list(draft.removed),
            "model": dict(model),
        },
        ensure_ascii=False,
        indent=2,
    )
