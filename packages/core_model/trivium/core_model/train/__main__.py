"""Train without the command line's libraries: `python -m trivium.core_model.train CONFIG [--resume]`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from trivium.service.errors import TriviumError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; return 0 when done, 1 when it could not, 130 when interrupted. Of several ranks the first one reports."""
    parser = argparse.ArgumentParser(prog="python -m trivium.core_model.train", description="Train a decoder on text.")
    parser.add_argument("config", help="YAML file of settings; docs/training.md names them")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    given = parser.parse_args(arguments)
    is_first = os.environ.get("RANK", "0") == "0"
    from trivium.core_model.train.config import read_config_file
    from trivium.core_model.train.loop import Interrupted
    from trivium.core_model.train.memory import keep_freed_memory
    from trivium.core_model.train.text import train

    keep_freed_memory()
    try:
        config = read_config_file(given.config)
        result = train(config, resume=given.resume)
    except TriviumError as error:
        print(f"trivium: {error.line}", file=sys.stderr)
        return 1
    except Interrupted as stop:
        if is_first:
            print(f"{stop}; its checkpoint lies in {config.out}/checkpoints, and --resume goes on", file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        return 130
    if is_first:
        print(f"{config.out}/model: {result.step} steps, last loss {result.loss:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
