"""Files that were taken from a folder, put away with a receipt of what became of them.

For folders that people and machines put files into: `done/` and `failed/` inside, a receipt as JSON beside each file.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

__all__ = ["put_away"]


def put_away(path: Path, folder: Path, receipt: dict[str, Any]) -> None:
    """Write the receipt, then move the file: a receipt without its file is written again, never the other way round.

    Args:
        path: the file.
        folder: where it goes; made when it is not there. A name that is taken gets a number.
        receipt: what is told of the file, as `<name>.receipt.json`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name, number = path.name, 1
    while (folder / name).exists():  # another file of this name came before
        number += 1
        name = f"{path.name}.{number}"
    part = folder / f".{name}.receipt.part"
    part.write_text(json.dumps(receipt, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(part, folder / f"{name}.receipt.json")
    os.replace(path, folder / name)
