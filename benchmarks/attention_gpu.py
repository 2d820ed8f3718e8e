"""Attention within a window plus a prefix that all see, beside causal attention of the same length, on one GPU, bf16.

One sequence, 16 heads of 128; window 512 and 64 memory slots; `core_model.layers.attention.attend` as the model calls
it, without gradients and with a backward pass, against torch's causal attention (FlashAttention) in the same process.
The floor is the share of scores that anybody looks at.
Run: `python benchmarks/attention_gpu.py --seed 1`; `--small` is for trying the script on a CPU.
"""

from __future__ import annotations

import sys

import torch
from gpu_clock import median_ms
from setting import arguments, setting
from torch.nn import functional as F

from trivium.core_model.layers.attention import attend, attend_plain
from trivium.core_model.layers.visibility import Visibility

WINDOW, SLOTS = 512, 64
TARGET = 8.0


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--lengths", default="2048,8192,32768")
    parser.add_argument("--small", action="store_true", help="one short sequence, float32, on the CPU")
    options = parser.parse_args()
    device, dtype = ("cpu", torch.float32) if options.small else ("cuda", torch.bfloat16)
    name = "CPU" if options.small else torch.cuda.get_device_name()
    print(setting(("torch", "triton"), options.seed) + f", {name}")
    torch.manual_seed(options.seed)
    lengths = (600,) if options.small else tuple(map(int, options.lengths.split(",")))
    ratio = [_compare(length, device, dtype) for length in lengths][-1]
    print(f"  relative error against the formula in float64, 600 tokens: {_error(device, dtype):.1e}")
    print(
        f"{'PASS' if ratio >= TARGET else 'FAIL'}: {ratio:.1f} x causal attention at the longest (target {TARGET:.0f})"
    )
    return 0 if ratio >= TARGET else 1


def _compare(length: int, device: str, dtype: torch.dtype) -> float:
    """Print the times of one length; return how many times as long causal attention takes, without gradients."""
    query, key, value = _draw(length, 16, device, dtype)
    rule = _rule(length, device)

    def windowed() -> torch.Tensor:
        return attend(query, key, value, rule, 128**-0.5)

    def causal() -> torch.Tensor:
        return F.scaled_dot_product_attention(query, key[:, :, SLOTS:], value[:, :, SLOTS:], is_causal=True)

    with torch.no_grad():
        fast, slow = median_ms(windowed), median_ms(causal)
    leaves = [tensor.requires_grad_() for tensor in (query, key, value)]
    fast_both, slow_both = (
        median_ms(lambda form=form: torch.autograd.grad(form().sum(), leaves)) for form in (windowed, causal)
    )
    fewer = length / 2 / (WINDOW + SLOTS)
    print(
        f"  {length:6,} tokens: window + prefix {fast:.3f} ms, causal {slow:.3f} ms: {slow / fast:.1f} x "
        f"({fewer:.1f} x fewer scores); with backward {fast_both:.2f} and {slow_both:.2f} ms: "
        f"{slow_both / fast_both:.1f} x",
        flush=True,
    )
    return slow / fast


def _error(device: str, dtype: torch.dtype) -> float:
    query, key, value = _draw(600, 2, device, dtype)
    with torch.no_grad():
        found = attend(query, key, value, _rule(600, device), 128**-0.5).double()
    truth = attend_plain(query.double(), key.double(), value.double(), _rule(600, device), 128**-0.5)
    return float((found - truth).norm() / truth.norm())


def _draw(length: int, heads: int, device: str, dtype: torch.dtype) -> list[torch.Tensor]:
    """Return query, key and value; the last two begin with the memory slots."""
    return [torch.randn(1, heads, length + extra, 128, device=device, dtype=dtype) for extra in (0, SLOTS, SLOTS)]


def _rule(length: int, device: str) -> Visibility:
    positions = torch.arange(length, device=device)[None]
    return Visibility(positions, positions, WINDOW, 0, SLOTS)


if __name__ == "__main__":
    sys.exit(main())
