"""The experts' products in CUDA C++: they compile anywhere, and on Hopper they equal their plain twins."""

import importlib.util

import pytest
import torch

pytestmark = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="no Triton on this platform")


@pytest.mark.slow
def test_every_source_compiles_without_a_gpu():
    pytest.importorskip("cuda.bindings.nvrtc")
    from trivium.core_model.kernels.hopper.compiled import SOURCES, compiled

    for source, names in SOURCES.items():
        code = compiled(source)
        assert all(name.encode() in code for name in names), source


def test_a_source_that_does_not_compile_is_named_with_the_words_of_the_compiler(monkeypatch, tmp_path):
    pytest.importorskip("cuda.bindings.nvrtc")
    from trivium.core_model.kernels.hopper import compiled

    (tmp_path / "primitives.cuh").write_text("")
    (tmp_path / "wrong.cu").write_text("nonsense;")
    monkeypatch.setattr(compiled, "files", lambda package: tmp_path)
    with pytest.raises(RuntimeError, match=r"wrong\.cu does not compile: (?s:.*)nonsense"):
        compiled.compiled("wrong.cu")


def test_only_what_the_kernels_read_right_is_given_to_them(monkeypatch):
    from trivium.core_model.kernels.hopper import products

    def parts(**changed):
        x, gate_up, down = (
            torch.zeros(shape, dtype=torch.bfloat16) for shape in ((4, 256), (2, 512, 256), (2, 256, 256))
        )
        return ({"x": x, "gate_up": gate_up, "down": down, "weights": torch.zeros(4, 2)} | changed).values()

    assert not products.can_run(*parts())  # a CPU
    monkeypatch.setattr(products, "has_hopper", lambda device: True)
    assert products.can_run(*parts())
    turned = torch.zeros(2, 256, 256, dtype=torch.bfloat16).transpose(1, 2)
    odd = torch.zeros(4 * 256 + 1, dtype=torch.bfloat16)[1:].view(4, 256)
    for wrong in (
        {"gate_up": torch.zeros(2, 512, 256)},
        {"weights": torch.zeros(4, 2, dtype=torch.bfloat16)},
        {"down": turned},
        {"down": torch.zeros(2, 256, 128, dtype=torch.bfloat16)},
        {"x": odd},
    ):
        assert not products.can_run(*parts(**wrong)), wrong.keys()


def _is_hopper() -> bool:
    return torch.cuda.is_available() and torch.cuda.get_device_capability() == (9, 0)


@pytest.mark.skipif(not _is_hopper(), reason="no Hopper GPU")
@pytest.mark.parametrize(
    ("tokens", "dim", "inner", "experts", "slots", "skew", "unserved"),
    [
        (40, 256, 256, 64, 2, 2.0, 0.0),  # experts without a row, and tiles of a few
        (300, 256, 256, 5, 2, 0.0, 0.0),
        (1000, 512, 512, 16, 4, 1.0, 0.3),
        (3000, 2048, 1024, 64, 8, 1.0, 0.0),
    ],
)
def test_products_equal_their_plain_twins(tokens, dim, inner, experts, slots, skew, unserved):
    from trivium.core_model.kernels import products as triton_products
    from trivium.core_model.kernels.hopper import products
    from trivium.core_model.kernels.slots import sort_slots
    from trivium.core_model.kernels.swiglu import weighted_swiglu_backward

    torch.manual_seed(0)
    x, dout = (torch.randn(tokens, dim).cuda().bfloat16() for _ in range(2))
    gate_up = (torch.randn(experts, 2 * inner, dim) * 0.02).cuda().bfloat16()
    down = (torch.randn(experts, dim, inner) * 0.02).cuda().bfloat16()
    ids = (torch.randn(tokens, experts) - skew * torch.arange(1, experts + 1).log()).topk(slots).indices
    ids = ids.where(torch.rand(ids.shape) >= unserved, experts).cuda()
    weights = torch.rand(tokens * slots).cuda()
    order = sort_slots(ids, experts)
    served = int(order.ends[-1])

    tiles = products.tiles_of(order)
    h, kept = products.gated_rows(x, gate_up, weights, order, tiles, keep=True)
    plain_h, plain_kept = triton_products.gated_product_plain(x, gate_up, weights, order)
    _agree(h[:served], plain_h)
    _agree(kept[:served], plain_kept)
    alone, _ = products.gated_rows(x, gate_up, weights, order, tiles, keep=False)
    assert torch.equal(alone[:served], h[:served])
    _agree(products.down_rows(h, down, order, tiles)[:served], triton_products.down_product_plain(h, down, order))
    dh = products.turned_rows(dout, down, order, tiles, is_gathered=True)
    _agree(dh[:served], products.turned_rows_plain(dout, down, order, is_gathered=True))
    dgate_up, _, again = weighted_swiglu_backward(dh, kept, weights, order)
    dx = products.turned_rows(dgate_up, gate_up, order, tiles, is_gathered=False)
    _agree(dx[:served], products.turned_rows_plain(dgate_up, gate_up, order, is_gathered=False))
    _agree(products.matrix_gradient(dout, again, order), products.matrix_gradient_plain(dout, again, order))
    turned = products.matrix_gradient(x, dgate_up, order, is_turned=True)
    _agree(turned, products.matrix_gradient_plain(x, dgate_up, order, is_turned=True))


def _agree(found: torch.Tensor, truth: torch.Tensor) -> None:
    """Hold a result against its twin: both sum in float32 and round to bfloat16, which has 8 bits."""
    difference = (found.double() - truth.double()).norm() / truth.double().norm().clamp(min=1e-30)
    assert difference <= 2**-8
