"""Continuous batching: requests join and leave the rows that decode together between any two steps (Orca, OSDI 2022).

    engine = Engine(decoder)
    ids = [engine.submit(prompt, Sampling(max_new_tokens=64)) for prompt in prompts]
    while engine.busy:
        for event in engine.step(): ...

A request waits until a row and all pages that it may ever need are free, so none is ever thrown out half-way. The
host reads tokens one step behind the device, which never waits for it; a row that ended by its text has then computed
one token for nobody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from trivium.core_model.decoder import Decoder
from trivium.core_model.generate import Continuation, Sampling, check_request, take_token
from trivium.core_model.layers.paged import PagePool
from trivium.core_model.serve.rows import Rows
from trivium.service.errors import InputError

if TYPE_CHECKING:
    from trivium.core_model.tokenizer import Tokenizer

__all__ = ["Engine", "EngineConfig", "Event"]


@dataclass(frozen=True)
class EngineConfig:
    """How much an engine holds at once.

    Raises:
        InputError: if a number is out of range.
    """

    max_rows: int = 64
    """Requests that decode together."""
    num_pages: int = 2048
    """Pages of the caches of all rows; their memory is taken at once."""
    page_size: int = 64
    """Tokens of a page; a power of two, 16 at least."""
    prefill_tokens: int = 8192
    """Prompts are read in groups of at most so many tokens, padding included, or one prompt."""
    graphs: bool | None = None
    """Capture decoding steps as CUDA graphs; None for yes on a GPU."""

    def __post_init__(self) -> None:
        if self.page_size < 16 or self.page_size.bit_count() != 1:
            raise InputError(f"page_size is {self.page_size}", hint="use a power of two, 16 at least")
        for name in ("max_rows", "num_pages", "prefill_tokens"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}", hint="use 1 or more")


@dataclass(frozen=True)
class Event:
    """What a step brought for one request: a token, an end, or both.

    Args:
        request: as `submit` named it.
        token: the new token; None where only the end came.
        finish: `end`, `stop` or `length`; empty while it goes on.
    """

    request: int
    token: int | None
    finish: str


@dataclass
class _Request:
    number: int
    prompt: Sequence[int]
    sampling: Sampling
    row: int = -1
    pages: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    asked: int = 0  # tokens that the device has been asked for
    finish: str = ""


@dataclass(frozen=True)
class _Reading:
    """Tokens on their way to the host, and the place of each request's among them."""

    values: torch.Tensor
    requests: list[tuple[int, _Request]]
    ready: torch.cuda.Event | None


