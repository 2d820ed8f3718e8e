"""The model that answers questions about pictures: encoder tokens and words in one mixture-of-experts decoder.

    answerer = Answerer.load()
    probabilities = answerer.answer(["what color is the shape?"], pictures)        # (1, 13), columns as ANSWERS

A row is the two tokens of the picture, then the question; a linear head reads the last token. Words come from our
byte-level vocabulary, Chinese characters one at a time, so that no unseen sentence is cut in unseen places. Tokens that
no training question had share one embedding, which training learns by putting it in place of tokens at random.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from trivium.core_model.config import ModelConfig
from trivium.core_model.decoder import new_decoder
from trivium.core_model.heads import LinearHead, pool
from trivium.core_model.moe.router import Routing
from trivium.core_model.multimodal import MultimodalDecoder
from trivium.core_model.tokenizer import Tokenizer
from trivium.service.errors import ModelError
from trivium.vision.classifier_files import WEIGHTS
from trivium.vision.picture_encoder import NUM_TOKENS, PictureEncoder
from trivium.vision.questions import ANSWERS, MEANINGS

__all__ = ["BLANK", "MAX_WORDS", "PADDING", "UNKNOWN", "Answerer", "Words", "vocabulary_of"]

MAX_WORDS = 64  # tokens of a question; what is longer is cut
PADDING, IMAGE, UNKNOWN = 0, 1, 2  # ids of the decoder; words follow
BLANK = 127  # a picture of this value alone stands for no picture
_ROWS = 256
_PIECES = re.compile("[\u4e00-\u9fff]|[a-z0-9]+(?:'[a-z]+)?")


class Words:
    """Turns questions into ids of the decoder.

    Args:
        vocabulary: token ids of the core's tokenizer that the decoder has embeddings for, in their order.
    """

    def __init__(self, vocabulary: Sequence[int]) -> None:
        self._tokenizer = Tokenizer.builtin()
        self._place = {token: place for place, token in enumerate(vocabulary, UNKNOWN + 1)}
        self._known: dict[str, list[int]] = {}

    def __call__(self, question: str) -> list[int]:
        """Return at most `MAX_WORDS` ids; punctuation and case say nothing here and are left out."""
        ids = [one for piece in _PIECES.findall(question.lower()) for one in self._piece(piece)]
        return ids[:MAX_WORDS] or [UNKNOWN]

    def _piece(self, piece: str) -> list[int]:
        if piece not in self._known:
            tokens = _tokens_of(self._tokenizer, piece)
            self._known[piece] = [self._place.get(token, UNKNOWN) for token in tokens]
        return self._known[piece]


def vocabulary_of(questions: Sequence[str]) -> list[int]:
    """Return the tokens of the core's tokenizer that occur in questions, rising."""
    tokenizer = Tokenizer.builtin()
    pieces = {piece for question in questions for piece in _PIECES.findall(question.lower())}
    return sorted({token for piece in pieces for token in _tokens_of(tokenizer, piece)})


@dataclass(frozen=True, slots=True)
class Read:
    """What the model makes of a batch.

    Args:
        answers: (B, 13) logits, columns as `ANSWERS`.
        meanings: (B, 35) logits of what is asked, columns as `MEANINGS`; training learns from them, too.
        routings: of each layer.
        mask: (B, 2 + T) bool, False for padding.
    """

    answers: Tensor
    meanings: Tensor
    routings: tuple[Routing, ...]
    mask: Tensor


