"""How long reading takes, beside Arelle (offline) and edgartools in the same run, and what a command costs cold.

Reading: every numeric fact of a filing, medians of processor time over repeats, each reader in a process of its own;
the peers live in an environment of their own (`--peers PYTHON`) and are left out with a word where they are not there.
The command: two 10-K filings in a fresh process (wall time and peak memory) and again in a warm one.
Run: `python benchmarks/speed.py --peers .venv-bench/bin/python`.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from setting import FINANCE, arguments, filing_name, require_data, setting, verdict

TARGETS = {"arelle": 10.0, "edgartools": 2.0, "edgartools-extractor": None}
FILES = ("AAPL/10-K_FY2024", "KO/10-K_FY2024", "AXP/10-Q_FY2023Q3")
PAIR = ("KO/10-K_FY2023", "KO/10-K_FY2024")
COLD_SECONDS, WARM_SECONDS, PEAK_MIB = 2.0, 0.8, 150.0


def main() -> int:
    """Measure, print medians and ratios, and return the exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--repeat", type=int, default=5, help="measurements of each")
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="interpreter that has the peers")
    parser.add_argument(
        "--command",
        default="compare {files} --out {out} --formats html,xlsx",
        help="finance command; {files} and {out} are filled",
    )
    parser.add_argument("--reader", choices=sorted(READERS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    require_data()
    if options.reader:
        print(json.dumps(_measure(options.reader, options.repeat)))
        return 0
    print(setting(seed=options.seed))
    is_fast = _compare_readers(options.peers, options.repeat)
    is_light = _measure_command(options.command, options.repeat)
    return verdict(is_fast and is_light, "reading against its peers, and the command cold, warm and in memory")


def _compare_readers(peers: str, repeat: int) -> bool:
    ours = _in_process("trivium", sys.executable, repeat)
    assert ours is not None
    is_good = True
    print(f"  reading facts, processor time, median of {repeat}:")
    for file, (seconds, count) in ours.items():
        print(f"    trivium     {file:20} {seconds * 1000:8.0f} ms  {count:6,} numeric facts")
    for name, target in TARGETS.items():
        theirs = _in_process(name, peers, repeat)
        if theirs is None:
            print(
                f"    {name:11} not installed in {Path(peers).name}: left out (pip install arelle-release edgartools)"
            )
            continue
        ratios = []
        for file, (seconds, count) in theirs.items():
            ratios.append(seconds / ours[file][0])
            print(f"    {name:11} {file:20} {seconds * 1000:8.0f} ms  {count:6,} facts, {ratios[-1]:5.1f} times ours")
        middle = statistics.median(ratios)
        is_good = is_good and (target is None or middle >= target)
        print(f"    {name:11} median ratio {middle:.1f} ({f'target {target:.0f}' if target else 'for comparison'})")
    return is_good


def _in_process(reader: str, python: str, repeat: int) -> dict[str, tuple[float, int]] | None:
    """Measure one reader in a process of its own; None where it is not installed."""
    command = [python, __file__, "--reader", reader, "--repeat", str(repeat)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        if "No module named 'arelle'" in done.stderr or "No module named 'edgar'" in done.stderr:
            return None
        sys.exit(f"{reader} failed: {done.stderr[-2000:]}")
    found: dict[str, tuple[float, int]] = {}
    for file, (seconds, count) in json.loads(done.stdout.splitlines()[-1]).items():
        found[file] = (seconds, count)
    return found


def _measure(reader: str, repeat: int) -> dict[str, tuple[float, int]]:
    read = READERS[reader]()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for file in FILES:
            path = _unpacked(file, Path(folder))
            read(path)
            times = []
            for _ in range(repeat):
                started = time.process_time()
                count = read(path)
                times.append(time.process_time() - started)
            results[file] = (statistics.median(times), count)
    return results


def _unpacked(file: str, folder: Path) -> Path:
    source = FINANCE / "sec_ixbrl" / f"{file}.htm.gz"
    path = folder / f"{filing_name(source)}.htm"
    path.write_bytes(gzip.decompress(source.read_bytes()))
    return path


# Peers are installed elsewhere, so their types are unknown here.
def _trivium():  # type: ignore[no-untyped-def]
    from trivium.finance.parse.reader import read_path

    return lambda path: sum(fact.is_numeric for filing in read_path(path) for fact in filing.facts)


def _arelle():  # type: ignore[no-untyped-def]
    from arelle import Cntlr

    controller = Cntlr.Cntlr(logFileName="logToBuffer")
    controller.webCache.workOffline = True

    def read(path: Path) -> int:
        model = controller.modelManager.load(str(path))
        count = sum(1 for fact in model.facts if fact.unitID and fact.value is not None)
        model.close()
        return count

    return read


def _edgartools():  # type: ignore[no-untyped-def]
    # What its users call for a document at hand; it reads the page's text and structure too.
    from edgar.documents import HTMLParser, ParserConfig

    def read(path: Path) -> int:
        page = HTMLParser(ParserConfig(extract_xbrl=True)).parse(path.read_bytes())
        return sum(1 for fact in page.metadata.xbrl_data if fact.unit_ref)

    return read


def _edgartools_extractor():  # type: ignore[no-untyped-def]
    # Its extractor alone, on a tree as its parser makes it: facts without place, no row, no cover page.
    import lxml.html
    from edgar.documents.strategies.xbrl_extraction import XBRLExtractor

    def read(path: Path) -> int:
        text = path.read_bytes()
        extractor = XBRLExtractor()
        tree = lxml.html.fromstring(text, parser=lxml.html.HTMLParser(encoding="utf-8", huge_tree=True))
        tags = {f"ix:{name}" for name in extractor.FACT_TAGS}
        facts = (extractor.extract_fact(element) for element in tree.iter() if element.tag in tags)
        return sum(1 for fact in facts if fact is not None and fact.unit_ref)

    return read


READERS = {
    "trivium": _trivium,
    "arelle": _arelle,
    "edgartools": _edgartools,
    "edgartools-extractor": _edgartools_extractor,
}


def _measure_command(command: str, repeat: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        files = " ".join(shlex.quote(str(FINANCE / "sec_ixbrl" / f"{name}.htm.gz")) for name in PAIR)
        words = shlex.split(command.format(files=files, out=shlex.quote(folder)))
        cold, processor, peak = _cold([sys.executable, "-m", "trivium.service.cli", "finance", *words], repeat)
        warm = _warm(words, repeat)
    print(f"  trivium finance {command.format(files=' '.join(PAIR), out='DIR')}, median of {repeat}:")
    print(f"    cold process {cold:.2f} s, {processor:.2f} s of it on a processor (target < {COLD_SECONDS})")
    print(f"    warm {warm:.2f} s (target < {WARM_SECONDS}); peak memory {peak:.0f} MiB (target < {PEAK_MIB:.0f})")
    return cold < COLD_SECONDS and warm < WARM_SECONDS and peak < PEAK_MIB


def _cold(command: list[str], repeat: int) -> tuple[float, float, float]:
    """Return the medians of wall time, processor time and peak memory of fresh processes.

    Bytecode is written by a first run that does not count, as it is on any machine after an installation.
    """
    times, processor, peaks = [], [], []
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as bytecode:
        environment["PYTHONPYCACHEPREFIX"] = bytecode
        for _ in range(repeat + 1):
            started = time.perf_counter()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
            _, status, usage = os.wait4(process.pid, 0)
            times.append(time.perf_counter() - started)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                sys.exit(f"{' '.join(command)} failed with {process.returncode}")
            processor.append(usage.ru_utime + usage.ru_stime)
            peaks.append(_mebibytes(usage))
    return statistics.median(times[1:]), statistics.median(processor[1:]), statistics.median(peaks[1:])


def _mebibytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _warm(words: list[str], repeat: int) -> float:
    from trivium.service.cli import run

    times = []
    for _ in range(repeat + 1):
        started = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            code = run(["finance", *words])
        times.append(time.perf_counter() - started)
        if code:
            sys.exit(f"the command failed with {code}")
    return statistics.median(times[1:])


if __name__ == "__main__":
    sys.exit(main())
