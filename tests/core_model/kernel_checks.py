"""Checks of the kernels against their plain twins; each returns the largest difference, relative to the largest value.

`python tests/core_model/kernel_checks.py` prints them as JSON. Without a GPU set `TRITON_INTERPRET=1` before Triton is
first imported, which is why `test_kernels.py` runs this file in a process of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch
from small import small_config  # beside this file, where a script looks first
from torch.nn import functional as F

from trivium.core_model.decoder import new_decoder
from trivium.core_model.kernels.by_expert import down_by_expert, gated_by_expert
from trivium.core_model.kernels.ends import pick, pick_plain, take_in, take_in_plain
from trivium.core_model.kernels.experts import fused_experts
from trivium.core_model.kernels.linear import few_linear, few_linear_plain
from trivium.core_model.kernels.loss import token_losses, token_losses_plain
from trivium.core_model.kernels.normed_route import normed_route, normed_route_plain
from trivium.core_model.kernels.normed_sum import normed_sum, normed_sum_plain
from trivium.core_model.kernels.paged import paged_attention, paged_attention_plain
from trivium.core_model.kernels.products import (
    Tile,
    down_product,
    down_product_plain,
    gated_product,
    gated_product_plain,
)
from trivium.core_model.kernels.route import route, route_plain
from trivium.core_model.kernels.rows import gather_rows, gather_rows_plain, sum_rows, sum_rows_plain
from trivium.core_model.kernels.slots import SortedSlots, sort_slots, sort_slots_plain
from trivium.core_model.kernels.swiglu import weighted_swiglu_backward, weighted_swiglu_plain
from trivium.core_model.layers import attention
from trivium.core_model.layers.paged import PagePool
from trivium.core_model.moe import experts, router
from trivium.core_model.serve.chain import Chain
from trivium.core_model.serve.rows import Rows

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def draw(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE)


def choices(tokens: int, slots: int, experts: int, seed: int) -> torch.Tensor:
    """Draw experts; the third serves nobody, and one slot in E + 1 is served by nobody."""
    ids_TK = torch.randint(0, experts + 1, (tokens, slots), generator=torch.Generator().manual_seed(seed))
    return ids_TK.where(ids_TK != 2, 1).to(DEVICE)


def distance(found: Sequence[torch.Tensor], truth: Sequence[torch.Tensor]) -> float:
    pairs = [(one.detach(), two.detach()) for one, two in zip(found, truth, strict=True)]
    return max(float((one - two).abs().max() / two.abs().max().clamp(min=1e-30)) for one, two in pairs)


def served(x_RD: torch.Tensor, order: SortedSlots) -> torch.Tensor:
    return x_RD[: int(order.ends[-1])]


def sorting(tokens: int, slots: int, experts: int) -> float:
    ids_TK = choices(tokens, slots, experts, seed=0)
    pairs = zip(vars_of(sort_slots(ids_TK, experts)), vars_of(sort_slots_plain(ids_TK, experts)), strict=True)
    return 0.0 if all(torch.equal(one, two) for one, two in pairs) else 1.0


def vars_of(order: SortedSlots) -> tuple[torch.Tensor, ...]:
    return order.slot_of_row, order.row_of_slot, order.ends


def copying() -> float:
    order = sort_slots_plain(choices(37, 3, 5, seed=1), 5)
    x_TD, out_RD = draw(37, 1100, seed=2), draw(111, 1100, seed=3)
    out_RD[int(order.ends[-1]) :] = torch.nan  # what a grouped product leaves there
    found = gather_rows(x_TD, order), sum_rows(out_RD, order, 37)
    return distance(found, (gather_rows_plain(x_TD, order), sum_rows_plain(out_RD, order, 37)))


def activation() -> float:
    order = sort_slots_plain(choices(37, 3, 5, seed=4), 5)
    gate_up, weights = draw(111, 2 * 1100, seed=5).requires_grad_(), draw(111, seed=6).requires_grad_()
    upstream = draw(111, 1100, seed=7)
    truth = weighted_swiglu_plain(gate_up, weights, order)
    real = torch.arange(111, device=DEVICE) < order.ends[-1]
    truths = torch.autograd.grad((truth * upstream * real[:, None]).sum(), (gate_up, weights))
    with torch.no_grad():
        dgate_up, dweights, again = weighted_swiglu_backward(upstream, gate_up, weights, order)
    # Rows that no expert serves are zero.
    return distance((dgate_up, dweights, again), (*truths, truth * real[:, None]))


def products() -> float:
    order = sort_slots_plain(choices(37, 3, 5, seed=14), 5)
    x, weights = draw(37, 40, seed=15), draw(111, seed=16)
    gate_up, down = draw(5, 2 * 48, 40, seed=17), draw(5, 40, 48, seed=18)
    truth = gated_product_plain(x, gate_up, weights, order)
    truths = (*truth, down_product_plain(truth[0], down, order))
    largest = 0.0
    for tile in (Tile(rows=16, columns=32, inner=16, warps=4, stages=2), None):  # edges inside tiles, and beyond them
        h, kept = gated_product(x, gate_up, weights, order, keep=True, tile=tile)
        found = (h, kept, down_product(h, down, order, tile))
        largest = max(largest, distance([served(value, order) for value in found], truths))
    return largest


def wide_products() -> float:
    """Rows enough for the widest tiles, and an expert without any."""
    order = sort_slots_plain(choices(260, 2, 4, seed=46), 4)
    x, weights = draw(260, 64, seed=47).to(types()[0]), draw(520, seed=48)
    gate_up = draw(4, 2 * 136, 64, seed=49).to(types()[0])
    found = gated_product(x, gate_up, weights, order, keep=True)
    truth = gated_product_plain(x, gate_up, weights, order)
    return distance(
        [served(value, order).float() for value in found if value is not None], [value.float() for value in truth]
    )


def few_rows() -> float:
    """Rows few enough for programs that hold their weights, and more; outputs and widths that fill no whole tile."""
    weight, factor = (draw(*shape, seed=51 + len(shape)).to(types()[0]) for shape in ((30, 300), (300,)))
    largest = 0.0
    for rows in (3, 21):
        x, add = draw(rows, 300, seed=50).to(types()[0]), draw(rows, 30, seed=54).to(types()[0])
        for rest in ({}, {"norm": (factor, 1e-5), "add": add} if rows == 3 else {"add": add}):
            found, truth = few_linear(x, weight, **rest), few_linear_plain(x, weight, **rest)
            largest = max(largest, distance([found.float()], [truth.float()]))
    return largest


def routing_of_few() -> float:
    x, weight = draw(5, 200, seed=55).to(types()[0]), draw(9, 200, seed=56).to(types()[0]) / 8
    norm, largest = (draw(200, seed=57).to(types()[0]), 1e-5), 0.0
    for normalize in (True, False):
        found, truth = (form(x, norm, weight, 4, normalize, 2.5) for form in (normed_route, normed_route_plain))
        largest = max(largest, distance([value.float() for value in found], [value.float() for value in truth]))
    return largest


def summing_of_few() -> float:
    order = sort_slots_plain(choices(7, 3, 5, seed=64), 5)
    out, add, factor = draw(21, 200, seed=65), draw(7, 200, seed=66), draw(200, seed=67)
    out[int(order.ends[-1]) :] = torch.nan
    given = (out.to(types()[0]), order, add.to(types()[0]), (factor.to(types()[0]), 1e-5))
    found, truth = ([value.float() for value in form(*given)] for form in (normed_sum, normed_sum_plain))
    return distance(found, truth)


def both_ends() -> float:
    """Embedding and positions of two rows; the likeliest of logits among which are equal ones."""
    logits = draw(3, 9000, seed=58).to(types()[0])
    logits[0, [41, 8500]], logits[1, 8999] = 9.0, 9.0
    given = [torch.tensor(value, device=DEVICE) for value in ([5, 2, 2], [3, 0, 7], [1, 0, 1])]
    tables = draw(12, 300, seed=59), (draw(9, 6, seed=60), draw(9, 6, seed=61))
    largest = distance(take_in(*given[:2], *tables), take_in_plain(*given[:2], *tables))
    found, truth = ([value.clone() for value in given] for _ in range(2))
    pick(logits, *found)
    pick_plain(logits, *truth)
    same = all(torch.equal(one, two) for one, two in zip(found, truth, strict=True))
    return largest if same and found[0].tolist()[:2] == [41, 8999] else 1.0


def products_by_expert() -> float:
    """Experts with rows for two tiles, for a part of one, and for none; widths that fill no whole tile."""
    order = sort_slots_plain(choices(37, 3, 5, seed=14), 5)
    x, weights = draw(37, 200, seed=70).to(types()[0]), draw(111, seed=71)
    gate_up, down = draw(5, 2 * 136, 200, seed=72).to(types()[0]), draw(5, 200, 136, seed=73).to(types()[0])
    h, _ = gated_product_plain(x, gate_up, weights, order)
    found = gated_by_expert(x, gate_up, weights, order), down_by_expert(h, down, order)
    truth = h, down_product_plain(h, down, order)
    return distance([served(value, order).float() for value in found], [value.float() for value in truth])


def routing() -> float:
    largest = 0.0
    for tokens, normalize in ((37, True), (37, False), (70, True)):  # with a program a token, and in tiles
        results = []
        for form in (route, route_plain):
            x, weight = (draw(tokens, 200, seed=19).to(types()[0]), draw(9, 200, seed=20).to(types()[0]) / 8)
            leaves = x.requires_grad_(), weight.requires_grad_()
            logits, scores, ids, weights = form(*leaves, 3, normalize, 2.5)
            loss = logits.square().mean() + (scores**2).sum() + (weights * torch.arange(3, device=DEVICE)).sum()
            gradients = [value.float() for value in torch.autograd.grad(loss, leaves)]
            results.append((logits, scores, ids.float(), weights, *gradients))
        largest = max(largest, distance(*results))
    return largest


def routing_of_no_number() -> float:
    """A token that is NaN goes to experts that exist, each once, and changes no other token's."""
    largest, norm = 0.0, (torch.ones(200, device=DEVICE, dtype=types()[0]), 1e-5)
    for form in (
        lambda x, weight: route(x, weight, 3, False, 1.0)[2:],
        lambda x, weight: normed_route(x, norm, weight, 3, True, 1.0)[1:],
    ):
        for tokens in (5, 70):
            x, weight = draw(tokens, 200, seed=74).to(types()[0]), draw(9, 200, seed=75).to(types()[0]) / 8
            truth = form(x, weight)
            x[2] = torch.nan
            found = form(x, weight)
            if not (found[0][2].sort().values.diff() > 0).all() or not 0 <= found[0][2].min() <= found[0][2].max() < 9:
                return 1.0
            kept = torch.arange(tokens, device=DEVICE) != 2
            largest = max(largest, distance([one[kept].float() for one in found], [one[kept].float() for one in truth]))
    return largest


