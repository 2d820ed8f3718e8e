"""What `trivium demo` shows on the medical page: drawn films of nobody, through the door like any other.

Called when the suite is ready. A film that is here already changes nothing, so that a second start adds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trivium.medical.intake.door import receive
from trivium.medical.intake.vault import open_vault
from trivium.medical.samples.films import STAT
from trivium.service.runtime import LOCAL_USER, Runtime

__all__ = ["seed"]


def seed(runtime: Runtime, samples: Sequence[Path]) -> None:
    """Take the demo's films in.

    Args:
        samples: paths as `write_samples` returns them.
    """
    vault = open_vault(runtime.settings)
    for path in samples:
        receive(
            runtime, vault, path.read_bytes(), brought_by=LOCAL_USER, language="en", is_stat=f"_{STAT}-" in path.name
        )
