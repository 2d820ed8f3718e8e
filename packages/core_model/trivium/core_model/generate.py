"""Continue texts: greedy or sampled, many at once, until an end token, a stop string or a number of tokens.

    texts = generate_text(decoder, tokenizer, ["Once upon"], Sampling(max_new_tokens=40, temperature=0.8))

Rows of unequal length are padded on the left; padding changes no row's result beyond rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from trivium.core_model.config import ModelConfig
from trivium.core_model.decoder import Decoder
from trivium.core_model.layers.cache import new_cache
from trivium.service.errors import InputError

if TYPE_CHECKING:
    from trivium.core_model.tokenizer import Tokenizer

__all__ = ["Continuation", "Sampling", "filter_logits", "generate", "generate_text"]


@dataclass(frozen=True)
class Sampling:
    """How the next token is picked and when to stop.

    Raises:
        InputError: if a value is out of range.
    """

    max_new_tokens: int = 128
    """Stop after so many."""
    temperature: float = 0.0
    """0 takes the likeliest; above, logits are divided by it and drawn from."""
    top_k: int = 0
    """Draw among so many likeliest; 0 for all."""
    top_p: float = 1.0
    """Draw among the likeliest that together reach this probability."""
    stop: tuple[str, ...] = ()
    """Texts that end a continuation and are cut off; they need a tokenizer."""
    seed: int = 0
    """The same seed and the same batch give the same draws."""

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise InputError(f"max_new_tokens is {self.max_new_tokens}", hint="use 1 or more")
        if self.temperature < 0:
            raise InputError(f"temperature is {self.temperature}", hint="use 0 for greedy, or more")
        if self.top_k < 0:
            raise InputError(f"top_k is {self.top_k}", hint="use 0 for all, or more")
        if not 0 < self.top_p <= 1:
            raise InputError(f"top_p is {self.top_p}", hint="use more than 0 and at most 1")
        if "" in self.stop:
            raise InputError("an empty stop text would end everything at once")


@dataclass(frozen=True)
class Continuation:
    """What follows one prompt.

    Args:
        token_ids: new tokens, the end token not among them.
        finish: `end` (end token), `stop` (stop text) or `length`.
    """

    token_ids: tuple[int, ...]
    finish: str


@torch.inference_mode()
def generate(
    decoder: Decoder,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling | None = None,
    *,
    tokenizer: Tokenizer | None = None,
) -> list[Continuation]:
    """Continue prompts given as token ids.

    Args:
        decoder: the model; `config.eos_ids` end a row.
        prompts: one list of ids per row, none empty.
        sampling: how to pick; None for 128 greedy tokens.
        tokenizer: needed for stop texts only.

    Raises:
        InputError: if there is no prompt, one is empty or out of the vocabulary, prompt and continuation do not fit
            the context, or stop texts come without a tokenizer.
    """
    sampling = sampling or Sampling()
    _check(decoder.config, prompts, sampling, tokenizer)
    device = decoder.embedding.weight.device
    generator = torch.Generator(device).manual_seed(sampling.seed)
    tokens, mask = _pad_left(prompts, decoder.config.pad_id or 0, device)
    cache = new_cache(decoder.config)
    padded = bool((mask == 0).any())
    logits = decoder(tokens, attention_mask=mask if padded else None, cache=cache, keep_logits=1).logits[:, -1]
    rows: list[list[int]] = [[] for _ in prompts]
    finish = [""] * len(prompts)
    for step in range(sampling.max_new_tokens):
        picked = _pick(logits, sampling, generator)
        for row, token in enumerate(picked.tolist()):
            if not finish[row]:
                finish[row] = _take(rows[row], token, decoder.config.eos_ids, sampling.stop, tokenizer)
        if all(finish) or step + 1 == sampling.max_new_tokens:
            break
        logits = decoder(picked[:, None], cache=cache).logits[:, -1]
    return [Continuation(tuple(row), why or "length") for row, why in zip(rows, finish, strict=True)]


def generate_text(
    decoder: Decoder, tokenizer: Tokenizer, prompts: Sequence[str], sampling: Sampling | None = None
) -> list[str]:
    """Continue prompts given as text; a stop text and what comes after it are cut off.

    Raises:
        InputError: as `generate`.
    """
    sampling = sampling or Sampling()
    ids = [tokenizer.encode(prompt) for prompt in prompts]
    texts = [tokenizer.decode(row.token_ids) for row in generate(decoder, ids, sampling, tokenizer=tokenizer)]
    return [_cut(text, sampling.stop) for text in texts]


def filter_logits(logits: torch.Tensor, top_k: int, top_p: float) -> torch.Tensor:
    """Set all but the likeliest logits of each row to minus infinity.

    Args:
        logits: (B, V), already divided by the temperature.
        top_k: keep so many; 0 for all.
        top_p: keep the fewest that reach this probability; the likeliest always stays.
    """
    if 0 < top_k < logits.shape[-1]:
        least = logits.topk(top_k, dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < least, float("-inf"))
    if top_p < 1:
        ordered, order = logits.sort(dim=-1, descending=True)
        shares = ordered.softmax(dim=-1)
        late = shares.cumsum(dim=-1) - shares >= top_p
        logits = logits.masked_fill(late.scatter(-1, order, late), float("-inf"))
    return logits


def _pick(logits: torch.Tensor, sampling: Sampling, generator: torch.Generator) -> torch.Tensor:
    """Return one token per row, `(B,)`."""
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    shares = filter_logits(logits.float() / sampling.temperature, sampling.top_k, sampling.top_p).softmax(dim=-1)
    return torch.multinomial(shares, 1, generator=generator)[:, 0]


def _take(row: list[int], token: int, eos_ids: Sequence[int], stop: Sequence[str], tokenizer: Tokenizer | None) -> str:
    """Add a token to a row; say why the row ends with it, or nothing."""
    if token in eos_ids:
        return "end"
    row.append(token)
    if stop and tokenizer is not None:
        # A stop text spans at most as many tokens as it has bytes.
        longest = max(len(text.encode()) for text in stop)
        tail = tokenizer.decode(row[-longest - 1 :])
        if any(text in tail for text in stop):
            return "stop"
    return ""


def _cut(text: str, stop: Sequence[str]) -> str:
    places = [text.find(mark) for mark in stop if mark in text]
    return text[: min(places)] if places else text


def _pad_left(prompts: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and mask, both `(B, longest)`."""
    longest = max(len(prompt) for prompt in prompts)
    tokens = torch.full((len(prompts), longest), pad)
    mask = torch.zeros(len(prompts), longest, dtype=torch.long)
    for row, prompt in enumerate(prompts):
        tokens[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask[row, longest - len(prompt) :] = 1
    return tokens.to(device), mask.to(device)


def _check(
    config: ModelConfig, prompts: Sequence[Sequence[int]], sampling: Sampling, tokenizer: Tokenizer | None
) -> None:
    if not prompts:
        raise InputError("no prompt was given")
    if sampling.stop and tokenizer is None:
        raise InputError("stop texts need a tokenizer", hint="pass tokenizer=")
    endless = config.window and not config.global_tokens  # only near distances ever occur
    for number, prompt in enumerate(prompts, start=1):
        if not len(prompt):
            raise InputError(f"prompt {number} is empty", hint="give at least one token")
        if strange := [token for token in prompt if not 0 <= token < config.vocab_size]:
            raise InputError(
                f"prompt {number} holds token {strange[0]}, the vocabulary ends at {config.vocab_size - 1}",
                hint="use the tokenizer that lies beside the checkpoint",
            )
        needed = len(prompt) + sampling.max_new_tokens
        if needed > config.max_positions and not endless:
            raise InputError(
                f"prompt {number} has {len(prompt)} tokens and {sampling.max_new_tokens} more were asked for, "
                f"but the context holds {config.max_positions}",
                hint="shorten the prompt or lower max_new_tokens",
            )
