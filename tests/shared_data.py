"""Where the real data lies that some tests read: beside the checkout, or where `TRIVIUM_SHARED` says."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("TRIVIUM_SHARED") or Path(__file__).resolve().parents[2] / "shared")
FINANCE = SHARED / "data" / "finance"

needs_finance_data = pytest.mark.skipif(not FINANCE.is_dir(), reason=f"no real filings at {FINANCE}")