class Answerer(nn.Module):
    """Encoder, decoder and head.

    Args:
        config: of the decoder; its vocabulary holds three ids of its own and the words.
        vocabulary: as in `Words`.
        seed: of fresh weights.
    """

    def __init__(self, config: ModelConfig, vocabulary: Sequence[int], seed: int = 0) -> None:
        super().__init__()
        self.config, self.vocabulary = config, tuple(vocabulary)
        self.words = Words(vocabulary)
        torch.manual_seed(seed)
        encoder = PictureEncoder()
        decoder = new_decoder(config, seed=seed)
        self.model = MultimodalDecoder(decoder, {"image": encoder}, {"image": IMAGE}, seed=seed)
        self.encoder = encoder
        self.head = LinearHead(config.dim, len(ANSWERS))
        self.reader = LinearHead(config.dim, len(MEANINGS))
        self.sha256 = ""

    def forward(self, questions: Tensor, pictures: Tensor) -> Read:
        """Return what the model makes of questions and pictures.

        Args:
            questions: (B, T) ids, `PADDING` on the right.
            pictures: (B, 3, 24, 24), or tokens of the encoder (B, 2, D).
        """
        places = torch.full((len(questions), NUM_TOKENS), IMAGE, device=questions.device)
        ids = torch.cat((places, questions), 1)
        mask = ids != PADDING
        out = self.model(ids, {"image": pictures}, attention_mask=mask.long(), keep_logits=1)
        last = pool(out.hidden, mask)
        return Read(self.head(last), self.reader(last), out.routings, mask)

    @torch.inference_mode()
    def answer(
        self, questions: Sequence[str], pictures: NDArray[np.uint8], which: Sequence[int]
    ) -> NDArray[np.float32]:
        """Return probabilities `(N, 13)` in the order of `ANSWERS`.

        Args:
            questions: N texts.
            pictures: (U, 3, 24, 24), each encoded once.
            which: picture of each question.
        """
        seen = torch.cat([self.encoder(chunk) for chunk in torch.from_numpy(pictures).split(_ROWS)])
        ids = [self.words(question) for question in questions]
        out = np.zeros((len(ids), len(ANSWERS)), np.float32)
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))  # rows of like length together
        for start in range(0, len(order), _ROWS):
            rows = order[start : start + _ROWS]
            read = self(padded([ids[row] for row in rows]), seen[[which[row] for row in rows]])
            out[rows] = read.answers.float().softmax(1).numpy()
        return out

    def save(self, folder: Path) -> None:
        """Write `vqa.safetensors` in half precision and `vqa.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        state = {name: value.half().cpu().contiguous() for name, value in self._weights().items()}
        save_file(state, folder / "vqa.safetensors")
        settings = {"decoder": self.config.to_json(), "vocabulary": self.vocabulary, "answers": ANSWERS}
        (folder / "vqa.json").write_text(json.dumps(settings) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path = WEIGHTS) -> Answerer:
        """Load the model that ships, or one that `save` wrote.

        Raises:
            ModelError: if a file is missing or does not fit.
        """
        path = folder / "vqa.safetensors"
        try:
            settings = json.loads((folder / "vqa.json").read_text(encoding="utf-8"))
            if tuple(settings["answers"]) != ANSWERS:
                raise ValueError(f"answers {settings['answers']}")
            made = cls(ModelConfig.from_json(settings["decoder"]), settings["vocabulary"])
            made.put(load_file(path))
            made.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        except (OSError, SafetensorError, ValueError, RuntimeError, KeyError) as error:
            raise ModelError(f"the answering model cannot be loaded ({error})", where=str(folder)) from error
        return made.eval()

    @torch.no_grad()
    def put(self, state: dict[str, Tensor]) -> None:
        """Take weights of another precision.

        Raises:
            ValueError: if names or shapes differ.
        """
        own = self._weights()
        if set(own) != set(state):
            raise ValueError(f"weights differ in {sorted(set(own) ^ set(state))[:3]}")
        for name, value in own.items():
            if value.shape != state[name].shape:
                raise ValueError(f"{name} has shape {tuple(state[name].shape)}, not {tuple(value.shape)}")
            value.copy_(state[name])

    def _weights(self) -> dict[str, Tensor]:
        return dict(self.named_parameters())


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Return `(B, T)` int64, filled up with `PADDING` on the right."""
    out = torch.full((len(rows), max(map(len, rows))), PADDING)
    for place, row in enumerate(rows):
        out[place, : len(row)] = torch.tensor(row)
    return out


def _tokens_of(tokenizer: Tokenizer, piece: str) -> list[int]:
    """Encode a Chinese character as it is, a word with the space before it."""
    return tokenizer.encode(piece if len(piece) == 1 and ord(piece) > 127 else f" {piece}", parse_special=False)
