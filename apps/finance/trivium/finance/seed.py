"""What `trivium demo` shows on the finance page: a few comparisons of the sample filings, made by the workers.

Called when the suite is ready. Each job has a key of its own, so that a second start adds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trivium.finance.formats import FORMATS
from trivium.service.jobs import JobInput
from trivium.service.runtime import LOCAL_USER, Runtime

__all__ = ["seed"]

_JOBS = (
    ("quarters", "Qorvane Microdevices: two years with quarters", ("QRVN_",)),
    ("checks", "Fernwick Home Stores: with a deliberate error", ("FWHS_",)),
    (
        "industrials",
        "Three industrial companies, FY2024",
        ("FWHS_10-K_FY2024", "QRVN_10-K_FY2024", "TVMK_10-K_FY2024"),
    ),
    ("financials", "A bank and an insurer, FY2024", ("BRKF_", "SGIG_")),
)
"""Key, title until the report has one, and how the names of its files begin."""


def seed(runtime: Runtime, samples: Sequence[Path]) -> None:
    """Submit the demo's jobs.

    Args:
        samples: paths as `write_samples` returns them.
    """
    for key, title, beginnings in _JOBS:
        paths = [path for path in samples if path.name.startswith(beginnings)]
        blobs = [(path.name, runtime.store.put_file(path)) for path in paths]
        runtime.jobs.submit(
            app="finance",
            kind="compare",
            owner=LOCAL_USER,
            request={"formats": list(FORMATS), "language": "en"},
            inputs=[JobInput(name, blob.sha256, blob.size) for name, blob in blobs],
            title=title,
            idempotency_key=f"demo-{key}",
        )
