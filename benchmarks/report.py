"""Run every benchmark and write docs/benchmarks.md: command, verdict and full output of each.

Run: `python benchmarks/report.py --peers .venv-bench/bin/python` . Exit code 1 if any of them fails.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from setting import arguments, setting

HERE = Path(__file__).resolve().parent
RUNS = (
    ("facts.py",),
    ("metrics.py",),
    ("mutations.py", "--count", "500", "--edits", "300"),
    ("speed.py",),
    ("checker.py",),
)
HEAD = """# Benchmarks

Written by `benchmarks/report.py`; every figure has its command, machine, versions, seed and date beside it.
`benchmarks/README.md` says what each one measures, `docs/data.md` where the filings come from.
"""


def main() -> int:
    """Run, write, and return the worst exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--peers", default="", metavar="PYTHON", help="interpreter with arelle-release and edgartools")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "benchmarks.md", help="file to write")
    options = parser.parse_args()
    rows, sections, worst = [], [], 0
    for script, *extra in RUNS:
        words = [script, *extra, "--seed", str(options.seed)]
        words += ["--peers", options.peers] if script == "speed.py" and options.peers else []
        print(f"== benchmarks/{' '.join(words)}", flush=True)
        done = subprocess.run(
            [sys.executable, str(HERE / words[0]), *words[1:]], capture_output=True, text=True, check=False
        )
        print(done.stdout + done.stderr, flush=True)
        worst = max(worst, min(done.returncode, 1))
        command = "python benchmarks/" + " ".join("PEERS" if word == options.peers else word for word in words)
        last = (done.stdout.strip().splitlines() or ["no output"])[-1]
        rows.append(f"| `{command}` | {last} |")
        sections.append(f"## {script}\n\n```\n$ {command}\n{done.stdout.strip()}\n```\n")
    table = "\n".join(["| command | verdict |", "|---|---|", *rows])
    options.out.write_text(f"{HEAD}\n{setting()}\n\n{table}\n\n" + "\n".join(sections), encoding="utf-8")
    print(f"wrote {options.out.name}: {len(rows)} benchmarks, {'all passed' if not worst else 'some failed'}")
    return worst


if __name__ == "__main__":
    sys.exit(main())
