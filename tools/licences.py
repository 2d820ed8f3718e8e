"""Fail when a run-time dependency is under GPL, AGPL or SSPL.

Run by `make check`; `python tools/licences.py --list` prints every package with its licence. Looks at what the extra
`all` needs, not at what tests need. Dual licences pass when one of the choices is free of these.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REFUSED = re.compile(r"\b(A?GPL|SSPL|Affero|GNU General Public|Server Side Public)", re.IGNORECASE)
ALLOWED = re.compile(r"\b(LGPL|Lesser General Public|MIT|BSD|Apache|PSF|ISC|MPL|Mozilla)", re.IGNORECASE)
DISTRIBUTION = "trivium"


def run_time_packages(root: str, extras: tuple[str, ...]) -> set[str]:
    """Return the canonical names of everything that `root[extras]` needs on this machine, `root` left out."""
    found: set[str] = set()
    waiting = [(root, extras)]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        for line in metadata.distribution(name).requires or ():
            requirement = Requirement(line)
            choices = wanted or ("",)
            if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in choices):
                continue
            found.add(canonicalize_name(requirement.name))
            waiting.append((requirement.name, tuple(sorted(requirement.extras))))
    return found - {DISTRIBUTION}


def is_refused(licence: str) -> bool:
    """Return whether a licence text names a refused licence and offers no other choice."""
    return any(REFUSED.search(part) for part in re.split(r";| AND ", licence) if not ALLOWED.search(part))


def main() -> int:
    """Print the verdict; return 1 when a licence is refused."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--list", action="store_true", help="print every run-time package with its licence")
    arguments = parser.parse_args()
    names = sorted(run_time_packages(DISTRIBUTION, ("all",)))
    command = [sys.executable, "-m", "piplicenses", "--format=json", "--from=mixed", "--packages", *names]
    table = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if arguments.list:
        for row in table:
            print(f"{row['Name']:28} {row['Version']:14} {row['License']}")
    refused = [row for row in table if is_refused(row["License"])]
    for row in refused:
        print(f"{row['Name']} {row['Version']}: {row['License']} must not be a run-time dependency", file=sys.stderr)
    print(f"licences: {len(table)} run-time packages, {len(refused)} refused")
    return 1 if refused or not table else 0


if __name__ == "__main__":
    sys.exit(main())