class Engine:
    """Serve requests on one model.

    Args:
        decoder: the model; it is put in evaluation mode.
        config: how much at once.
        tokenizer: needed for stop texts only.
    """

    def __init__(
        self, decoder: Decoder, config: EngineConfig | None = None, *, tokenizer: Tokenizer | None = None
    ) -> None:
        self.config = config = config or EngineConfig()
        self.decoder, self.tokenizer = decoder.eval(), tokenizer
        weight = decoder.embedding.weight
        pages_per_row = config.num_pages
        if not decoder.config.is_endless:
            pages_per_row = min(-(-decoder.config.max_positions // config.page_size), pages_per_row)
        self.pool = PagePool(decoder.config, config.num_pages + 1, config.page_size, weight.dtype, weight.device)
        graphs = weight.is_cuda if config.graphs is None else config.graphs
        self._rows = Rows(decoder, self.pool, config.max_rows, pages_per_row, graphs=graphs)
        self._free_pages = list(range(config.num_pages, 0, -1))
        self._active: dict[int, _Request] = {}
        self._waiting: deque[_Request] = deque()
        self._readings: deque[_Reading] = deque()
        self._submitted = 0

    @property
    def busy(self) -> bool:
        """Say whether any request waits, decodes or has tokens on their way."""
        return bool(self._waiting or self._active or self._readings)

    def submit(self, prompt: Sequence[int], sampling: Sampling | None = None) -> int:
        """Queue a prompt of token ids; return the number under which its events come.

        Raises:
            InputError: as `generate.generate`, or if the request is larger than all pages together.
        """
        sampling = sampling or Sampling()
        if sampling.stop and self.tokenizer is None:
            raise InputError("stop texts need a tokenizer", hint="pass tokenizer=")
        check_request(self.decoder.config, [prompt], sampling)
        if (needed := self._pages_for(prompt, sampling)) > self._rows.tables.shape[1]:
            raise InputError(
                f"a prompt of {len(prompt)} tokens and {sampling.max_new_tokens} more need {needed} pages of "
                f"{self.config.page_size}, but a row has {self._rows.tables.shape[1]}",
                hint="shorten the prompt, lower max_new_tokens or raise num_pages",
            )
        self._submitted += 1
        self._waiting.append(_Request(self._submitted, list(prompt), sampling))
        return self._submitted

    @torch.inference_mode()
    def step(self) -> list[Event]:
        """Let waiting requests in, move all rows one token on, and return what earlier steps brought."""
        self._admit()
        if self._active:
            self._decode()
        behind = 1 if self._active or self._waiting else 0
        events: list[Event] = []
        while len(self._readings) > behind:
            events.extend(self._read(self._readings.popleft()))
        return events

    def run(self, prompts: Sequence[Sequence[int]], sampling: Sampling | None = None) -> list[Continuation]:
        """Continue prompts to their ends, in their order."""
        rows: dict[int, list[int]] = {self.submit(prompt, sampling): [] for prompt in prompts}
        finish: dict[int, str] = {}
        while self.busy:
            for event in self.step():
                if event.token is not None:
                    rows[event.request].append(event.token)
                if event.finish:
                    finish[event.request] = event.finish
        return [Continuation(tuple(tokens), finish[number]) for number, tokens in rows.items()]

    def _admit(self) -> None:
        """Give waiting requests rows and pages, first come first served, and read their prompts in groups."""
        admitted: list[_Request] = []
        free_rows = [row for row in range(self.config.max_rows) if row not in self._active]
        while self._waiting and free_rows:
            needed = self._pages_for(self._waiting[0].prompt, self._waiting[0].sampling)
            if needed > len(self._free_pages):
                break
            request = self._waiting.popleft()
            request.row = free_rows.pop(0)
            request.pages = [self._free_pages.pop() for _ in range(needed)]
            self._active[request.row] = request
            admitted.append(request)
        admitted.sort(key=lambda request: len(request.prompt))
        for group in _groups(admitted, self.config.prefill_tokens):
            picked = self._rows.begin(
                [request.row for request in group],
                [request.prompt for request in group],
                [request.pages for request in group],
                [request.sampling for request in group],
            )
            self._expect(picked, list(enumerate(group)))

    def _decode(self) -> None:
        count = max(self._active) + 1
        requests = list(self._active.values())
        greedy = all(request.sampling.temperature == 0 and request.sampling.repetition == 1 for request in requests)
        held = max(len(request.prompt) + request.asked for request in requests)  # with the token that comes in
        picked = self._rows.step(count, greedy=greedy, pages=-(-held // self.config.page_size))
        self._expect(picked, [(request.row, request) for request in requests])

    def _expect(self, values: torch.Tensor, requests: list[tuple[int, _Request]]) -> None:
        """Send tokens to the host, and let go of requests that have asked for all of theirs."""
        ready = None
        here = torch.empty(values.shape, dtype=values.dtype, pin_memory=values.is_cuda)
        here.copy_(values, non_blocking=True)
        if values.is_cuda:
            ready = torch.cuda.Event()
            ready.record()
        self._readings.append(_Reading(here, requests, ready))
        for _, request in requests:
            request.asked += 1
            if request.asked == request.sampling.max_new_tokens:
                self._release(request)

    def _read(self, reading: _Reading) -> list[Event]:
        if reading.ready is not None:
            reading.ready.synchronize()
        events = []
        tokens = reading.values.tolist()
        for place, request in reading.requests:
            if request.finish:
                continue
            token = tokens[place]
            stop = request.sampling.stop
            held = len(request.tokens)
            finish = take_token(request.tokens, token, self.decoder.config.eos_ids, stop, self.tokenizer)
            if not finish and len(request.tokens) == request.sampling.max_new_tokens:
                finish = "length"
            request.finish = finish
            if finish and self._active.get(request.row) is request:
                self._release(request)
            events.append(Event(request.number, token if len(request.tokens) > held else None, finish))
        return events

    def _release(self, request: _Request) -> None:
        del self._active[request.row]
        self._free_pages.extend(request.pages)
        self._rows.end(request.row)

    def _pages_for(self, prompt: Sequence[int], sampling: Sampling) -> int:
        return -(-(len(prompt) + sampling.max_new_tokens) // self.config.page_size)


def _groups(requests: list[_Request], most_tokens: int) -> list[list[_Request]]:
    """Cut requests, shortest prompt first, into groups of so many tokens with their padding."""
    groups: list[list[_Request]] = []
    for request in requests:
        if groups and (len(groups[-1]) + 1) * len(request.prompt) <= most_tokens:
            groups[-1].append(request)
        else:
            groups.append([request])
    return groups
