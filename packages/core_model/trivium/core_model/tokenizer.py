"""Text to token ids and back: `tokenizer.json` of any checkpoint, its chat template, and our own vocabulary.

    tokenizer = Tokenizer.from_folder("folder")     beside a checkpoint
    tokenizer = Tokenizer.builtin()                 ours: byte-level BPE, English and Chinese, 16,384 entries
    ids = tokenizer.encode_chat([{"role": "user", "content": "Hello"}])

Our vocabulary has one placeholder per modality: a token that is replaced by an encoder's output. It was made by
`python -m trivium.core_model.train_tokenizer`; its card lies beside it in `vocabulary/`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import tokenizers

from trivium.service.errors import InputError

__all__ = ["PLACEHOLDERS", "Tokenizer"]

PLACEHOLDERS = {"image": "<|image|>", "points": "<|points|>", "sensor": "<|sensor|>"}
_NAMED = ("bos_token", "eos_token", "pad_token", "unk_token")


class Tokenizer:
    """A vocabulary with its rules, special tokens and chat template.

    Args:
        core: the rules, of library `tokenizers`.
        settings: contents of `tokenizer_config.json`.
        chat_template: Jinja text; None where the checkpoint has none.
        where: folder it came from, for messages.
    """

    def __init__(
        self,
        core: tokenizers.Tokenizer,
        settings: Mapping[str, Any],
        chat_template: str | None = None,
        where: str = "",
    ) -> None:
        self.core = core
        self.settings = dict(settings)
        self.chat_template = chat_template
        self.where = where

    @classmethod
    def from_folder(cls, path: str | Path) -> Tokenizer:
        """Read `tokenizer.json` and, where they are, `tokenizer_config.json` and `chat_template.jinja`.

        Raises:
            InputError: if the folder or `tokenizer.json` is missing, or a file is damaged.
        """
        folder = Path(path)
        file = folder / "tokenizer.json"
        if not folder.is_dir():
            raise InputError("no such folder", where=str(folder), hint="give the folder that holds tokenizer.json")
        if not file.is_file():
            inner = folder / "model"  # of a run
            is_run = (inner / "tokenizer.json").is_file()
            hint = f"give {inner}" if is_run else "copy it from where the checkpoint came from"
            raise InputError("tokenizer.json is missing", where=str(folder), hint=hint)
        try:
            core = tokenizers.Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises bare Exception
            raise InputError(f"not a tokenizer: {error}", where=str(file), hint="fetch the file again") from None
        config, template = folder / "tokenizer_config.json", folder / "chat_template.jinja"
        settings = _read_settings(config) if config.is_file() else {}
        written = template.read_text(encoding="utf-8") if template.is_file() else settings.get("chat_template")
        return cls(core, settings, written, str(folder))

    @classmethod
    def builtin(cls) -> Tokenizer:
        """Return our own vocabulary, shipped with the package."""
        with resources.as_file(resources.files("trivium.core_model") / "vocabulary") as folder:
            return cls.from_folder(folder)

    def save(self, path: str | Path) -> None:
        """Write the three files into a folder, beside a checkpoint."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        self.core.save(str(folder / "tokenizer.json"), pretty=False)
        text = json.dumps(self.settings, indent=2, ensure_ascii=False)
        (folder / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")
        if self.chat_template is not None:
            (folder / "chat_template.jinja").write_text(self.chat_template, encoding="utf-8")

    def encode(self, text: str, *, parse_special: bool = True) -> list[int]:
        """Turn text into ids, with what the vocabulary puts around a text (such as a begin token).

        Args:
            text: any text.
            parse_special: False reads `<|...|>` in the text as letters: for text from strangers.

        Raises:
            InputError: if the text holds half a pair of surrogates.
        """
        self.core.encode_special_tokens = not parse_special
        try:
            return self._ids(text)
        finally:
            self.core.encode_special_tokens = False

    def encode_document(self, text: str, *, with_end: bool = True) -> list[int]:
        """Turn a whole text into ids for training: begin token, text, end token; `<|...|>` in it are letters.

        The end token also begins a text where the vocabulary has no begin token, and what the vocabulary lacks is
        left out: so the first token of a text can be predicted too.

        Args:
            text: any text.
            with_end: put the end token behind it.
        """
        self.core.encode_special_tokens = True
        try:
            ids = self._ids(text, add_special_tokens=False)
        finally:
            self.core.encode_special_tokens = False
        end = [] if self.eos_id is None else [self.eos_id]
        return [*(end if self.bos_id is None else [self.bos_id]), *ids, *(end if with_end else [])]

    def decode(self, ids: Sequence[int], *, skip_special: bool = True) -> str:
        """Turn ids into text; bytes that are not whole characters become U+FFFD."""
        return str(self.core.decode(list(ids), skip_special_tokens=skip_special))

    def render_chat(self, messages: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool = True) -> str:
        """Write a conversation as the model saw it in training.

        Args:
            messages: `{"role": ..., "content": ...}` each.
            add_generation_prompt: end with the words that begin an answer.

        Raises:
            InputError: if there is no chat template, or it refuses these messages.
        """
        if self.chat_template is None:
            raise InputError("this tokenizer has no chat template", where=self.where, hint="give plain text instead")
        import jinja2
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        def refuse(message: str) -> None:
            raise jinja2.TemplateError(message)

        # Templates are code from strangers: sandboxed, with the few extras that they rely on elsewhere.
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
        environment.globals["raise_exception"] = refuse
        special = {name: token for name in _NAMED if (token := self._special(name)) is not None}
        try:
            template = environment.from_string(self.chat_template)
            return template.render(messages=messages, add_generation_prompt=add_generation_prompt, **special)
        except Exception as error:  # of whatever kind the stranger's code raises
            raise InputError(f"the chat template refuses these messages: {error}", where=self.where) from None

    def encode_chat(self, messages: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool = True) -> list[int]:
        """Turn a conversation into ids; the template brings all special tokens itself.

        Raises:
            InputError: as `render_chat`.
        """
        text = self.render_chat(messages, add_generation_prompt=add_generation_prompt)
        return self._ids(text, add_special_tokens=False)

    @property
    def vocab_size(self) -> int:
        """Number of entries, added tokens included; a model's embedding may have more rows."""
        return int(self.core.get_vocab_size(with_added_tokens=True))

    @property
    def bos_id(self) -> int | None:
        """Token that begins a text."""
        return self._id("bos_token")

    @property
    def eos_id(self) -> int | None:
        """Token that ends a text or an answer."""
        return self._id("eos_token")

    @property
    def pad_id(self) -> int | None:
        """Token that fills up a batch."""
        return self._id("pad_token")

    @property
    def placeholders(self) -> dict[str, int]:
        """Id of the placeholder token of each modality that the vocabulary has one for."""
        ids = {modality: self.core.token_to_id(token) for modality, token in PLACEHOLDERS.items()}
        return {modality: token_id for modality, token_id in ids.items() if token_id is not None}

    def _ids(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        try:
            return list(self.core.encode(text, add_special_tokens=add_special_tokens).ids)
        except TypeError:  # what the library says of a string that has no UTF-8
            raise InputError("the text holds half a character (a lone surrogate)", hint="give whole ones") from None

    def _special(self, name: str) -> str | None:
        token = self.settings.get(name)
        return token["content"] if isinstance(token, dict) else token

    def _id(self, name: str) -> int | None:
        token = self._special(name)
        return None if token is None else self.core.token_to_id(token)


def _read_settings(file: Path) -> dict[str, Any]:
    """Return what `tokenizer_config.json` says, its special tokens as texts, its plain chat template as one text."""
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", where=str(file), hint="fetch the file again") from None
    if not isinstance(settings, dict):
        raise InputError(f"a JSON object was expected, not {type(settings).__name__}", where=str(file))
    for name in _NAMED:
        token = settings.get(name)
        token = token.get("content") if isinstance(token, dict) else token
        if token is not None and not isinstance(token, str):
            raise InputError(f"{name} is {token!r}", where=str(file), hint="a text was expected")
    template = settings.get("chat_template")
    if isinstance(template, list):  # several by name; the plain one is called default
        named = [entry for entry in template if isinstance(entry, dict) and entry.get("name") == "default"]
        settings["chat_template"] = template = named[0].get("template") if named else None
    if template is not None and not isinstance(template, str):
        raise InputError("chat_template is no text", where=str(file), hint="fetch the file again")
    return settings
