"""Train the model that answers questions: `python -m trivium.vision.train_vqa DATA --out DIR [--device cuda --resume]`.

DATA holds easy-VQA's `questions.json.gz` and `images.zip`. Images are split: nine tenths to learn from, a tenth that
`benchmarks/vision_vqa.py` measures on. Each question is asked as it is or, with the same answer, in words from the
grammar of `questions.py`, English or Chinese. First the encoder learns color and shape, as far as answers tell them;
then it is held and the decoder learns, by the core's loop: seeded, resumable, with progress on a terminal.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from trivium.core_model.config import BalanceConfig, ModelConfig
from trivium.core_model.heads import MISSING_CLASS, class_loss
from trivium.core_model.moe.balance import Balancer
from trivium.core_model.train.config import TrainConfig
from trivium.core_model.train.loop import MicroBatch, fit
from trivium.vision.answerer import BLANK, MAX_WORDS, PADDING, UNKNOWN, Answerer, vocabulary_of
from trivium.vision.picture_encoder import NUM_TOKENS, PictureEncoder
from trivium.vision.question_files import Asked, Pictures, read_questions
from trivium.vision.questions import ANSWERS, COLORS, MEANINGS, SHAPES, Grammar, meaning_of

__all__ = ["HELD_OUT_SHARE", "QuestionObjective", "held_out", "new_answerer", "pool_of"]

HELD_OUT_SHARE = 0.1
_MEANING_WEIGHT = 0.5
_PARTS = 2  # of a step's batch, by length
_COPIES = 6  # of each picture, moved and changed, that the decoder learns from
_SHIFT = 1  # pixels that a picture is moved by at most, its edge repeated
_BLANKED, _DROPPED, _STRANGE, _OWN_WORDS, _CHINESE = 0.08, 0.04, 0.05, 0.2, 0.65
DECODER = {
    "dim": 128, "num_layers": 2, "num_heads": 4, "num_experts": 8, "experts_per_token": 2, "expert_dim": 64,
    "router_scores": "softmax", "aux_loss_weight": 0.01, "tied_embeddings": True, "max_positions": 128,
    "query_key_norm": True, "rope_theta": 1000.0,
}  # fmt: skip


def held_out(image_ids: Sequence[int | str], seed: int) -> frozenset[int | str]:
    """Return the ids of the pictures that training never sees."""
    ids = sorted(set(image_ids), key=str)
    random.Random(seed).shuffle(ids)
    return frozenset(ids[: round(len(ids) * HELD_OUT_SHARE)])


def pool_of(count: int, seed: int) -> dict[str, list[list[str]]]:
    """Return, by language, `count` ways to ask for each of `MEANINGS`, drawn from the grammar."""
    pools = {}
    for language in ("en", "zh"):
        grammar = Grammar.of(language)
        pools[language] = [
            [grammar.ask(meaning, chance) for _ in range(count)]
            for meaning, chance in zip(
                MEANINGS, (random.Random(f"{seed} {language} {one}") for one in MEANINGS), strict=True
            )
        ]
    return pools


def new_answerer(texts: Sequence[str], seed: int) -> Answerer:
    """Make a fresh model that knows the words of these questions."""
    vocabulary = vocabulary_of(texts)
    return Answerer(ModelConfig(vocab_size=UNKNOWN + 1 + len(vocabulary), **DECODER), vocabulary, seed)  # type: ignore[arg-type]


class QuestionObjective:
    """What the core's loop learns: the answer to questions in words drawn anew at each step.

    Args:
        model: changed by training.
        asked: questions of easy-VQA in their own words.
        tokens: (V, U, 2, D) of the encoder, of V changed copies of each picture; the last copy is blank.
        which: picture of each question.
        pools: as `pool_of`.
        config: of the run; `batch_size` questions a step.
    """

    def __init__(
        self,
        model: Answerer,
        asked: Sequence[Asked],
        tokens: Tensor,
        which: NDArray[np.int64],
        pools: dict[str, list[list[str]]],
        config: TrainConfig,
    ) -> None:
        self.model, self._config = model, config
        self._balancer = Balancer(model, config.balance)
        device = torch.device(config.device)
        self._tokens = tokens.to(device)
        self._which = which
        self._meanings = np.array([MEANINGS.index(meaning_of(one.question)) for one in asked])
        self._answers = np.array([ANSWERS.index(one.answer or "") for one in asked])
        self._own = _table([model.words(one.question) for one in asked])
        self._pools = {name: np.stack([_table(list(map(model.words, each))) for each in pool])
                       for name, pool in pools.items()}  # fmt: skip
        self._correct = 0.0

    def micro_batches(self, step: int) -> Sequence[MicroBatch]:
        """Draw the questions of a step."""
        chance = np.random.default_rng([self._config.seed, step])
        rows = chance.integers(len(self._which), size=self._config.batch_size)
        kind, place = chance.random(len(rows)), chance.integers(self._pools["zh"].shape[1], size=len(rows))
        words = np.where(
            (kind < _CHINESE)[:, None],
            self._pools["zh"][self._meanings[rows], place],
            self._pools["en"][self._meanings[rows], place],
        )
        words = np.where((kind > 1 - _OWN_WORDS)[:, None], self._own[rows], words)
        words = _disturbed(words, chance)
        copies = np.where(chance.random(len(rows)) < _BLANKED, len(self._tokens) - 1, step % (len(self._tokens) - 1))
        order = np.argsort((words != PADDING).sum(1), kind="stable")
        return [self._part(words[part], rows[part], copies[part]) for part in np.array_split(order, _PARTS)]

    def _part(self, words: NDArray[np.int64], rows: NDArray[np.int64], copies: NDArray[np.int64]) -> MicroBatch:
        """Return questions of like length, without the padding that all share."""
        device = self._tokens.device
        ids = torch.from_numpy(words[:, : int((words != PADDING).sum(1).max())]).to(device)
        seen = self._tokens[torch.from_numpy(copies).to(device), torch.from_numpy(self._which[rows]).to(device)]
        goals = (torch.from_numpy(one[rows]).to(device) for one in (self._answers, self._meanings))
        return MicroBatch((ids, seen, *goals), len(rows))

    def losses(self, batch: MicroBatch) -> tuple[Tensor, Tensor]:
        """Return the summed cross-entropy, of answers and of what is asked, and the balancing penalty."""
        ids, seen, answers, meanings = batch.data
        read = self.model(ids, seen)
        self._correct = float((read.answers.argmax(1) == answers).float().mean())
        loss = class_loss(read.answers, answers) + _MEANING_WEIGHT * class_loss(read.meanings, meanings)
        return loss * len(answers), self._balancer.loss(read.routings, read.mask.long())

    def after_step(self) -> dict[str, float]:
        """Note how evenly the experts are loaded, and the share of right answers of the last batch."""
        self._balancer.after_step()
        return {"accuracy": self._correct}

    def evaluate(self) -> dict[str, float]:
        """Return nothing: the held-out pictures are for the benchmark alone, and choose nothing here."""
        return {}

    def save(self, folder: Path) -> None:
        """Write the model in full precision, so that a run can go on from it."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        state = {name: value.detach().cpu().contiguous() for name, value in self.model.named_parameters()}
        save_file(state, folder / "model.safetensors")

    def load(self, folder: Path) -> None:
        """Take back what `save` wrote."""
        from safetensors.torch import load_file

        self.model.put(load_file(folder / "model.safetensors"))

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: a step follows from its number."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back nothing."""


