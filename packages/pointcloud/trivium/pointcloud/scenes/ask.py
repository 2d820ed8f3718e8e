"""Answer questions about clouds, English or Chinese: the detector looks, `SceneAnswerer` reads what it finds."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from trivium.pointcloud.commands import detector_points
from trivium.pointcloud.detector.detect import Detector
from trivium.pointcloud.encoders.objects import Objects
from trivium.pointcloud.scenes.answerer import SHIPPED, SceneAnswerer
from trivium.pointcloud.scenes.looked import seen_of
from trivium.pointcloud.scenes.wordings import in_chinese, is_chinese, phrases
from trivium.service.errors import InputError, TriviumError

__all__ = ["ask", "look"]

Say = Callable[[str], None]


def look(detector: Detector, points: torch.Tensor) -> Objects:
    """Return what the detector finds near the sensor, as `SceneAnswerer.answer` reads it; points (N, 4)."""
    return seen_of(detector, points, torch.zeros(len(points), dtype=torch.int64), 1)[0]


def ask(files: Sequence[Path], questions: Sequence[str], *, say: Say, warn: Say, weights: Path = SHIPPED) -> bool:
    """Say the answer to each question about each cloud; a cloud that cannot be read does not stop the rest.

    Args:
        files: clouds in the sensor's frame, metres.
        questions: texts, English or Chinese; an answer is in its question's language.
        say: takes one line per answer.
        warn: takes one line per file that could not be done.
        weights: of the answering model.

    Returns:
        Whether every file was done.

    Raises:
        InputError: if a question names nothing that is looked for, or metres that cannot be asked about.
        ModelError: if a checkpoint cannot be read.
    """
    answerer, detector = SceneAnswerer.load(weights), Detector.load()
    for text in questions:
        _require_known(text)
        answerer.words(text)
    is_done = True
    for path in files:
        try:
            scene = look(detector, detector_points(path))
        except TriviumError as error:
            is_done = False
            warn(error.line)
            continue
        answers = answerer.answer(questions, [scene], [0] * len(questions))
        for text, answer in zip(questions, answers, strict=True):
            say(f"{path}: {text} {in_chinese(answer) if is_chinese(text) else answer}")
    return is_done


def _require_known(text: str) -> None:
    """Refuse a question about anything else than the detector's classes: the model would answer it all the same."""
    words = phrases("zh" if is_chinese(text) else "en")
    names = [
        name for label in ("Vehicle", "Pedestrian", "Cyclist") for key in ("one", "many") for name in words[label][key]
    ]
    edge = "" if is_chinese(text) else r"\b"
    if not re.search(f"{edge}({'|'.join(map(re.escape, names))}){edge}", text.lower()):
        hint = f"ask about {', '.join(dict.fromkeys(names))}"
        raise InputError(f"the question {text!r} names nothing that is looked for", hint=hint)
