"""Small fleets that wear out, written in the layouts that users have."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

# Settings of the two operating conditions of the invented fleet.
CONDITIONS = ((0.0, 0.0, 100.0), (20.0, 0.7, 60.0))


def cmapss_text(engines: int, seed: int, *, conditions: int = 1, cut: bool = False) -> tuple[str, np.ndarray]:
    """Return a C-MAPSS file and the true remaining life of each engine at its last cycle (0 unless cut).

    Four sensors drift with the square of the share of life that is used, with noise; the others stay constant.
    """
    rng = np.random.default_rng(seed)
    lines = io.StringIO()
    truth = np.zeros(engines)
    for unit in range(1, engines + 1):
        life = int(rng.integers(60, 120))
        shown = int(rng.integers(30, life)) if cut else life
        truth[unit - 1] = life - shown
        for cycle in range(1, shown + 1):
            condition = int(rng.integers(conditions))
            wear = (cycle / life) ** 2
            sensors = np.full(21, 500.0 + 100 * condition)
            sensors[[1, 2, 3, 10]] += (1 + condition) * (np.array([8.0, -6.0, 5.0, 9.0]) * wear + rng.normal(0, 1, 4))
            settings = np.array(CONDITIONS[condition]) + rng.normal(0, 0.002, 3) * (1, 1, 0)
            lines.write(" ".join([f"{unit} {cycle}", *(f"{x:.4f}" for x in settings), *(f"{x:.4f}" for x in sensors)]))
            lines.write(" \n")
    return lines.getvalue(), truth


def write(path: Path, text: str) -> Path:
    """Write a text and return its path."""
    path.write_text(text, encoding="utf-8")
    return path


def machine_table(rows: int, seed: int) -> str:
    """Return a flat table like AI4I: identifiers, a type, sensors with units, the label and two flags that leak it.

    A row fails when power, torque times speed, is far from usual; no single sensor tells.
    """
    rng = np.random.default_rng(seed)
    torque, speed = rng.uniform(20, 60, rows), rng.uniform(1000, 2000, rows)
    power = torque * speed
    low, high = power < np.quantile(power, 0.05), power > np.quantile(power, 0.95)
    kind = rng.choice(["L", "M", "H"], rows)
    lines = ["UDI,Product ID,Type,Rotational speed [rpm],Torque [Nm],Machine failure,LPF,HPF"]
    lines += [
        f"{i + 1},{kind[i]}{10000 + i},{kind[i]},{speed[i]:.1f},{torque[i]:.2f},{int(low[i] or high[i])},"
        f"{int(low[i])},{int(high[i])}"
        for i in range(rows)
    ]
    return "\n".join(lines) + "\n"
