"""Where and when a figure was measured: one line that every benchmark prints first, and the real data they use."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["DATA", "FINANCE", "arguments", "filing_name", "filings", "require_data", "setting", "verdict"]


# The same folder that tests/shared_data.py names, without what tests need: peers run in environments of their own.
DATA = Path(os.environ.get("TRIVIUM_SHARED") or Path(__file__).resolve().parents[2] / "shared") / "data"
FINANCE = DATA / "finance"


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with `--seed`, which every benchmark takes."""
    text = (description or "").split("\n\n")[0]
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="seed of every random choice")
    return parser


def setting(packages: Iterable[str] = ("lxml",), seed: int | None = None) -> str:
    """Return machine, versions, seed and date in one line."""
    versions = " ".join(f"{name} {_version(name)}" for name in packages)
    chance = "" if seed is None else f", seed {seed}"
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {platform.python_implementation()} "
        f"{platform.python_version()}, trivium {_version('trivium')} {versions}{chance}, "
        f"{datetime.now(UTC):%Y-%m-%d}"
    )


def require_data(folder: Path = FINANCE) -> Path:
    """Return the folder; leave where the real data are not there."""
    if not folder.is_dir():
        sys.exit(f"no data at {folder}; docs/data.md says where to get them (TRIVIUM_SHARED names the folder)")
    return folder


def filings() -> list[Path]:
    """Return the inline XBRL filings in a fixed order."""
    return sorted((FINANCE / "sec_ixbrl").glob("*/*.htm.gz"))


def filing_name(path: Path) -> str:
    """Return `AAPL_10-K_FY2024` for `AAPL/10-K_FY2024.htm.gz`."""
    return f"{path.parent.name}_{path.name.removesuffix('.htm.gz')}"


def verdict(is_good: bool, text: str) -> int:
    """Print the last line and return the exit code."""
    print(f"{'PASS' if is_good else 'FAIL'}: {text}")
    return 0 if is_good else 1


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
