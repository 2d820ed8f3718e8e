"""What the commands of this package do, free of any command-line library."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trivium.service.errors import InputError, TriviumError
from trivium.vision.answerer import BLANK, Answerer
from trivium.vision.films import Film
from trivium.vision.picture_encoder import PICTURE_SIDE
from trivium.vision.question_files import Asked, Pictures, read_questions
from trivium.vision.questions import ANSWERS, in_chinese, is_chinese

__all__ = ["export", "search", "vqa"]

Say = Callable[[str], None]
_PART = 4096  # questions at a time


def export(out: Path, *, int8: bool, films: Path | None, say: Say) -> None:
    """Write the classifier of findings for other engines, and name what was written.

    Args:
        films: folder of upright films with bright bone, from which ranges for INT8 are read.

    Raises:
        InputError: if a folder cannot be read or written to, or holds no film.
    """
    from trivium.vision.classifier import FindingsClassifier
    from trivium.vision.export_findings import export as write

    if films is not None and not int8:
        raise InputError("films serve INT8 alone", where=str(films), hint="add --int8, or leave --films out")
    read = None if films is None else _films(films, say)[1]
    for path in write(FindingsClassifier.load(), out, int8=int8, films=read):
        say(f"{path}  {path.stat().st_size / 1024:,.0f} KiB")


def search(films: Path, out: Path, *, text: str | None, sentences: Path | None, top: int, say: Say, warn: Say) -> int:
    """Rank the films of a folder by a text, or the sentences of a file for each film; write rows and say the first.

    Args:
        films: folder of frontal films, PNG or JPEG; turned or inverted ones are set right.
        out: JSON file to write: a list of `{film, sentence, likeness}`, the best first (for each film).
        text: English or Chinese.
        sentences: file with one sentence a line.
        top: how many for the text, or for each film.
        warn: takes a line for each film that has no row: it cannot be read, or looks like no chest.

    Returns:
        How many films could not be read.

    Raises:
        InputError: if not one of text and sentences is given, something cannot be read, or no word is known.
    """
    from trivium.vision.classifier import FindingsClassifier
    from trivium.vision.frozen import describe
    from trivium.vision.retrieval import Retriever

    if (text is None) == (sentences is None):
        raise InputError("give either a text or sentences", hint="--text 'pleural effusion', or --sentences FILE")
    told = [text] if text is not None else _sentences(sentences) if sentences is not None else []
    retriever = Retriever.load()
    retriever.of_texts(told)  # before the films: what is unknown is said at once
    given, pixels, failed = _films(films, warn)
    names, pixels = _chests(given, pixels, warn)
    classifier = FindingsClassifier.load()
    described = describe(classifier.net, classifier.laid_all(pixels))
    nats = (described @ classifier.parts.weight + classifier.parts.offset) * [one.slope for one in classifier.platts]
    like = retriever.likeness(described, nats, told)
    pairs = [(film, told[0], like[film, 0]) for film in np.argsort(-like[:, 0], kind="stable")[:top]]
    if sentences is not None:
        pairs = [
            (film, told[one], like[film, one])
            for film in range(len(names))
            for one in np.argsort(-like[film], kind="stable")[:top]
        ]
    rows = [{"film": names[film], "sentence": said, "likeness": round(float(value), 4)} for film, said, value in pairs]
    _write(out, rows)
    for row in rows[: 2 * top]:
        say(f"{row['likeness']:7.3f}  {row['film']}  {row['sentence']}")
    return failed


def _films(folder: Path, warn: Say) -> tuple[list[str], Film, int]:
    """Return the pictures of a folder that can be read, by their places in it, and how many cannot.

    Raises:
        InputError: if there is no such folder, or none can be read.
    """
    from trivium.vision.chest_films import pictures_of, read_film

    names, films, failed = [], [], 0
    for path in pictures_of(folder):
        try:
            films.append(read_film(path))
            names.append(path.relative_to(folder).as_posix())
        except InputError as error:
            failed += 1
            warn(error.line)
    if not films:
        raise InputError("holds no PNG or JPEG that can be read", where=str(folder), hint="give a folder of films")
    return names, np.stack(films), failed


def _chests(names: Sequence[str], films: Film, warn: Say) -> tuple[list[str], Film]:
    """Return the films that look like a frontal chest, upright and with bright bone, as the quality gate sees them.

    Raises:
        InputError: if none does.
    """
    from trivium.vision.quality_gate import CHEST_LIMIT, Gate, correct

    gate, kept, right = Gate.load(), [], []
    for name, film in zip(names, films, strict=True):
        verdict = gate.judge(film)
        if verdict.chest < CHEST_LIMIT:
            warn(f"{name}: does not look like a frontal chest film; left out")
            continue
        kept.append(name)
        right.append(correct(film, verdict.quarter_turns if verdict.rotated > 0 else 0, verdict.inverted > 0))
    if not kept:
        raise InputError("no picture looks like a frontal chest film", hint="give a folder of chest films")
    return kept, np.stack(right)


def _sentences(path: Path) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read ({error})", where=str(path)) from error
    if not any(lines):
        raise InputError("holds no sentence", where=str(path), hint="one a line")
    return [line for line in lines if line]


def vqa(questions: Path, images: Path, out: Path, *, say: Say, warn: Say, progress: Callable[[int], object]) -> int:
    """Answer a file of questions, write one row each, and say how good the answers are where the file has them.

    Args:
        questions: `[[question, answer, image_id], ...]`, gzip or not.
        images: folder or zip archive of pictures named by id.
        out: JSON file to write: a list of rows in the order of the questions.
        say: takes each line of the result.
        warn: takes a line for each picture that cannot be read, and for each row that is no question; such rows have
            null answers and the reason. A row whose right answer is unknown is answered, and not scored.
        progress: called with the number of questions done since the last call.

    Returns:
        How many pictures could not be read, and rows have something wrong.

    Raises:
        InputError: if questions or images cannot be read at all, or the file cannot be written.
    """
    asked, pictures = read_questions(questions, is_strict=False), Pictures(images)
    bad = [one.problem for one in asked if one.problem]
    for problem in bad:
        warn(f"{questions}: {problem}")
    model = Answerer.load()
    rows: list[dict[str, Any]] = []
    blind: list[str | None] = []
    failed: dict[int | str, str] = {}
    for start in range(0, len(asked), _PART):
        part = asked[start : start + _PART]
        seen = _read([one for one in part if one.can_be_answered], pictures, failed, warn)
        known = [one for one in part if one.can_be_answered and one.image_id in seen]
        found = dict(zip(map(id, known), _answers(model, known, seen), strict=True))
        rows += [_row(one, found.get(id(one)), one.problem or failed.get(one.image_id)) for one in part]
        blind += _without_pictures(model, part) if any(one.answer for one in part) else [None] * len(part)
        progress(len(part))
    _write(out, rows)
    say(f"{sum(row['answer'] is not None for row in rows)} of {len(rows)} questions answered: {out}")
    for line in _figures(asked, [row["answer"] for row in rows], blind):
        say(line)
    return len(failed) + len(bad)


def _write(out: Path, rows: list[dict[str, Any]]) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", where=str(out)) from error


def _read(
    part: Sequence[Asked], pictures: Pictures, failed: dict[int | str, str], warn: Say
) -> dict[int | str, NDArray[np.uint8]]:
    """Return the pictures of some questions by id; note and say which cannot be read."""
    seen: dict[int | str, NDArray[np.uint8]] = {}
    for image_id in dict.fromkeys(one.image_id for one in part):
        if image_id in failed:
            continue
        try:
            seen[image_id] = pictures.read(image_id)
        except TriviumError as error:
            failed[image_id] = error.what
            warn(error.line)
    return seen


def _answers(model: Answerer, asked: Sequence[Asked], seen: dict[int | str, NDArray[np.uint8]]) -> NDArray[np.float32]:
    if not asked:
        return np.zeros((0, len(ANSWERS)), np.float32)
    place = {image_id: number for number, image_id in enumerate(seen)}
    return model.answer(
        [one.question for one in asked], np.stack(list(seen.values())), [place[one.image_id] for one in asked]
    )


def _without_pictures(model: Answerer, asked: Sequence[Asked]) -> list[str | None]:
    """Return what the same model answers when it is shown no picture; equal questions are asked once."""
    texts = list(dict.fromkeys(one.question for one in asked))
    blank = np.full((1, 3, PICTURE_SIDE, PICTURE_SIDE), BLANK, np.uint8)
    best = model.answer(texts, blank, [0] * len(texts)).argmax(1)
    by_text = {text: ANSWERS[int(one)] for text, one in zip(texts, best, strict=True)}
    return [by_text[one.question] for one in asked]


def _row(asked: Asked, probabilities: NDArray[np.float32] | None, error: str | None) -> dict[str, Any]:
    place = None if asked.image_id == "" else asked.image_id
    row: dict[str, Any] = {"question": asked.question, "image_id": place, "answer": None, "probability": None}
    if error:
        row["error"] = error
    if probabilities is None:
        return row
    best = int(probabilities.argmax())
    row |= {"answer": ANSWERS[best], "probability": round(float(probabilities[best]), 4)}
    return {**row, "answer_zh": in_chinese(ANSWERS[best])} if is_chinese(asked.question) else row


def _figures(asked: Sequence[Asked], given: Sequence[str | None], blind: Sequence[str | None]) -> list[str]:
    """Return lines with the share of right answers, all and by language, each beside what needs no picture."""
    lines = []
    for name, chosen in (
        ("all", range(len(asked))),
        ("English", [row for row, one in enumerate(asked) if not is_chinese(one.question)]),
        ("Chinese", [row for row, one in enumerate(asked) if is_chinese(one.question)]),
    ):
        rows = [row for row in chosen if asked[row].answer and given[row]]
        if not rows or (name != "all" and len(rows) == sum(one.answer is not None for one in asked)):
            continue
        right = np.mean([given[row] == asked[row].answer for row in rows])
        without = np.mean([blind[row] == asked[row].answer for row in rows])
        word, count = Counter(asked[row].answer for row in rows).most_common(1)[0]
        lines.append(
            f"{name}: accuracy {right:.4f} of {len(rows)}; question only (no picture shown) {without:.4f}; "
            f"always {word!r} {count / len(rows):.4f}"
        )
    return lines
