"""Make our vocabulary from open text: `python -m trivium.core_model.train_tokenizer CORPUS OUT [--seed 0]`.

CORPUS holds one folder per source with `train.jsonl.gz`, one `{"text": ...}` a line. The same corpus and seed give
the same bytes. Byte-level BPE: any text can be written, and digits stand alone so that numbers are read alike.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from trivium.core_model.tokenizer import PLACEHOLDERS, Tokenizer
from trivium.service.errors import InputError

__all__ = ["SPECIAL", "read_texts", "train"]

# Source -> characters taken at most. Modern Chinese is scarce, so all of it is taken, and twice.
SOURCES = {
    "medquad": 4_000_000,
    "python_docs": 3_000_000,
    "openstax_economics": 3_000_000,
    "openstax_business": 3_000_000,
    "openstax_python": 3_000_000,
    "nltk_state_union": 2_000_000,
    "nltk_inaugural": 1_000_000,
    "tiny_shakespeare": 500_000,
    "rust_book_en": 2_000_000,
    "rust_book_zh": 2_000_000,
    "d2l_zh": 4_000_000,
    "react_docs_zh": 3_000_000,
    "vue_docs_zh": 2_000_000,
    "chinese_poetry": 700_000,
}
VOCABULARY = 16_384
END, PAD, TURN, DONE = "<|endoftext|>", "<|pad|>", "<|im_start|>", "<|im_end|>"
SPECIAL = [PAD, END, TURN, DONE, "<think>", "</think>", *PLACEHOLDERS.values(), *(f"<|spare{i}|>" for i in range(7))]
# Chinese apart from other letters; one digit at a time; a space goes with the word after it.
WORDS = r"\p{Han}+|[^\r\n\p{L}\p{N}]?(?:(?!\p{Han})\p{L})+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CHAT = """\
{% for message in messages %}
{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}
{%- endfor %}
{% if add_generation_prompt %}
{{ '<|im_start|>assistant\\n' }}
{%- endif %}"""
_HAN = re.compile("[\u4e00-\u9fff]")


def train(corpus: str | Path, *, seed: int = 0, vocabulary: int = VOCABULARY) -> Tokenizer:
    """Train a byte-level BPE on the corpus.

    Args:
        corpus: folder of sources.
        seed: picks the documents of sources that are longer than their share.
        vocabulary: entries, special tokens included.

    Raises:
        InputError: if the corpus lacks a source.
    """
    core = tokenizers.Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=SPECIAL,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator(read_texts(corpus, seed), trainer)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": DONE,
        "pad_token": PAD,
        "model_max_length": 4096,
        "clean_up_tokenization_spaces": False,
        "extra_special_tokens": {f"{modality}_token": token for modality, token in PLACEHOLDERS.items()},
    }
    return Tokenizer(core, settings, CHAT)


def read_texts(corpus: str | Path, seed: int) -> Iterator[str]:
    """Yield documents of every source up to its share; those that are mostly modern Chinese come twice.

    Raises:
        InputError: if the corpus lacks a source.
    """
    for source, share in SOURCES.items():
        file = Path(corpus) / source / "train.jsonl.gz"
        if not file.is_file():
            raise InputError("no train.jsonl.gz there", where=str(file.parent), hint="see docs/data.md")
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            texts = [json.loads(line)["text"] for line in lines]
        random.Random(f"{seed} {source}").shuffle(texts)
        taken = 0
        for text in texts:
            if taken >= share:
                break
            taken += len(text)
            yield text
            if source.endswith("_zh") and len(_HAN.findall(text)) > 0.2 * len(text):
                yield text


def main() -> None:
    """Read the command line, train, write and say the hash."""
    parser = argparse.ArgumentParser(description="Train our vocabulary.")
    parser.add_argument("corpus", type=Path, help="folder with one folder per source")
    parser.add_argument("out", type=Path, help="folder to write tokenizer.json and its settings to")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    train(arguments.corpus, seed=arguments.seed).save(arguments.out)
    digest = hashlib.sha256((arguments.out / "tokenizer.json").read_bytes()).hexdigest()
    print(f"{arguments.out / 'tokenizer.json'}  sha256 {digest}")


if __name__ == "__main__":
    main()
