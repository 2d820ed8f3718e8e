"""From a film's file to its draft: seconds a film in a process that holds the models, and for the first one.

    python benchmarks/medical_draft.py --seed 1

Films of NIH at 512 px and of Hannover, drawn by seed; read, judged, scored, placed, told and checked. Wall time on the
cores that there are, so a busy machine shows; the processor's time stands beside it.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from setting import DATA, arguments, require_data, setting, verdict


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--films", type=int, default=60)
    given = parser.parse_args()
    print(setting(("torch", "timm"), given.seed))
    folder = require_data(DATA / "medical")
    paths = sorted([*(folder / "nih" / "nih512").iterdir(), *(folder / "hannover" / "images").iterdir()])
    paths = random.Random(given.seed).sample(paths, min(given.films, len(paths)))
    start = time.perf_counter()
    import numpy as np
    import torch

    from trivium.medical import pipeline
    from trivium.medical.narrate import load_phrases
    from trivium.medical.parse.reader import read_path

    models, words = pipeline.Models.load(), load_phrases("en", None)
    loaded = time.perf_counter() - start
    wall, busy, placed = [], [], 0
    for path in paths:
        began, worked = time.perf_counter(), time.process_time()
        draft, _ = pipeline.draft_of(read_path(path), models, words)
        wall.append(time.perf_counter() - began)
        busy.append(time.process_time() - worked)
        placed += any(one.region is not None for one in draft.findings)
    p50, p95 = np.percentile(wall, [50, 95])
    print(
        f"imports and models {loaded:.2f} s; first film {wall[0]:.2f} s; load of the machine {os.getloadavg()[0]:.1f}"
    )
    print(f"{len(paths)} films, {placed} placed, {torch.get_num_threads()} threads: p50 {p50:.2f} s, p95 {p95:.2f} s")
    print(f"processor time: p50 {np.percentile(busy, 50):.2f} s, p95 {np.percentile(busy, 95):.2f} s")
    return verdict(p95 <= 1.5, f"film to draft p95 {p95:.2f} s (1.5)")


if __name__ == "__main__":
    sys.exit(main())
