"""The tasks of lm-evaluation-harness on our models, through its own backend for transformers; nothing is downloaded.

    results = run_tasks(decoder, tokenizer_folder, ["my_task"], include_path="tasks", limit=100)

Needs the packages `lm-eval` and `transformers`.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from trivium.core_model.decoder import Decoder
from trivium.service.errors import InputError

__all__ = ["run_tasks"]


def run_tasks(
    decoder: Decoder,
    folder: str | Path,
    tasks: list[str],
    *,
    include_path: str | Path | None = None,
    num_fewshot: int | None = None,
    limit: int | None = None,
) -> dict[str, dict[str, Any]]:
    """Run tasks by name.

    Args:
        decoder: the model.
        folder: with its tokenizer.
        tasks: names that the harness knows, or that files in `include_path` define.
        include_path: folder of task files (YAML); only these are known then.
        num_fewshot: worked examples before each question; None for the task's own number.
        limit: questions of each task; None for all.

    Returns:
        By task, its measures with their standard errors.

    Raises:
        InputError: if a package is missing or a task is unknown.
    """
    for module, package in (("lm_eval", "lm-eval"), ("transformers", "transformers")):
        if importlib.util.find_spec(module) is None:
            raise InputError(f"tasks need the package {package}", hint=f"pip install {package}")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
    from transformers import AutoTokenizer

    from trivium.core_model.hf import TriviumForCausalLM

    manager = TaskManager(
        include_path=None if include_path is None else str(include_path), include_defaults=include_path is None
    )
    if unknown := sorted(set(tasks) - set(manager.all_tasks)):
        known = ", ".join(sorted(manager.all_tasks)[:10])
        raise InputError(f"no task is called {', '.join(unknown)}", hint=f"known: {known}...")
    model = HFLM(pretrained=TriviumForCausalLM.from_decoder(decoder), tokenizer=AutoTokenizer.from_pretrained(folder))
    found = lm_eval.simple_evaluate(
        model=model, tasks=tasks, num_fewshot=num_fewshot, limit=limit, task_manager=manager, log_samples=False
    )
    return dict(found["results"])