def facts_of(asked: Sequence[Asked], which: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return `(count, 2)`: color and shape of each picture as places in their lists, `MISSING_CLASS` where not told."""
    facts = np.full((count, 2), MISSING_CLASS)
    for one, picture in zip(asked, which, strict=True):
        meaning = meaning_of(one.question)
        is_there = one.answer == {"present": "yes", "absent": "no"}.get(meaning.kind, one.answer)
        for name in (meaning.about if is_there else "", one.answer):
            if name in COLORS:
                facts[picture, 0] = COLORS.index(name)
            elif name in SHAPES:
                facts[picture, 1] = SHAPES.index(name)
    return facts


def teach(
    encoder: PictureEncoder, pictures: NDArray[np.uint8], facts: NDArray[np.int64], steps: int, seed: int
) -> float:
    """Train an encoder to show color and shape in its tokens; return the share of both right over the last steps."""
    torch.manual_seed(seed)
    device = encoder.place.device
    head = nn.Linear(NUM_TOKENS * encoder.dim, len(COLORS) + len(SHAPES)).to(device)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=3e-3, weight_decay=0.02)
    x, goal = torch.from_numpy(pictures).to(device), torch.from_numpy(facts).to(device)
    right: list[float] = []
    for step in tqdm(range(steps), desc="encoder", disable=not sys.stderr.isatty()):
        chance = np.random.default_rng([seed, 1, step])
        chosen = torch.from_numpy(chance.integers(len(x), size=64)).to(device)
        logits = head(encoder(_moved(x[chosen], chance)).flatten(1)).split((len(COLORS), len(SHAPES)), 1)
        loss = class_loss(logits[0], goal[chosen, 0]) + class_loss(logits[1], goal[chosen, 1])
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * min(1, (step + 1) / 50) * 0.5 * (1 + np.cos(np.pi * step / steps))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for place, each in enumerate(logits):
            known = goal[chosen, place] != MISSING_CLASS
            right.append(float((each.argmax(1) == goal[chosen, place])[known].float().mean()))
    return float(np.mean(right[-100:]))


@torch.no_grad()
def copies_of(encoder: PictureEncoder, pictures: NDArray[np.uint8], seed: int) -> Tensor:
    """Return tokens `(V, U, 2, D)`: of the pictures, of changed copies of them, and of blank ones."""
    x = torch.from_numpy(pictures).to(encoder.place.device)
    blank = torch.full_like(x[:1], BLANK)
    whole = [torch.cat([encoder(part) for part in x.split(256)])]
    for copy in range(1, _COPIES):
        chance = np.random.default_rng([seed, 2, copy])
        whole.append(torch.cat([encoder(_moved(part, chance)) for part in x.split(256)]))
    return torch.stack([*whole, encoder(blank).expand(len(x), -1, -1)])


def _table(rows: list[list[int]]) -> NDArray[np.int64]:
    """Return `(N, MAX_WORDS)`, filled up with `PADDING`."""
    out = np.full((len(rows), MAX_WORDS), PADDING, np.int64)
    for place, row in enumerate(rows):
        out[place, : len(row)] = row
    return out


def _disturbed(words: NDArray[np.int64], chance: np.random.Generator) -> NDArray[np.int64]:
    """Leave out some words of half the rows and put the unknown one in place of some."""
    active = (words != PADDING) & (chance.random((len(words), 1)) < 0.5)
    words = np.where(active & (chance.random(words.shape) < _STRANGE), UNKNOWN, words)
    gone = active & (chance.random(words.shape) < _DROPPED)
    gone[:, 0] &= (words[:, 1:] != PADDING).any(1)
    kept = ~gone & (words != PADDING)
    kept[~kept.any(1), 0] = True
    order = np.argsort(~kept, axis=1, kind="stable")
    return np.take_along_axis(np.where(kept, words, PADDING), order, axis=1)


def _moved(pictures: Tensor, chance: np.random.Generator) -> Tensor:
    """Return float pictures, each moved, mirrored and changed a little in tone."""
    B, device = len(pictures), pictures.device
    x = F.pad(pictures.float(), (_SHIFT,) * 4, mode="replicate")
    size = pictures.shape[2]
    starts = torch.from_numpy(chance.integers(0, 2 * _SHIFT + 1, size=(2, B))).to(device)
    rows = starts[0][:, None] + torch.arange(size, device=device)  # (B, 24)
    columns = starts[1][:, None] + torch.arange(size, device=device)
    mirrored = torch.from_numpy(chance.random(B) < 0.5).to(device)
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    x = x[torch.arange(B, device=device)[:, None, None], :, rows[:, :, None], columns[:, None, :]]  # (B, 24, 24, 3)
    tone = torch.from_numpy(chance.normal(0, 4, size=(B, 1, 1, 3)).astype(np.float32)).to(device)
    x = (x + tone).clamp(0, 255)
    return x.permute(0, 3, 1, 2).contiguous()


def main() -> int:
    """Train and write `vqa.safetensors` and `vqa.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, help="folder with questions.json.gz and images.zip of easy-VQA")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--encoder-steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--ways", type=int, default=600, help="drawn for each meaning and language")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in DIR/run")
    given = parser.parse_args()
    start = time.monotonic()
    asked = read_questions(given.data / "questions.json.gz")
    kept_back = held_out([one.image_id for one in asked], given.seed)
    asked = [one for one in asked if one.image_id not in kept_back]
    source = Pictures(given.data / "images.zip")
    ids = sorted({one.image_id for one in asked}, key=str)
    pictures = np.stack([source.read(one) for one in ids])
    place = {one: number for number, one in enumerate(ids)}
    pools = pool_of(given.ways, given.seed)
    texts = [one.question for one in asked]
    model = new_answerer([*texts, *(text for pool in pools.values() for each in pool for text in each)], given.seed)
    model.to(given.device)
    config = TrainConfig(
        out=str(given.out / "run"), data=(str(given.data),), model=model.config.to_json(), steps=given.steps,
        batch_size=given.batch, learning_rate=given.rate, warmup_steps=min(60, given.steps // 4), weight_decay=0.05,
        ema_decay=0.99, eval_every=0, save_every=300, device=given.device, seed=given.seed, balance=BalanceConfig(),
        log_every=100,
    )  # fmt: skip
    which = np.array([place[one.image_id] for one in asked])
    share = teach(model.encoder, pictures, facts_of(asked, which, len(ids)), given.encoder_steps, given.seed)
    print(f"encoder: {share:.4f} of colors and shapes right, after {time.monotonic() - start:.0f} s", flush=True)
    model.encoder.requires_grad_(False)
    tokens = copies_of(model.encoder, pictures, given.seed)
    objective = QuestionObjective(model, asked, tokens, which, pools, config)
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{count} parameters, {len(model.vocabulary)} words", flush=True)
    result = fit(objective, config, resume=given.resume)
    objective.load(given.out / "run" / "model")  # the average of the weights
    model.save(given.out)
    print(f"loss {result.loss:.4f} after {result.step} steps and {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
