"""What a run says while it runs: one JSON line per few steps in a file, and a bar on a terminal."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from tqdm import tqdm

__all__ = ["RunLog"]


class RunLog:
    """Writes `metrics.jsonl` and shows a bar on standard error where that is a terminal.

    Args:
        file: one JSON object a line, each with `step`; lines after the step a run goes on from are removed. None for
            neither file nor bar.
        steps: of the whole run.
        start: steps done before.
    """

    def __init__(self, file: Path | None, steps: int, start: int) -> None:
        if file is not None:
            _keep_lines(file, start)
        self._file = None if file is None else file.open("a", encoding="utf-8")
        hidden = file is None or not sys.stderr.isatty()
        self._bar = tqdm(total=steps, initial=start, unit="step", disable=hidden, dynamic_ncols=True)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        self._bar.close()

    def step(self) -> None:
        """Move the bar."""
        self._bar.update()

    def write(self, values: dict[str, Any], shown: tuple[str, ...] = ()) -> None:
        """Write a line; the bar shows the values that `shown` names."""
        if self._file is None:
            return
        self._file.write(json.dumps({name: _short(value) for name, value in values.items()}) + "\n")
        self._file.flush()
        self._bar.set_postfix({name: f"{values[name]:.4g}" for name in shown if name in values})


def _short(value: Any) -> Any:
    """Keep seven digits of a number: what float32 holds."""
    return float(f"{value:.7g}") if isinstance(value, float) else value


def _keep_lines(file: Path, last_step: int) -> None:
    if not file.exists():
        return
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    # A killed run may leave half a line at the end.
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= last_step]
    new = file.with_name(f".{file.name}.new")
    new.write_text("".join(kept), encoding="utf-8")
    os.replace(new, file)
