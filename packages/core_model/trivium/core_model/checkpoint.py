"""Read and write checkpoint folders: `config.json` and sharded safetensors, in the layout of their family.

    decoder = from_pretrained("folder", dtype=torch.bfloat16, device="cuda")
    save_pretrained(decoder, "elsewhere")

Weights go straight from the file into the parameter they belong to, a few megabytes at a time: reading needs the
size of the model and little more, on the CPU as on a GPU.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from trivium.core_model.config import ModelConfig
from trivium.core_model.decoder import Decoder, empty_decoder
from trivium.core_model.device import usable_device
from trivium.core_model.families import read_config, write_config
from trivium.core_model.layout import Place, layout
from trivium.service.errors import InputError, ModelError

__all__ = ["from_pretrained", "load_config", "save_pretrained"]

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
SHARD_BYTES = 2 * 1024**3
# A mapped file counts as memory page by page as it is read; it is opened anew after this many bytes.
OPEN_BYTES = 16 * 1024**2
PIECE_BYTES = 4 * 1024**2
DTYPES = {"float32": torch.float32, "float64": torch.float64, "float16": torch.float16, "bfloat16": torch.bfloat16}
# No model has more; a file that says so would fill the memory, or count for ever.
LARGEST = 2**40
MOST = dict.fromkeys(
    ("num_hidden_layers", "num_layers", "n_routed_experts", "num_experts", "num_local_experts"), 10_000
)
# Left behind by old versions of transformers; computed, not stored.
_COMPUTED = ("rotary_emb.inv_freq",)


def from_pretrained(
    path: str | Path, *, dtype: torch.dtype | str | None = None, device: torch.device | str = "cpu"
) -> Decoder:
    """Read a checkpoint folder of any known family, ours included.

    Args:
        path: folder with `config.json` and `model.safetensors`, whole or in shards with their index.
        dtype: of the weights in memory, such as `torch.bfloat16` or its name; None for the file's own.
        device: where the weights go.

    Returns:
        A decoder in evaluation mode; `decoder(input_ids).logits` is (B, T, V).

    Raises:
        InputError: if the folder, its settings, a shard or the device is missing, or family or dtype is unknown.
        ModelError: if a file is damaged, or tensors are missing, left over or of another shape.
    """
    folder, device = Path(path), usable_device(device)
    raw = _read_json(folder, "config.json")
    files = _weight_files(folder)
    config = _without_absent_modules(load_config(folder), files)
    _compare_size(config, files, folder)
    decoder = empty_decoder(config, dtype=_dtype(dtype, raw, files), device=device)
    state = decoder.state_dict()
    places = layout(config, state)
    _compare_names(config, places, files, folder)
    by_file: dict[Path, list[str]] = {}
    for name, file in files.items():
        if name in places and not places[name].is_copy:
            by_file.setdefault(file, []).append(name)
    for file, names in by_file.items():
        _fill(file, {name: _view(state, places[name]) for name in names})
    return decoder.eval()


def load_config(path: str | Path) -> ModelConfig:
    """Read the settings of a checkpoint folder.

    Raises:
        InputError: if `config.json` is missing or damaged, or says what we do not compute.
    """
    folder = Path(path)
    raw = _read_json(folder, "config.json")
    huge = next((name for name, value in _numbers(raw) if value > MOST.get(name, LARGEST)), "")
    if huge:
        what = f"{huge} is larger than in any model"
        raise InputError(what, where=str(folder / "config.json"), hint="fetch the file again")
    try:
        return read_config(raw)
    except InputError as error:
        raise InputError(error.what, where=str(folder / "config.json"), hint=error.hint) from None


def save_pretrained(
    decoder: Decoder,
    path: str | Path,
    *,
    family: str | None = None,
    shard_bytes: int = SHARD_BYTES,
    state: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Write a checkpoint folder: settings, weights, and the tokens that end generation.

    Args:
        decoder: written in the dtype it has, or that of `state`.
        path: folder, made if needed; files of the same names are replaced.
        family: layout to write; None for the one the model has.
        shard_bytes: largest weight file; one tensor is never split.
        state: weights to write in place of the decoder's own, which may be spread over ranks.

    Raises:
        InputError: if the family cannot say one of the model's settings; nothing is written then.
    """
    config = decoder.config if family is None else decoder.config.replace(family=family)
    state = decoder.state_dict() if state is None else state
    dtype = str(state["embedding.weight"].dtype).removeprefix("torch.")
    settings = write_config(config) | {"dtype": dtype, "torch_dtype": dtype}
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("model-*-of-*.safetensors"), folder / SINGLE, folder / INDEX):
        old.unlink(missing_ok=True)
    _write_json(folder / "config.json", settings)
    _write_json(folder / "generation_config.json", _generation(config))
    _write_shards(folder, state, layout(config, state), shard_bytes)


