"""Refusals as JSON: a line for people, and a code for programs that stays as it is, whatever the line says."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse

__all__ = ["CODES", "refusal"]

CODES: Mapping[int, str] = {
    400: "invalid",
    401: "login_needed",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "not_supported",
    422: "invalid_parameter",
    429: "try_later",
    500: "failed",
    503: "unavailable",
    507: "disk_full",
}


def refusal(status: int, text: str, *, headers: Mapping[str, str] | None = None, **about: str) -> JSONResponse:
    """Return `{"error": text, "code": ..., ...}`.

    Args:
        about: more for programs, such as `reference`; what is empty is left out.
    """
    told = {"error": text, "code": CODES.get(status, "failed")} | {
        name: value for name, value in about.items() if value
    }
    return JSONResponse(told, status, headers=headers)
