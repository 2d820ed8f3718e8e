"""Where the real data lie that some tests read: beside the checkout, or where `TRIVIUM_SHARED` says."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("TRIVIUM_SHARED") or Path(__file__).resolve().parents[2] / "shared")
DATA = SHARED / "data"
FINANCE = DATA / "finance"


def needs_data(area: str) -> pytest.MarkDecorator:
    """Skip a test where the data of an area (`finance`, `maintenance`, `corpus`...) are absent."""
    return pytest.mark.skipif(not (DATA / area).is_dir(), reason=f"no real data at {DATA / area}")


needs_finance_data = needs_data("finance")
