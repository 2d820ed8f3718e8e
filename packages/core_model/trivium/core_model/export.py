"""Write a checkpoint folder in another family's layout, dtype or shard size; its tokenizer goes along unchanged."""

from __future__ import annotations

import shutil
from pathlib import Path

from trivium.core_model.checkpoint import DTYPES, SHARD_BYTES, from_pretrained, save_pretrained
from trivium.core_model.config import FAMILIES
from trivium.service.errors import InputError

__all__ = ["TOKENIZER_FILES", "export"]

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
)


def export(
    source: str | Path,
    out: str | Path,
    *,
    family: str | None = None,
    dtype: str | None = None,
    shard_bytes: int = SHARD_BYTES,
) -> list[str]:
    """Read a checkpoint and write it anew.

    Args:
        source: folder to read.
        out: another folder, made if needed.
        family: layout to write; None for the one it has.
        dtype: of the written weights; None for the one they have.
        shard_bytes: largest weight file.

    Returns:
        Names of the tokenizer files that came along.

    Raises:
        InputError: if the folders are the same, a name is unknown, or the family cannot say the model.
        ModelError: as `from_pretrained`.
    """
    source, out = Path(source), Path(out)
    for name, value, known in (("family", family, FAMILIES), ("dtype", dtype, tuple(DTYPES))):
        if value is not None and value not in known:
            raise InputError(f"{name} {value!r} is unknown", hint=f"known: {', '.join(known)}")
    if out.resolve() == source.resolve():
        raise InputError("model and out are the same folder", where=str(out), hint="name another out")
    if out.exists() and not out.is_dir():
        raise InputError("out is a file", where=str(out), hint="name a folder, or one that is to be made")
    save_pretrained(from_pretrained(source, dtype=dtype), out, family=family, shard_bytes=shard_bytes)
    found = [name for name in TOKENIZER_FILES if (source / name).is_file()]
    for name in found:
        shutil.copyfile(source / name, out / name)
    return found
