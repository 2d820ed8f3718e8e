"""The Python in docs/core.md runs as it stands."""

import importlib.util
import re
from pathlib import Path

import pytest
from tests.core_model.small import small_config

from trivium.core_model import Tokenizer, new_decoder, save_pretrained

PAGE = Path(__file__).parents[2] / "docs" / "core.md"


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning:transformers.*")
@pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="package peft is not installed")
def test_the_page_runs(tmp_path, capsys):
    tokenizer = Tokenizer.builtin()
    save_pretrained(new_decoder(small_config("experts", vocab_size=tokenizer.vocab_size), seed=1), tmp_path / "in")
    tokenizer.save(tmp_path / "in")
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names = {"folder": tmp_path / "in", "out": tmp_path / "out"}
    exec(compile("\n".join(blocks), str(PAGE), "exec"), names)
    assert names["logits"].shape == (1, 4, tokenizer.vocab_size)
    assert len(names["texts"]) == 2
    assert 1 <= len(names["tokens"]) <= 8
    assert names["adapted"].peft_type == "LORA"
    assert names["sparse"].config.expert_rank == 4
    assert capsys.readouterr().out
