"""Run benchmarks and write docs/benchmarks.md: command, verdict and full output of each.

Run: `python benchmarks/report.py --peers .venv-bench/bin/python` for all that this machine can run. `--only speed.py`
runs some and leaves the other sections as they are; `--record speed.py OUTPUT` takes the output of a run made
elsewhere or with other options, first line its command. Exit code 1 if any of them fails.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from setting import arguments

HERE = Path(__file__).resolve().parent
# In the order of the document. What needs a GPU, the network or an hour is recorded, never run from here.
RUNS: tuple[tuple[str, ...], ...] = (
    ("facts.py",),
    ("metrics.py",),
    ("mutations.py", "--count", "500", "--edits", "300"),
    ("speed.py",),
    ("checker.py",),
    ("audit.py",),
    ("ingest_throughput.py",),
    ("ingest_latency.py",),
    ("ingest_chaos.py",),
    ("alarm_burden.py",),
    ("drift.py",),
    ("trend.py",),
    ("pointcloud_ap.py",),
    ("pointcloud_overlap.py",),
    ("ai4i.py",),
    ("anomaly.py",),
    ("vision_pointing.py",),
    ("vision_heart_size.py",),
    ("vision_quality.py",),
    ("vision_pneumonia.py",),
    ("vision_vqa.py",),
    ("medical_draft.py",),
    ("medical_worklist.py",),
    ("medical_deid.py",),
    ("medical_burned_in.py",),
    ("openapi_fuzz.py",),
    ("medical_checker.py",),
    ("moe_cpu.py",),
    ("passkey.py",),
)
RECORDED: tuple[str, ...] = (
    "cached.py",
    "balance.py",  # seeds 101 to 105; 201 to 203 for what follows
    "balance.py dynamic",
    "vision_findings.py",  # seeds 10 to 14: those from 0 chose
    "vision_cardiomegaly.py",  # seeds 30 to 34
    "vision_conformal.py",
    "vision_retrieval.py",
    "vision_export.py",
    "first_report.py",
    "chaos.py",
    "page_load.py",
    "rul.py",
    "rul.py FD002",
    "repairs.py",
    "pointcloud_inspection.py",
    "pointcloud_detector.py",
    "pointcloud_real.py",
    "pointcloud_real.py fused",
    "pointcloud_fusion.py",
    "pointcloud_points.py",
    "pointcloud_scenes.py",
    "precision.py",
    "moe_gpu.py",
    "moe_gpu.py skewed",
    "moe_gpu.py sonicmoe",
    "attention_gpu.py",
    "decode.py",
    "train_gpu.py",
)
HEAD = """# Benchmarks

Written by `benchmarks/report.py`; every figure has its command, machine, versions, seed and date beside it.
`benchmarks/README.md` says what each one measures, `docs/data.md` where the data come from.
"""


def main() -> int:
    """Run or record, write, and return the worst exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--peers", default="", metavar="PYTHON", help="interpreter with arelle-release and edgartools")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="benchmarks to run; all if not given")
    parser.add_argument("--record", nargs=2, metavar=("NAME", "OUTPUT"), help="take a run's output from a file")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "benchmarks.md", help="file to write")
    options = parser.parse_args()
    names = [words[0] for words in RUNS]
    if unknown := set(options.only) - set(names):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; known: {', '.join(names)}")
    if options.record and options.record[0] not in (*names, *RECORDED):
        parser.error(f"no such benchmark: {options.record[0]}; known: {', '.join((*names, *RECORDED))}")
    sections, worst = _sections(options.out), 0
    if options.record:
        name, output = options.record[0], Path(options.record[1]).read_text(encoding="utf-8").strip()
        sections[name] = _section(name, output)
    for name, *extra in [] if options.record else RUNS:
        if options.only and name not in options.only:
            continue
        words = [name, *extra, "--seed", str(options.seed)]
        words += ["--peers", options.peers] if name == "speed.py" and options.peers else []
        print(f"== benchmarks/{' '.join(words)}", flush=True)
        command = [sys.executable, str(HERE / name), *words[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        print(done.stdout + done.stderr, flush=True)
        worst = max(worst, min(done.returncode, 1))
        shown = " ".join("PEERS" if word == options.peers else word for word in words)
        sections[name] = _section(name, f"python benchmarks/{shown}\n{done.stdout.strip() or 'no output'}")
        _write(options.out, sections, [*names, *RECORDED])  # at once: the next one may take long
    _write(options.out, sections, [*names, *RECORDED])
    ran = "" if options.record else f"; of those run {'some failed' if worst else 'all passed'}"
    print(f"wrote {options.out.name}: {len(sections)} benchmarks{ran}")
    return worst


def _section(name: str, output: str) -> str:
    """Return one section; the output's first line is the command."""
    return f"## {name}\n\n```\n$ {output}\n```\n"


def _sections(document: Path) -> dict[str, str]:
    """Read the sections of the document, by name."""
    text = document.read_text(encoding="utf-8") if document.exists() else ""
    return {part.split("\n", 1)[0]: f"## {part.rstrip()}\n" for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]}


def _write(document: Path, sections: dict[str, str], order: list[str]) -> None:
    """Write those of the sections that still have a benchmark, with a table of verdicts before them."""
    kept = [sections[name] for name in order if name in sections]
    rows = []
    for section in kept:
        lines = section.split("```")[1].strip().splitlines()
        rows.append(f"| `{lines[0].removeprefix('$ ')}` | {lines[-1].replace('|', '/')} |")
    table = "\n".join(["| command | verdict |", "|---|---|", *rows])
    document.write_text(f"{HEAD}\n{table}\n\n" + "\n".join(kept), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
