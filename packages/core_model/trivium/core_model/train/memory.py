"""Memory that a run on the CPU frees and asks for again in each step, kept by the process in between."""

from __future__ import annotations

import ctypes

__all__ = ["keep_freed_memory"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
_NEVER = -1
_LARGEST_KEPT = 1 << 30


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, up to 1 GiB a piece; call it before a run, and say whether it is so.

    glibc gives large pieces back to the system when they are freed. Gradients and activations come and go in each
    step, and the system clears every page of them again: a third of a small model's CPU time. The price is that the
    process stays as large as it was at its largest, and some holes between the pieces. No number changes. Nothing
    happens where the C library is another one.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS, Windows
        return False
    return bool(set_option(_M_TRIM_THRESHOLD, _NEVER)) and bool(set_option(_M_MMAP_THRESHOLD, _LARGEST_KEPT))
