"""The classifier as an ONNX graph: aligned films in, scores and calibrated probabilities out.

Written node by node from the fused network, which has four kinds of layer; no tracing, so the graph holds what is read
here and nothing else. Alignment stays outside: it is a search, not a graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from trivium.vision.calibration import Platt
from trivium.vision.classifier import Parts
from trivium.vision.films import SIDE
from trivium.vision.frozen import BLOCK, DESCRIPTORS, LEAST_VARIANCE

__all__ = ["OPSET", "classifier_graph"]

OPSET = 17


def classifier_graph(parts: Parts, platts: Sequence[Platt]) -> onnx.ModelProto:
    """Return a model: `films` (N, 1, 64, 64) float32 to `descriptors` (N, D), `scores` and `probabilities` (N, 15).

    Args:
        parts: with the network made fast (`for_reading`), its norms inside its convolutions.
        platts: of the 15 scores.
    """
    graph = _Graph()
    net = parts.net
    x = graph.node("Sub", graph.node("Mul", "films", graph.constant(2.0)), graph.constant(1.0))
    x = graph.convolution(x, net.conv_stem, net.bn1, gray=True)
    for stage in net.blocks:
        before, x = x, graph.stage(x, stage)
    cells = [graph.node("Flatten", one) for one in (before, x)]
    pooled = [graph.node(kind, x, axes=[2, 3], keepdims=0) for kind in ("ReduceMean", "ReduceMax")]
    maps = graph.node("Concat", *cells, *pooled, axis=1)
    opacity = graph.node("MatMul", maps, graph.constant(net.opacity[:, None].numpy()))
    graph.node("Concat", maps, graph.tones(), opacity, axis=1, name="descriptors")
    graph.node("Gemm", "descriptors", graph.constant(parts.weight), graph.constant(parts.offset), name="scores")
    slopes = graph.constant(np.array([one.slope for one in platts], np.float32))
    offsets = graph.constant(np.array([one.offset for one in platts], np.float32))
    graph.node("Sigmoid", graph.node("Add", graph.node("Mul", "scores", slopes), offsets), name="probabilities")
    widths = {"descriptors": DESCRIPTORS, "scores": len(platts), "probabilities": len(platts)}
    outputs = [helper.make_tensor_value_info(one, TensorProto.FLOAT, ["N", width]) for one, width in widths.items()]
    films = helper.make_tensor_value_info("films", TensorProto.FLOAT, ["N", 1, SIDE, SIDE])
    made = helper.make_graph(graph.nodes, "trivium_chest_findings", [films], outputs, graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model


class _Graph:
    """Nodes and constants in the order in which they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: float | NDArray[np.float32]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def node(self, kind: str, *inputs: str, name: str | None = None, **settings: Any) -> str:
        name = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=f"{name}_node", **settings))
        return name

    def tones(self) -> str:
        means = self.node("Flatten", self.node("AveragePool", "films", kernel_shape=[BLOCK] * 2, strides=[BLOCK] * 2))
        centred = self.node("Sub", means, self.node("ReduceMean", means, axes=[1]))
        variance = self.node("ReduceMean", self.node("Mul", centred, centred), axes=[1])
        return self.node("Div", centred, self.node("Sqrt", self.node("Max", variance, self.constant(LEAST_VARIANCE))))

    def stage(self, x: str, stage: nn.Module) -> str:
        for block in stage.children():
            start = x
            if hasattr(block, "conv_pwl"):
                x = self.convolution(x, block.conv_pw, block.bn1)
                x = self.convolution(x, block.conv_dw, block.bn2)
                x = self.convolution(x, block.conv_pwl, block.bn3)
            else:
                x = self.convolution(x, block.conv_dw, block.bn1)
                x = self.convolution(x, block.conv_pw, block.bn2)
            if block.has_skip:
                x = self.node("Add", x, start)
        return x

    def convolution(self, x: str, layer: nn.Module, after: nn.Module, *, gray: bool = False) -> str:
        """Add a convolution that pads as TensorFlow does, and what follows it: ReLU6 or nothing.

        A gray film is three equal channels: their weights add up.
        """
        assert isinstance(layer, nn.Conv2d), layer
        assert isinstance(after, nn.ReLU6 | nn.Identity), after
        weight = layer.weight.detach().numpy()
        x = self.node(
            "Conv",
            x,
            self.constant(weight.sum(1, keepdims=True) if gray else weight),
            self.constant(layer.bias.detach().numpy()),
            auto_pad="SAME_UPPER",
            kernel_shape=list(layer.kernel_size),
            strides=list(layer.stride),
            group=layer.groups,
        )
        return self.node("Clip", x, self.constant(0.0), self.constant(6.0)) if isinstance(after, nn.ReLU6) else x
