"""Our vocabulary, and the tokenizers of others through the same class."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.shared_data import SHARED

from trivium.core_model.tokenizer import Tokenizer
from trivium.core_model.train_tokenizer import SPECIAL, train
from trivium.service.errors import InputError

CORPUS = SHARED / "data" / "corpus"
BUILTIN = Tokenizer.builtin()


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_any_text_survives(text):
    assert BUILTIN.decode(BUILTIN.encode(text, parse_special=False), skip_special=False) == text


def test_half_a_character_is_named():
    for encode in (BUILTIN.encode, BUILTIN.encode_document):
        with pytest.raises(InputError, match="the text holds half a character"):
            encode("a\ud800")


def test_digits_stand_alone_and_chinese_is_short():
    assert [BUILTIN.decode([token]) for token in BUILTIN.encode("1,234.5")] == ["1", ",", "2", "3", "4", ".", "5"]
    # 18 characters of modern Chinese; SmolLM2's vocabulary needs 36 tokens for them.
    assert len(BUILTIN.encode("函数返回一个数组，其中包含所有的元素。")) <= 16
    assert len(BUILTIN.encode("Revenue grew because demand for the product was strong.")) <= 13


def test_special_tokens():
    assert BUILTIN.vocab_size == 16_384
    assert [BUILTIN.core.token_to_id(token) for token in SPECIAL] == list(range(16))
    assert BUILTIN.placeholders == {"image": 6, "points": 7, "sensor": 8}
    assert (BUILTIN.bos_id, BUILTIN.eos_id, BUILTIN.pad_id) == (None, 3, 0)
    assert BUILTIN.encode("<|image|>") == [6]
    assert 6 not in BUILTIN.encode("<|image|>", parse_special=False)
    assert BUILTIN.decode([6, *BUILTIN.encode("a")]) == "a"


def test_chat():
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    text = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n"
    assert BUILTIN.render_chat(messages, add_generation_prompt=False) == text
    assert BUILTIN.render_chat(messages[:1]) == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    ids = BUILTIN.encode_chat(messages[:1])
    assert ids[0] == 2
    assert BUILTIN.decode(ids, skip_special=False) == BUILTIN.render_chat(messages[:1])


def test_transformers_reads_it_alike(tmp_path):
    from transformers import AutoTokenizer

    BUILTIN.save(tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    text = "Net sales rose 12.3% — 同比增长12.3%。\n\tdef f(x):\n        return x"
    messages = [{"role": "user", "content": text}]
    assert theirs.encode(text) == BUILTIN.encode(text)
    assert theirs.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) == BUILTIN.render_chat(
        messages
    )
    assert (theirs.eos_token_id, theirs.pad_token_id, theirs.model_max_length) == (3, 0, 4096)


def test_a_folder_survives(tmp_path):
    BUILTIN.save(tmp_path)
    again = Tokenizer.from_folder(tmp_path)
    assert again.encode("价格 rose 5%") == BUILTIN.encode("价格 rose 5%")
    assert again.chat_template == BUILTIN.chat_template
    assert again.settings == BUILTIN.settings


def test_templates_of_others(tmp_path):
    BUILTIN.save(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    template = (
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}"
        "[{{ m.content | trim }}]{% endfor %}"
    )
    config |= {"bos_token": {"content": "<|endoftext|>"}, "chat_template": [{"name": "default", "template": template}]}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = Tokenizer.from_folder(tmp_path)
    assert tokenizer.bos_id == 1
    assert tokenizer.render_chat([{"role": "user", "content": " a "}]) == "<|endoftext|>[a]"
    with pytest.raises(InputError, match="the chat template refuses these messages: no tools"):
        tokenizer.render_chat([{"role": "tool", "content": "a"}])


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(InputError, match=r"tokenizer\.json is missing; copy it from where the checkpoint came from"):
        Tokenizer.from_folder(tmp_path)
    with pytest.raises(InputError, match=r"nowhere: no such folder; give the folder that holds tokenizer\.json"):
        Tokenizer.from_folder(tmp_path / "nowhere")
    BUILTIN.save(tmp_path / "run" / "model")
    with pytest.raises(InputError, match=r"run: tokenizer\.json is missing; give .*run/model$"):
        Tokenizer.from_folder(tmp_path / "run")
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(InputError, match=r"tokenizer\.json: not a tokenizer: .*; fetch the file again"):
        Tokenizer.from_folder(tmp_path)
    with pytest.raises(InputError, match="this tokenizer has no chat template"):
        Tokenizer(BUILTIN.core, {}).render_chat([])
    with pytest.raises(InputError, match=r"medquad: no train\.jsonl\.gz there"):
        train(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no corpus at {CORPUS}")
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer_config.json", b"{", "tokenizer_config.json: not JSON: .*; fetch the file again"),
        ("tokenizer_config.json", b"\xff", "tokenizer_config.json: not JSON"),
        ("tokenizer_config.json", b"[]", "tokenizer_config.json: a JSON object was expected, not list"),
        ("tokenizer_config.json", b'{"eos_token": 5}', "eos_token is 5; a text was expected"),
        ("tokenizer_config.json", b'{"chat_template": 5}', "chat_template is no text"),
        (
            "chat_template.jinja",
            b"{{ messages + 1 }}",
            "the chat template refuses these messages: can only concatenate",
        ),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, content, message):
    BUILTIN.save(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        Tokenizer.from_folder(tmp_path).encode_chat([{"role": "user", "content": "x"}])


def test_the_command_makes_the_shipped_vocabulary():
    assert json.loads(train(CORPUS).core.to_str()) == json.loads(BUILTIN.core.to_str())


def test_a_document_begins_and_ends_and_its_marks_are_letters():
    tokenizer = Tokenizer.builtin()
    ids = tokenizer.encode_document("a <|image|> b")
    assert ids[0] == ids[-1] == tokenizer.eos_id
    assert tokenizer.placeholders["image"] not in ids
    assert tokenizer.decode(ids[1:-1], skip_special=False) == "a <|image|> b"
    assert tokenizer.encode("<|image|>") == [tokenizer.placeholders["image"]]
