"""Make a bracket, two scans of it and its datums in a folder: `make_bracket.py out/bracket`."""

import sys
from pathlib import Path

from trivium.maintenance.inspection.samples import write_samples

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for path in write_samples(folder):
    print(path)