def losses() -> float:
    targets = torch.randint(0, 5000, (7,), generator=torch.Generator().manual_seed(45)).to(DEVICE)
    targets[2] = -100
    results = []
    for form in (token_losses, token_losses_plain):
        logits = (5 * draw(7, 5000, seed=44)).to(types()[0]).requires_grad_()
        each = form(logits, targets)
        gradient = torch.autograd.grad((each * torch.arange(7, device=DEVICE)).sum(), logits)[0]
        results.append((each, gradient.float()))
    return distance(*results)


def reading_pages() -> float:
    rows, heads, kv_heads, width, size = 5, 6, 2, 16, 16
    tables = torch.arange(1, 1 + rows * 4, device=DEVICE).view(rows, 4).flip(1)
    lengths = torch.tensor([0, 15, 16, 40, 63], device=DEVICE)
    new = [draw(rows, count, width, seed=20 + count) for count in (heads, kv_heads)] + [
        draw(rows, kv_heads, width, seed=30)
    ]
    angles = draw(rows, width // 2, seed=33)
    prepared = (angles.cos(), angles.sin(), draw(width, seed=34), draw(width, seed=35), 1e-6)
    largest = 0.0
    for rest in ((), (*prepared, False), (*prepared, True)):
        results = []
        for form in (paged_attention, paged_attention_plain):
            pages = [draw(30 * size, kv_heads, width, seed=seed) for seed in (31, 32)]
            out = form(*new, *pages, tables, lengths, 0.25, size, *rest)
            results.append((out, *pages))
        largest = max(largest, distance(*results))
    return largest


def whole() -> float:
    tokens, slots, experts, dim, width = 29, 3, 5, 24, 16
    ids_TK = choices(tokens, slots, experts, seed=8)
    x, weights = draw(tokens, dim, seed=9), draw(tokens, slots, seed=10)
    gate_up, down = draw(experts, 2 * width, dim, seed=11), draw(experts, dim, width, seed=12)
    leaves = [leaf.to(dtype).requires_grad_() for leaf, dtype in zip((x, weights, gate_up, down), types(), strict=True)]
    upstream = draw(tokens, dim, seed=13)
    results = []
    for form in (fused_experts, looped_experts):
        out = form(leaves[0], ids_TK, *leaves[1:])
        results.append((out, *torch.autograd.grad((out.float() * upstream).sum(), leaves)))
    return distance([value.float() for value in results[0]], [value.float() for value in results[1]])


def few() -> float:
    """At most as many slots as the kernels of few slots take, and a slot that no expert serves."""
    ids_TK = torch.tensor([[0, 3, 4], [5, 1, 0], [2, 2, 1]], device=DEVICE)
    x, weights = draw(3, 1100, seed=40), draw(3, 3, seed=41)
    gate_up, down = draw(5, 2 * 24, 1100, seed=42), draw(5, 1100, 24, seed=43)
    values = [value.to(kind) for value, kind in zip((x, weights, gate_up, down), types(), strict=True)]
    with torch.no_grad():
        found, truth = (form(values[0], ids_TK, *values[1:]) for form in (fused_experts, looped_experts))
    return distance([found.float()], [truth.float()])


def types() -> list[torch.dtype]:
    """Of tokens, weights and matrices: a GPU multiplies groups in bfloat16 only."""
    precise = torch.float32 if DEVICE == "cpu" else torch.bfloat16
    return [precise, torch.float32, precise, precise]


def looped_experts(x_TD, ids_TK, weights_TK, gate_up, down) -> torch.Tensor:
    """The formula, expert after expert."""
    total = torch.zeros(x_TD.shape, device=DEVICE)
    for expert in range(len(down)):
        token, slot = (ids_TK == expert).nonzero(as_tuple=True)
        gate, up = (x_TD[token].float() @ gate_up[expert].float().T).chunk(2, dim=-1)
        out = (F.silu(gate) * up) @ down[expert].float().T
        total = total.index_add(0, token, weights_TK[token, slot][:, None] * out)
    return total.to(x_TD.dtype)


def one_graph() -> float:
    """A decoding step is traced whole, with every kernel in it, and gives what it gives untraced."""
    for module in (attention, experts, router):
        module.has_kernels = lambda x: True  # in the interpreter, too
    plain = {"router_scores": "softmax", "router_bias": False, "num_groups": 1, "groups_per_token": 1}
    config = small_config("experts", head_dim=16, num_shared_experts=0, **plain)
    decoder = new_decoder(config, seed=1, dtype=torch.bfloat16, device=DEVICE).eval()
    pool = PagePool(config, 9, 16, torch.bfloat16, torch.device(DEVICE))
    rows = Rows(decoder, pool, 4, 4, graphs=False)
    pool.rotation = decoder.rotary.table(64, torch.bfloat16)
    step = torch.compile(rows._forward, dynamic=True, fullgraph=True, backend="eager")
    tables = [[1, 2, 0, 0], [3, 4, 0, 0], [5, 0, 0, 0]]
    inputs = [torch.tensor(value, device=DEVICE) for value in ([5, 6, 7], [3, 20, 0], tables)]
    with torch.inference_mode():
        return distance([step(*inputs).float()], [rows._forward(*inputs).float()])


def chained() -> float:
    """A step by the chain of kernels gives what the layers give, for very few rows and for more."""
    for module in (attention, experts, router):
        module.has_kernels = lambda x: True  # in the interpreter, too
    plain = {"router_scores": "softmax", "router_bias": False, "num_groups": 1, "groups_per_token": 1}
    # Every token takes all experts: in bfloat16 a near tie could fall either way.
    sizes = {"head_dim": 16, "dim": 64, "expert_dim": 64, "num_experts": 4, "experts_per_token": 4}
    config = small_config("experts", num_shared_experts=0, dense_layers=(), **sizes, **plain)
    decoder = new_decoder(config, seed=1, dtype=types()[0], device=DEVICE).eval()
    pool = PagePool(config, 30, 16, types()[0], torch.device(DEVICE))
    Rows(decoder, pool, 4, 4, graphs=False)  # joins the projections
    pool.rotation = decoder.rotary.table(64, types()[0])
    largest = 0.0
    for count in (2, 9):
        tables = torch.arange(1, 1 + 2 * count, device=DEVICE).view(count, 2)
        inputs = torch.arange(3, 3 + count, device=DEVICE), torch.arange(8, 8 + 2 * count, 2, device=DEVICE), tables
        results = []
        for form in (Chain(decoder, pool).logits, Rows(decoder, pool, 4, 4, graphs=False)._forward):
            for pages in pool.layers.values():
                for page, seed in zip(pages, (62, 63), strict=True):
                    page.copy_(draw(*page.shape, seed=seed))
            with torch.inference_mode():
                results.append((form(*inputs).float(), *(part.float() for part in pool.layers[1])))
        largest = max(largest, distance(*results))
    return largest


CHECKS = {
    "sorting": lambda: sorting(300, 4, 9),
    "sorting one token": lambda: sorting(1, 2, 3),
    "sorting for many experts": lambda: sorting(70, 8, 200),
    "sorting many": lambda: sorting(1100, 4, 9),
    "copying": copying,
    "activation": activation,
    "products": products,
    "wide products": wide_products,
    "products by expert": products_by_expert,
    "few rows": few_rows,
    "routing": routing,
    "routing of few": routing_of_few,
    "routing of no number": routing_of_no_number,
    "summing of few": summing_of_few,
    "both ends": both_ends,
    "token losses": losses,
    "reading pages": reading_pages,
    "whole": whole,
    "few": few,
    "one graph": one_graph,
    "chained": chained,
}

if __name__ == "__main__":
    print(json.dumps({name: check() for name, check in CHECKS.items()}))
