"""Continue many texts by continuous batching; each is given as soon as it has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trivium.core_model.decoder import Decoder
from trivium.core_model.generate import Sampling, check_request, cut_at_stop
from trivium.core_model.serve.engine import Engine, EngineConfig
from trivium.core_model.tokenizer import Tokenizer

__all__ = ["EndedText", "continue_texts"]


@dataclass(frozen=True)
class EndedText:
    """What follows one prompt.

    Args:
        number: which prompt, from 0.
        text: the continuation, its stop text cut off.
        finish: `end`, `stop` or `length`.
    """

    number: int
    text: str
    finish: str


def continue_texts(
    decoder: Decoder,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    sampling: Sampling | None = None,
    config: EngineConfig | None = None,
) -> Iterator[EndedText]:
    """Continue prompts; the order is that in which they end.

    Args:
        decoder: the model.
        tokenizer: of the model.
        prompts: any number of them.
        sampling: of all; None for 128 greedy tokens.
        config: how much at once; None for what these prompts need, within the engine's usual limits.

    Raises:
        InputError: as `Engine.submit`, before anything is continued.
    """
    sampling = sampling or Sampling()
    ids = [tokenizer.encode(prompt) for prompt in prompts]
    check_request(decoder.config, ids, sampling)
    engine = Engine(
        decoder, config or _fitting([len(row) + sampling.max_new_tokens for row in ids]), tokenizer=tokenizer
    )
    numbers = {engine.submit(row, sampling): number for number, row in enumerate(ids)}
    tokens: dict[int, list[int]] = {request: [] for request in numbers}
    while engine.busy:
        for event in engine.step():
            if event.token is not None:
                tokens[event.request].append(event.token)
            if event.finish:
                text = tokenizer.decode(tokens.pop(event.request))
                yield EndedText(numbers[event.request], cut_at_stop(text, sampling.stop), event.finish)


def _fitting(lengths: list[int]) -> EngineConfig:
    """Return the usual limits, with no more rows and pages than texts of these numbers of tokens can ever fill."""
    usual = EngineConfig()
    pages = sorted((-(-length // usual.page_size) for length in lengths), reverse=True)
    rows = min(usual.max_rows, len(lengths))
    return EngineConfig(max_rows=rows, num_pages=max(min(usual.num_pages, sum(pages[:rows])), pages[0]))
