"""One trace from a click to its task: request, job, message, task, stages. Off unless `TRIVIUM_TRACES_URL` is set.

Needs the extra `otel` (OpenTelemetry). A message carries W3C trace context in its headers, which is two ids and a flag;
spans carry ids, names of ours and times, never a person, a file name or a value. Off, each call costs one comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from trivium.service.errors import InputError

__all__ = ["NOTHING", "TRACEPARENT", "begin", "configure", "headers", "span", "stop", "take_up"]

TRACEPARENT = "traceparent"
"""Name of the header that carries the trace (https://www.w3.org/TR/trace-context/)."""

_provider: Any = None  # of this process, as the root logger is


def configure(url: str, *, exporter: Any = None) -> None:
    """Send the spans of this process to an OTLP collector; without a URL and an exporter, trace nothing.

    Call it once, in the process that serves, before it forks children: each sends its own.

    Args:
        url: as of `http://127.0.0.1:4318/v1/traces`.
        exporter: takes the spans in place of a collector, one by one.

    Raises:
        InputError: if the extra is not installed.
    """
    global _provider
    if not url and exporter is None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    except ModuleNotFoundError as error:
        hint = "pip install 'trivium[otel]'"
        raise InputError(f"needs the module {error.name}", where="TRIVIUM_TRACES_URL", hint=hint) from error
    _provider = TracerProvider(resource=Resource({"service.name": "trivium"}))
    # `exporter` is for tests, which read at once; a server must not wait for a collector
    at_once = SimpleSpanProcessor(exporter) if exporter is not None else None
    _provider.add_span_processor(at_once or BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))


def stop() -> None:
    """Send what is left and trace nothing from now on."""
    global _provider
    if _provider is not None:
        _provider.shutdown()
        _provider = None


@contextmanager
def span(name: str, attributes: Mapping[str, str | int]) -> Iterator[Any]:
    """Trace a block; what is begun inside belongs to it. Yields the span, or None when tracing is off.

    Of an error that ends the block the span has the kind alone: its text may name a person or a file.
    """
    if _provider is None:
        yield None
        return
    from opentelemetry.trace import StatusCode

    tracer = _provider.get_tracer("trivium")
    quiet = {"record_exception": False, "set_status_on_exception": False}
    with tracer.start_as_current_span(name, attributes=dict(attributes), **quiet) as opened:
        try:
            yield opened
        except BaseException as error:
            opened.set_attribute("error.type", type(error).__name__)
            opened.set_status(StatusCode.ERROR)
            raise


def begin(name: str) -> Callable[[], None]:
    """Begin a span within the current one, and return what ends it; nothing that follows belongs to it."""
    if _provider is None:
        return NOTHING
    ended: Callable[[], None] = _provider.get_tracer("trivium").start_span(name).end
    return ended


def headers() -> dict[str, str]:
    """Return the current trace as headers of a message; empty when there is none."""
    carrier: dict[str, str] = {}
    if _provider is not None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(carrier)
    return {name: value for name, value in carrier.items() if name == TRACEPARENT}


def take_up(carrier: Mapping[str, Any]) -> None:
    """Go on with the trace of a message's headers in this context, or with none."""
    if _provider is None:
        return
    from opentelemetry import context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    known = {TRACEPARENT: str(carrier[TRACEPARENT])} if carrier.get(TRACEPARENT) else {}
    context.attach(TraceContextTextMapPropagator().extract(known, context.Context()))


def _nothing() -> None:
    pass


NOTHING: Callable[[], None] = _nothing
"""What ends no span."""
