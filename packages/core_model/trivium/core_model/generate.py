"""Continue texts: greedy or sampled, many at once, until an end token, a stop string or a number of tokens.

    texts = generate_text(decoder, tokenizer, ["Once upon"], Sampling(max_new_tokens=40, temperature=0.8))
    for piece in stream_text(decoder, tokenizer, "Once upon"): print(piece, end="", flush=True)

Rows of unequal length are padded on the left; padding changes no row's result beyond rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from trivium.core_model.config import ModelConfig
from trivium.core_model.decoder import Decoder
from trivium.core_model.layers.cache import new_cache
from trivium.service.errors import InputError

if TYPE_CHECKING:
    from trivium.core_model.tokenizer import Tokenizer

__all__ = [
    "Continuation",
    "Sampling",
    "check_request",
    "cut_at_stop",
    "filter_logits",
    "generate",
    "generate_text",
    "penalize",
    "stream_text",
    "take_token",
]

_HALF_CHARACTER = "\ufffd"  # what bytes that are no whole character decode to


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
    min_p: float = 0.0
    """Draw among those at least this share as likely as the likeliest (arXiv 2407.01082)."""
    repetition: float = 1.0
    """Logits of tokens that occurred, in the prompt too, are divided by it, negative ones multiplied (arXiv
    1909.05858); 1 for no change."""
    stop: tuple[str, ...] = ()
    """Texts that end a continuation and are cut off; they need a tokenizer."""
    seed: int = 0
    """The same seed and the same batch give the same draws."""

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise InputError(f"max_new_tokens is {self.max_new_tokens}", hint="use 1 or more")
        if not 0 <= self.temperature < math.inf:
            raise InputError(f"temperature is {self.temperature}", hint="use 0 for greedy, or more")
        if self.top_k < 0:
            raise InputError(f"top_k is {self.top_k}", hint="use 0 for all, or more")
        if not 0 < self.top_p <= 1:
            raise InputError(f"top_p is {self.top_p}", hint="use more than 0 and at most 1")
        if not 0 <= self.min_p < 1:
            raise InputError(f"min_p is {self.min_p}", hint="use 0 for all, or less than 1")
        if not 0 < self.repetition < math.inf:
            raise InputError(f"repetition is {self.repetition}", hint="use 1 for no change, or more")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"seed is {self.seed}", hint="use a whole number from 0 to 2^63 - 1")
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


def generate(
    decoder: Decoder,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling | None = None,
    *,
    tokenizer: Tokenizer | None = None,
    embed: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> list[Continuation]:
    """Continue prompts given as token ids.

    Args:
        decoder: the model; `config.eos_ids` end a row.
        prompts: one list of ids per row, none empty.
        sampling: how to pick; None for 128 greedy tokens.
        tokenizer: needed for stop texts only.
        embed: turns prompts `(B, T)` into inputs `(B, T, D)`, such as `MultimodalDecoder.embed` with its items; None
            for the model's own embedding.

    Raises:
        InputError: if there is no prompt, one is empty or out of the vocabulary, prompt and continuation do not fit
            the context, or stop texts come without a tokenizer.
    """
    sampling = sampling or Sampling()
    if sampling.stop and tokenizer is None:
        raise InputError("stop texts need a tokenizer", hint="pass tokenizer=")
    rows: list[list[int]] = [[] for _ in prompts]
    finish = [""] * len(prompts)
    for picked in _tokens(decoder, prompts, sampling, embed):
        for row, token in enumerate(picked):
            if not finish[row]:
                finish[row] = take_token(rows[row], token, decoder.config.eos_ids, sampling.stop, tokenizer)
        if all(finish):
            break
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
    return [cut_at_stop(text, sampling.stop) for text in texts]


def stream_text(
    decoder: Decoder,
    tokenizer: Tokenizer,
    prompt: str | Sequence[int],
    sampling: Sampling | None = None,
    *,
    embed: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> Iterator[str]:
    """Continue one prompt and give the text piece by piece, as soon as it is certain.

    Pieces join to what `generate_text` gives: half a character waits for its other half, and what may be the
    beginning of a stop text waits until it is known not to be.

    Args:
        decoder: the model.
        tokenizer: of the model.
        prompt: text, or the ids of one.
        sampling: how to pick; None for 128 greedy tokens.
        embed: as in `generate`.

    Raises:
        InputError: as `generate`.
    """
    sampling = sampling or Sampling()
    ids = tokenizer.encode(prompt) if isinstance(prompt, str) else prompt
    row: list[int] = []
    given, text = 0, ""
    for (token,) in _tokens(decoder, [ids], sampling, embed):
        if token in decoder.config.eos_ids:
            break
        row.append(token)
        text = tokenizer.decode(row)
        if any(mark in text for mark in sampling.stop):
            break
        certain = max(given, len(text) - _uncertain(text, sampling.stop))
        if certain > given:
            yield text[given:certain]
            given = certain
    if rest := cut_at_stop(text, sampling.stop)[given:]:
        yield rest


def filter_logits(logits: torch.Tensor, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0) -> torch.Tensor:
    """Set all but the likeliest logits of each row to minus infinity.

    Args:
        logits: (B, V), already divided by the temperature.
        top_k: keep so many; 0 for all.
        top_p: keep the fewest that reach this probability; the likeliest always stays.
        min_p: keep those with at least this share of the likeliest's probability.
    """
    if 0 < top_k < logits.shape[-1]:
        least = logits.topk(top_k, dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < least, float("-inf"))
    if top_p < 1:
        ordered, order = logits.sort(dim=-1, descending=True)
        shares = ordered.softmax(dim=-1)
        late = shares.cumsum(dim=-1) - shares >= top_p
        logits = logits.masked_fill(late.scatter(-1, order, late), float("-inf"))
    if min_p:
        logits = logits.masked_fill(logits < logits.amax(dim=-1, keepdim=True) + math.log(min_p), float("-inf"))
    return logits


def penalize(logits: torch.Tensor, seen: torch.Tensor, penalty: float | torch.Tensor) -> torch.Tensor:
    """Make tokens that occurred less likely.

    Args:
        logits: (B, V).
        seen: (B, V) bool.
        penalty: divides positive logits of seen tokens and multiplies negative ones; a number, or one of each row
            `(B, 1)`.
    """
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


@torch.inference_mode()
def _tokens(
    decoder: Decoder,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    embed: Callable[[torch.Tensor], torch.Tensor] | None,
) -> Iterator[list[int]]:
    """Yield the next token of every row, step by step; rows that have ended go on until the caller stops."""
    check_request(decoder.config, prompts, sampling)
    device = decoder.embedding.weight.device
    generator = torch.Generator(device).manual_seed(sampling.seed)
    tokens, mask = _pad_left(prompts, decoder.config.pad_id or 0, device)
    seen = torch.zeros(len(prompts), decoder.config.vocab_size, dtype=torch.bool, device=device)
    if sampling.repetition != 1:
        for row, prompt in enumerate(prompts):
            seen[row, list(prompt)] = True
    cache = new_cache(decoder.config)
    settings = {"attention_mask": mask if bool((mask == 0).any()) else None, "cache": cache, "keep_logits": 1}
    inputs = {"input_ids": tokens} if embed is None else {"inputs_embeds": embed(tokens)}
    logits = decoder(**inputs, **settings).logits[:, -1]
    for step in range(sampling.max_new_tokens):
        picked = _pick(penalize(logits, seen, sampling.repetition), sampling, generator)
        yield picked.tolist()
        if step + 1 < sampling.max_new_tokens:
            seen.scatter_(1, picked[:, None], value=True)
            logits = decoder(picked[:, None], cache=cache).logits[:, -1]


def _pick(logits: torch.Tensor, sampling: Sampling, generator: torch.Generator) -> torch.Tensor:
    """Return one token per row, `(B,)`."""
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    kept = filter_logits(logits.float() / sampling.temperature, sampling.top_k, sampling.top_p, sampling.min_p)
    return torch.multinomial(kept.softmax(dim=-1), 1, generator=generator)[:, 0]


def take_token(
    row: list[int], token: int, eos_ids: Sequence[int], stop: Sequence[str], tokenizer: Tokenizer | None
) -> str:
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


def cut_at_stop(text: str, stop: Sequence[str]) -> str:
    """Return the text before the first of the stop texts in it."""
    places = [text.find(mark) for mark in stop if mark in text]
    return text[: min(places)] if places else text


def _uncertain(text: str, stop: Sequence[str]) -> int:
    """Return how many characters at the end may still change or become a stop text."""
    half = len(text) - len(text.rstrip(_HALF_CHARACTER))
    ends = (size for mark in stop for size in range(1, len(mark)) if text.endswith(mark[:size]))
    return max(half, max(ends, default=0))


def _pad_left(prompts: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and mask, both `(B, longest)`."""
    longest = max(len(prompt) for prompt in prompts)
    tokens = torch.full((len(prompts), longest), pad)
    mask = torch.zeros(len(prompts), longest, dtype=torch.long)
    for row, prompt in enumerate(prompts):
        tokens[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask[row, longest - len(prompt) :] = 1
    return tokens.to(device), mask.to(device)


def check_request(config: ModelConfig, prompts: Sequence[Sequence[int]], sampling: Sampling) -> None:
    """Refuse prompts that cannot be continued.

    Raises:
        InputError: see `generate`.
    """
    if not prompts:
        raise InputError("no prompt was given")
    for number, prompt in enumerate(prompts, start=1):
        if not len(prompt):
            raise InputError(f"prompt {number} is empty", hint="give at least one token")
        if strange := [token for token in prompt if not 0 <= token < config.vocab_size]:
            raise InputError(
                f"prompt {number} holds token {strange[0]}, the vocabulary ends at {config.vocab_size - 1}",
                hint="use the tokenizer that lies beside the checkpoint",
            )
        needed = len(prompt) + sampling.max_new_tokens
        if needed > config.max_positions and not config.is_endless:
            raise InputError(
                f"prompt {number} has {len(prompt)} tokens and {sampling.max_new_tokens} more were asked for, "
                f"but the context holds {config.max_positions}",
                hint="shorten the prompt or lower max_new_tokens",
            )
