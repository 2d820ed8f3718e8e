"""The model that answers questions about a scene: tokens of objects and words in one mixture-of-experts decoder.

    answerer = SceneAnswerer.load()
    answers = answerer.answer(["how many vehicles are within 20 m?"], [objects], which=[0])

A row is the question, then the objects of a scene, nearest first, then a token whose state a linear head reads: so an
object's token knows what is asked when it is computed. Words are those of the phrasings (Chinese characters one at a
time); others share one id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from trivium.core_model.config import ModelConfig
from trivium.core_model.decoder import new_decoder
from trivium.core_model.heads import LinearHead, pool
from trivium.core_model.moe.router import Routing
from trivium.core_model.multimodal import MultimodalDecoder
from trivium.pointcloud.encoders.objects import ObjectEncoder, ObjectRows, Objects
from trivium.pointcloud.labels import CLASSES
from trivium.pointcloud.scenes.questions import ANSWERS, KINDS, RADII
from trivium.pointcloud.scenes.wordings import LANGUAGES, phrases
from trivium.service.errors import InputError, ModelError

__all__ = ["ASKED", "END", "PADDING", "SHIPPED", "UNKNOWN", "Read", "SceneAnswerer", "padded", "vocabulary", "words"]

PADDING, OBJECT, UNKNOWN, END = range(4)  # ids of the decoder; words follow
MAX_WORDS = 48
SHIPPED = Path(__file__).resolve().parents[1] / "weights" / "scenes.safetensors"
_PIECES = re.compile("[\u4e00-\u9fff]|[a-z]+|[0-9]+")
ASKED = (KINDS, CLASSES, ("", *CLASSES), (0, *RADII))
"""What the model also says of a question while it learns: kind, class, other class, metres."""


def vocabulary() -> tuple[str, ...]:
    """Return the words of all phrasings that training draws, sorted."""
    texts = [
        text
        for language in LANGUAGES
        for part in phrases(language).values()
        for name, ways in part.items()
        if name != "kept"
        for text in ways
    ]
    pieces = {piece for text in texts for piece in _PIECES.findall(re.sub(r"{\w+}", " ", text))}
    return tuple(sorted(pieces | {"an"} | {str(radius) for radius in RADII}))


def words(text: str, places: dict[str, int]) -> list[int]:
    """Return ids of the words of a question.

    Raises:
        InputError: if it names a number of metres that the model was not taught.
    """
    pieces = _PIECES.findall(text.lower())
    for piece in pieces:
        if piece.isdigit() and int(piece) not in RADII:
            raise InputError(f"{piece} m cannot be asked about", hint=f"known: {', '.join(map(str, RADII))}")
    return [places.get(piece, UNKNOWN) for piece in pieces][:MAX_WORDS] or [UNKNOWN]


@dataclass(frozen=True)
class Read:
    """What the model makes of a batch.

    Args:
        answers: logits (B, answers).
        asked: logits (B, sum of the lengths of `ASKED`) of what is asked, read before any object.
        routings: of each layer.
        mask: (B, T) of what is real.
    """

    answers: torch.Tensor
    asked: torch.Tensor
    routings: tuple[Routing, ...]
    mask: torch.Tensor


class SceneAnswerer(nn.Module):
    """Encoder, decoder and head.

    Args:
        config: of the decoder; its vocabulary holds four ids of its own and the words.
        known: words, in the order of their ids.
        width: of the encoder's tokens.
        seed: of fresh weights.
    """

    def __init__(self, config: ModelConfig, known: Sequence[str], width: int = 96, seed: int = 0) -> None:
        super().__init__()
        self.config, self.known = config, tuple(known)
        self._places = {word: at for at, word in enumerate(known, END + 1)}
        torch.manual_seed(seed)
        self.encoder = ObjectEncoder(width)
        self.model = MultimodalDecoder(
            new_decoder(config, seed=seed), {"objects": self.encoder}, {"objects": OBJECT}, seed=seed
        )
        self.head = LinearHead(config.dim, len(ANSWERS))
        self.asked = LinearHead(config.dim, sum(map(len, ASKED)))

    def words(self, text: str) -> list[int]:
        """Return ids of a question's words; see `words`."""
        return words(text, self._places)

    def forward(self, questions: torch.Tensor, scenes: ObjectRows) -> Read:
        """Return what the model makes of B questions, each about its own scene.

        Args:
            questions: (B, T) ids, `PADDING` on the right.
            scenes: rows of objects of each.
        """
        ids = _beside(questions, scenes.mask)
        mask = ids != PADDING
        # Padding follows all else and attention looks back only, so that no mask is needed.
        out = self.model(ids, {"objects": scenes}, keep_logits=1)
        is_word = torch.arange(ids.shape[1], device=ids.device) < (questions != PADDING).sum(dim=1, keepdim=True)
        return Read(self.head(pool(out.hidden, mask)), self.asked(pool(out.hidden, is_word)), out.routings, mask)

    @torch.inference_mode()
    def answer(self, questions: Sequence[str], scenes: Sequence[Objects], which: Sequence[int]) -> list[str]:
        """Return an answer of `ANSWERS` for each of N questions.

        Args:
            questions: N texts.
            scenes: what was detected.
            which: scene of each question.

        Raises:
            InputError: as `words`.
        """
        device = self.head.project.weight.device
        rows = self.encoder.rows(scenes).to(device)
        ids = [self.words(text) for text in questions]
        said: list[str] = []
        for start in range(0, len(ids), 256):
            part = ids[start : start + 256]
            at = torch.tensor(which[start : start + 256], device=device)
            read = self(padded(part).to(device), rows.of(at))
            said.extend(ANSWERS[best] for best in read.answers.argmax(dim=1).tolist())
        return said

    def save(self, path: Path) -> None:
        """Write weights in half precision, with settings and words in the header."""
        tensors = {name: value.detach().half().cpu().contiguous() for name, value in self.named_parameters()}
        about = {"decoder": self.config.to_json(), "words": self.known, "answers": ANSWERS, "width": self.encoder.dim}
        save_file(tensors, path, metadata={"about": json.dumps(about)})

    @classmethod
    def load(cls, path: Path = SHIPPED) -> SceneAnswerer:
        """Load a model that `save` wrote.

        Raises:
            ModelError: if the file is missing, damaged, or made for other answers.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {})["about"])
            if tuple(about["answers"]) != ANSWERS:
                raise ValueError("made for other answers")
            made = cls(ModelConfig.from_json(about["decoder"]), about["words"], about["width"])
            made.put({name: value.float() for name, value in load_file(path).items()})
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise ModelError(
                f"the model of scene questions cannot be loaded ({error})", where=str(path),
                hint="train_scene_questions makes one",
            ) from error  # fmt: skip
        return made.eval()

    @torch.no_grad()
    def put(self, state: dict[str, torch.Tensor]) -> None:
        """Take the values of all parameters.

        Raises:
            ValueError: if names or shapes differ.
        """
        own = dict(self.named_parameters())
        if set(own) != set(state) or any(own[name].shape != state[name].shape for name in own):
            raise ValueError("weights of another network")
        for name, value in own.items():
            value.copy_(state[name])


def padded(rows: Sequence[Sequence[int]]) -> torch.Tensor:
    """Return (B, T) int64, filled up with `PADDING` on the right."""
    out = torch.full((len(rows), max(map(len, rows))), PADDING)
    for place, row in enumerate(rows):
        out[place, : len(row)] = torch.tensor(row)
    return out


def _beside(questions: torch.Tensor, objects: torch.Tensor) -> torch.Tensor:
    """Return ids (B, T + N + 1): the question, a placeholder for each real object, the end, then padding."""
    end = torch.full_like(questions[:, :1], END)
    whole = torch.cat((questions, torch.where(objects, OBJECT, PADDING), end), dim=1)
    order = (whole == PADDING).to(torch.int8).argsort(dim=1, stable=True)
    return whole.gather(1, order)