# -- reading --------------------------------------------------------------------------------------------------------


def _fill(file: Path, targets: Mapping[str, torch.Tensor]) -> None:
    """Copy tensors of one file into place, opening it anew so often that little of it stays mapped."""
    try:
        shapes = _shapes(file, targets)
        for batch in _batches(shapes, targets):
            with safe_open(file, "pt") as source:
                for name, start, stop in batch:
                    targets[name][start:stop].copy_(source.get_slice(name)[start:stop])
    except SafetensorError as error:
        raise ModelError(f"damaged weights: {error}", where=str(file), hint="fetch the file again") from None


def _shapes(file: Path, targets: Mapping[str, torch.Tensor]) -> dict[str, list[int]]:
    """Return the shapes of a file's tensors, after holding them against the parameters'."""
    with safe_open(file, "pt") as source:
        shapes = {name: source.get_slice(name).get_shape() for name in targets}
    for name, shape in shapes.items():
        if list(targets[name].shape) != shape:
            raise ModelError(
                f"{name} has shape {shape}, config.json asks for {list(targets[name].shape)}", where=str(file)
            )
    return shapes


def _batches(
    shapes: Mapping[str, list[int]], targets: Mapping[str, torch.Tensor]
) -> Iterator[list[tuple[str, int, int]]]:
    """Cut tensors into pieces of rows, and put as many together as may be mapped at once."""
    batch: list[tuple[str, int, int]] = []
    size = 0
    for name, shape in shapes.items():
        row_bytes = max(1, targets[name][0].numel() * max(4, targets[name].element_size()))
        rows = max(1, PIECE_BYTES // row_bytes)
        for start in range(0, shape[0], rows):
            stop = min(start + rows, shape[0])
            batch.append((name, start, stop))
            size += (stop - start) * row_bytes
            if size >= OPEN_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _view(state: Mapping[str, torch.Tensor], place: Place) -> torch.Tensor:
    """Return the part of a parameter that a tensor of the file is."""
    tensor = state[place.parameter]
    if place.expert is not None:
        tensor = tensor[place.expert]
    if place.half is not None:
        tensor = tensor.chunk(2)[place.half]
    return tensor


def _weight_files(folder: Path) -> dict[str, Path]:
    """Return the file of every tensor in a folder."""
    if (folder / INDEX).is_file():
        names = _read_json(folder, INDEX).get("weight_map")
        if not isinstance(names, dict) or not names:
            raise InputError("no weight_map in it", where=str(folder / INDEX), hint="fetch the file again")
        if strange := [shard for shard in names.values() if not isinstance(shard, str) or Path(shard).name != shard]:
            what = f"{str(strange[0])[:60]!r} is no name of a file beside it"
            raise InputError(what, where=str(folder / INDEX), hint="fetch the file again")
        shards = sorted(set(names.values()))
        if missing := [shard for shard in shards if not (folder / shard).is_file()]:
            raise InputError(
                f"{len(missing)} of {len(shards)} shards are missing: {', '.join(missing[:5])}",
                where=str(folder),
                hint="fetch them into the same folder",
            )
        return {name: folder / shard for name, shard in names.items()}
    if (folder / SINGLE).is_file():
        return dict.fromkeys(_tensor_names(folder / SINGLE), folder / SINGLE)
    pickled = sorted(file.name for file in (*folder.glob("*.bin"), *folder.glob("*.pth")))
    hint = f"{pickled[0]} is a pickle and is not read; convert it to safetensors" if pickled else "fetch the weights"
    raise InputError(f"neither {SINGLE} nor {INDEX} is there", where=str(folder), hint=hint)


def _tensor_names(file: Path) -> list[str]:
    try:
        with safe_open(file, "pt") as source:
            return list(source.keys())
    except SafetensorError as error:
        raise ModelError(f"damaged weights: {error}", where=str(file), hint="fetch the file again") from None


def _without_absent_modules(config: ModelConfig, files: Mapping[str, Path]) -> ModelConfig:
    """Drop multi-token prediction modules that config.json counts and the weights lack, as transformers writes them."""
    if config.family != "deepseek_v3" or not config.num_mtp_layers:
        return config
    present = sum(
        f"model.layers.{config.num_layers + step}.eh_proj.weight" in files for step in range(config.num_mtp_layers)
    )
    return config.replace(num_mtp_layers=present)


def _compare_names(config: ModelConfig, places: Mapping[str, Place], files: Mapping[str, Path], folder: Path) -> None:
    said = f"{config.num_layers} layers" + (f" and {config.num_experts} experts" if config.num_experts else "")
    missing = [name for name, place in places.items() if name not in files and not place.is_copy]
    if missing:
        raise ModelError(
            f"{len(missing)} tensors are missing: {', '.join(missing[:5])}",
            where=str(folder),
            hint=f"config.json asks for a {config.family} model of {said}; fetch the weights that belong to it",
        )
    ignored = (*_COMPUTED, *(("lm_head.weight",) if config.tied_embeddings else ()))
    if strange := [name for name in files if name not in places and not name.endswith(ignored)]:
        raise ModelError(
            f"{len(strange)} tensors belong to no parameter: {', '.join(strange[:5])}",
            where=str(folder),
            hint=f"is this really a {config.family} model of {said}?",
        )


def _dtype(wanted: torch.dtype | str | None, raw: Mapping[str, Any], files: Mapping[str, Path]) -> torch.dtype:
    if isinstance(wanted, torch.dtype):
        wanted = str(wanted).removeprefix("torch.")
    name = wanted or raw.get("dtype") or raw.get("torch_dtype")
    if name is None:
        tensor, file = next(iter(files.items()))
        with safe_open(file, "pt") as source:
            return source.get_slice(tensor)[:1].dtype
    if name not in DTYPES:
        raise InputError(f"dtype {name!r} is unknown", hint=f"known: {', '.join(DTYPES)}")
    return DTYPES[name]


def _numbers(data: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield the whole numbers of settings with their names, our own settings' among them."""
    for name, value in data.items():
        if isinstance(value, dict):
            yield from _numbers(value)
        elif type(value) is int:
            yield name, value


def _compare_size(config: ModelConfig, files: Mapping[str, Path], folder: Path) -> None:
    """Refuse settings that ask for more memory than the files could fill, before it is taken."""
    held = sum(file.stat().st_size for file in set(files.values()))
    wanted = config.vocab_size * config.dim
    if wanted > 8 * held:
        what = f"the settings ask for {wanted:,} numbers of the embedding alone, and the files hold {held:,} bytes"
        raise ModelError(what, where=str(folder), hint="fetch them again; they do not belong together")


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    file = folder / name
    if not folder.is_dir():
        raise InputError("no such folder", where=str(folder), hint="give the folder that holds config.json")
    if not file.is_file():
        raise InputError(f"{name} is missing", where=str(folder), hint="give the folder that holds it")
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, too deep, or a number of too many digits
        raise InputError(f"not JSON: {error}", where=str(file), hint="fetch the file again") from None
    if not isinstance(data, dict):
        raise InputError(f"a JSON object was expected, not {type(data).__name__}", where=str(file))
    return data


# -- writing --------------------------------------------------------------------------------------------------------


def _write_shards(
    folder: Path, state: Mapping[str, torch.Tensor], places: Mapping[str, Place], shard_bytes: int
) -> None:
    """Write tensors shard by shard; only one shard is ever copied."""
    sizes = {name: _view(state, place).nbytes for name, place in places.items()}
    shards: list[list[str]] = [[]]
    filled = 0
    for name, size in sizes.items():
        if shards[-1] and filled + size > shard_bytes:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += size
    weight_map: dict[str, str] = {}
    for number, names in enumerate(shards, start=1):
        file = SINGLE if len(shards) == 1 else f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        tensors = {name: _tensor_to_write(state, places[name]) for name in names}
        try:
            save_file(tensors, folder / file, metadata={"format": "pt"})
        except SafetensorError as error:
            raise InputError(f"cannot be written ({error})", where=str(folder / file)) from error
        weight_map |= dict.fromkeys(names, file)
    if len(shards) > 1:
        _write_json(folder / INDEX, {"metadata": {"total_size": sum(sizes.values())}, "weight_map": weight_map})


def _tensor_to_write(state: Mapping[str, torch.Tensor], place: Place) -> torch.Tensor:
    tensor = _view(state, place).detach().cpu().contiguous()
    return tensor.clone() if place.is_copy else tensor  # safetensors refuses two names for one memory


def _generation(config: ModelConfig) -> dict[str, Any]:
    ids = {"bos_token_id": config.bos_id, "eos_token_id": [*config.eos_ids] or None, "pad_token_id": config.pad_id}
    return {name: value for name, value in ids.items() if value is not None}


def _write_json(file: Path, data: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
