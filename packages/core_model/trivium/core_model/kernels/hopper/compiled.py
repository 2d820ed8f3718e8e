"""Kernels in CUDA C++: compiled by NVRTC, which torch brings along, at the first call, and launched by the driver."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from importlib.resources import files
from typing import Any

import torch
from torch import Tensor

__all__ = ["SOURCES", "compiled", "has_hopper", "launch", "tensor_map"]

# Which file holds which kernels.
SOURCES = {
    "rows.cu": ("gated", "gated_keep", "down", "turned", "gathered_turned"),
    "weights.cu": ("weights", "weights_turned"),
}
_THREADS = 384
# Of one block: four stages, what is on its way to memory, barriers, rows looked up, and the gap before the first
# aligned byte.
_SHARED_BYTES = 4 * (128 + 256) * 64 * 2 + 8 * 16 * 128 * 2 + 2 * 4 * 8 + 4 * 64 * 4 + 1024


@functools.cache
def has_hopper(device: torch.device) -> bool:
    """Say whether the kernels can run there: a GPU of compute capability 9.0, and torch's CUDA bindings."""
    if device.type != "cuda" or importlib.util.find_spec("cuda") is None:
        return False
    return importlib.util.find_spec("cuda.bindings") is not None and torch.cuda.get_device_capability(device) == (9, 0)


def compiled(source: str) -> bytes:
    """Return the machine code of a file of `SOURCES`; needs no GPU.

    Raises:
        RuntimeError: with the compiler's words.
    """
    from cuda.bindings import nvrtc

    folder = files(__package__)
    text = folder.joinpath("primitives.cuh").read_text() + folder.joinpath(source).read_text()
    program = _checked(nvrtc.nvrtcCreateProgram(text.encode(), source.encode(), 0, [], []))
    options = [b"--gpu-architecture=sm_90a", b"--std=c++17", b"-default-device"]
    (error,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
    if error != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        log = b" " * _checked(nvrtc.nvrtcGetProgramLogSize(program))
        _checked(nvrtc.nvrtcGetProgramLog(program, log))
        raise RuntimeError(f"{source} does not compile: {log.decode()}")
    code = b" " * _checked(nvrtc.nvrtcGetCUBINSize(program))
    _checked(nvrtc.nvrtcGetCUBIN(program, code))
    _checked(nvrtc.nvrtcDestroyProgram(program))
    return code


def launch(name: str, *values: Any) -> None:
    """Start a kernel on the current stream, a block on each multiprocessor.

    Args:
        name: of the kernel.
        values: what it takes, in order: tensors, integers (of 32 bits) and tensor maps.
    """
    from cuda.bindings import driver

    device = next(value.device for value in values if isinstance(value, Tensor))
    held = [_as_argument(value) for value in values]
    places = (ctypes.c_void_p * len(held))(*(ctypes.addressof(value) for value in held))
    with torch.cuda.device(device):
        stream = torch.cuda.current_stream().cuda_stream
        sizes = (_blocks(device), 1, 1, _THREADS, 1, 1, _SHARED_BYTES)
        _checked(driver.cuLaunchKernel(_kernels(device)[name], *sizes, stream, ctypes.addressof(places), 0))


@functools.cache
def _blocks(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count // 2 * 2


def tensor_map(matrix: Tensor) -> Any:
    """Return how the copy engine sees a contiguous bfloat16 tensor: its lines, in boxes of 64 x 64."""
    width = matrix.shape[-1]
    return _tensor_map(matrix.data_ptr(), matrix.numel() // width, width)


@functools.lru_cache(4096)
def _tensor_map(address: int, lines: int, width: int) -> Any:
    from cuda.bindings import driver

    found = _checked(
        driver.cuTensorMapEncodeTiled(
            driver.CUtensorMapDataType.CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
            2,
            address,
            [driver.cuuint64_t(width), driver.cuuint64_t(lines)],
            [driver.cuuint64_t(2 * width)],
            [driver.cuuint32_t(64), driver.cuuint32_t(64)],
            [driver.cuuint32_t(1), driver.cuuint32_t(1)],
            driver.CUtensorMapInterleave.CU_TENSOR_MAP_INTERLEAVE_NONE,
            driver.CUtensorMapSwizzle.CU_TENSOR_MAP_SWIZZLE_128B,
            driver.CUtensorMapL2promotion.CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
            driver.CUtensorMapFloatOOBfill.CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE,
        )
    )
    return (ctypes.c_uint64 * 16)(*(int(word) for word in found.opaque))


@functools.cache
def _kernels(device: torch.device) -> dict[str, Any]:
    """Return the kernels, loaded on the current device, which is this one."""
    from cuda.bindings import driver

    torch.zeros(1, device=device)  # so that the driver has torch's context
    most = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    found = {}
    for source, names in SOURCES.items():
        module = _checked(driver.cuModuleLoadData(compiled(source)))
        for name in names:
            found[name] = _checked(driver.cuModuleGetFunction(module, name.encode()))
            _checked(driver.cuFuncSetAttribute(found[name], most, _SHARED_BYTES))
    return found


def _as_argument(value: Any) -> Any:
    if isinstance(value, Tensor):
        return ctypes.c_void_p(value.data_ptr())
    return ctypes.c_int(value) if isinstance(value, int) else value


def _checked(result: tuple[Any, ...]) -> Any:
    """Return what a call of CUDA found.

    Raises:
        RuntimeError: if it failed.
    """
    error, *found = result
    if int(error) != 0:
        raise RuntimeError(f"CUDA refused: {error!r}")
    return found[0] if found else None
