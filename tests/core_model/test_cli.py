"""The core's commands as a user types them: help without torch, what they print, and one line for each mistake."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from tests.core_model.small import small_config
from tests.core_model.training import settings

from trivium.core_model.checkpoint import save_pretrained
from trivium.core_model.decoder import new_decoder
from trivium.core_model.tokenizer import Tokenizer
from trivium.service.cli import run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def only_the_core(monkeypatch):
    monkeypatch.setenv("TRIVIUM_APPS", "core_model")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    tokenizer = Tokenizer.builtin()
    config = small_config(vocab_size=tokenizer.vocab_size, eos_ids=(), dim=16)
    save_pretrained(new_decoder(config, seed=1), folder)
    tokenizer.save(folder)
    return folder


def test_help_lists_the_commands_at_the_top_and_imports_no_torch():
    code = (
        "import sys; from trivium.service.cli import run; run(['--help'])\n"
        "heavy = {'torch', 'tokenizers', 'safetensors', 'trivium.core_model.cli'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ.copy(), capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for command in ("train", "generate", "eval", "export"):
        assert f"\u2502 {command} " in done.stdout
    assert "core_model" not in done.stdout


@pytest.mark.parametrize("command", ["train", "generate", "eval", "export"])
def test_every_command_has_an_example(command, capsys):
    assert run([command, "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"Example: trivium {command} " in said
    shown = [word for word in said.partition("Example: ")[2].split() if word.endswith((".yaml", ".md"))]
    assert all((ROOT / word).is_file() for word in shown)


def test_the_lines_of_help_are_those_of_the_commands():
    import typer

    from trivium.core_model.app import SPEC
    from trivium.core_model.cli import app

    found = typer.main.get_command(app).commands
    assert {name: command.help for name, command in found.items()} == dict(SPEC.commands)


def test_generate_prints_the_continuation(model, capsys, monkeypatch):
    from io import StringIO

    arguments = ["generate", "--model", str(model), "--max-new-tokens", "8", "--temperature", "1", "--seed", "3"]
    assert run([*arguments, "--prompt", "Net sales"]) == 0
    said = capsys.readouterr().out
    assert len(said.strip()) > 5
    monkeypatch.setattr("sys.stdin", StringIO("Net sales"))
    assert run([*arguments, "--prompt", "-"]) == 0
    assert capsys.readouterr().out == said
    assert run([*arguments, "--prompt", "Net sales", "--stop", said[3:6]]) == 0
    assert capsys.readouterr().out == said[: said.index(said[3:6])] + "\n"
    assert run([*arguments, "--prompt", "Net sales", "--chat"]) == 0
    assert capsys.readouterr().out != said


def test_generate_continues_the_prompts_of_a_file(model, tmp_path, capsys):
    file = tmp_path / "prompts.txt"
    file.write_text('net sales\n\n"two\\nlines"\nrevenue\n', encoding="utf-8")
    arguments = ["generate", "--model", str(model), "--max-new-tokens", "6", "--dtype", "float64"]
    assert run([*arguments, "--prompts", str(file)]) == 0
    rows = {row["line"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert [rows[line]["prompt"] for line in (1, 3, 4)] == ["net sales", "two\nlines", "revenue"]
    for row in rows.values():
        assert run([*arguments, "--prompt", row["prompt"]]) == 0
        assert capsys.readouterr().out == row["text"] + "\n"
    assert run([*arguments, "--prompts", str(file), "--prompt", "x"]) == 2
    file.write_text('"open', encoding="utf-8")
    assert run([*arguments, "--prompts", str(file)]) == 1
    assert "prompts.txt, line 1: no JSON string" in capsys.readouterr().err
    file.write_bytes(b"a\xff")
    assert run([*arguments, "--prompts", str(file)]) == 1
    assert "prompts.txt: no UTF-8 (invalid start byte at byte 1)" in capsys.readouterr().err
    file.write_text("net\n" + "sales " * 90, encoding="utf-8")
    assert run([*arguments, "--prompts", str(file)]) == 1
    assert "prompt 2 has 91 tokens and 6 more were asked for, but the context holds 64" in capsys.readouterr().err


def test_eval_prints_a_table_or_json(model, tmp_path, capsys):
    (tmp_path / "a.txt").write_text("Net sales rose.")
    (tmp_path / "b.jsonl").write_text('{"text": "One."}\n{"text": "Two."}\n')
    assert run(["eval", str(tmp_path), "--model", str(model)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["documents", "1", "2", "3"]
    assert lines[-1].endswith("  total")
    assert run(["eval", str(tmp_path), "--model", str(model), "--json", "--limit", "1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["total"]["documents"] == 2
    assert told["total"]["bytes"] == 19
    # An untrained model knows nothing: about ln(16384) nats per token.
    assert told["total"]["loss"] == pytest.approx(9.7, abs=0.3)


def test_export_writes_another_dtype(model, tmp_path, capsys):
    assert run(["export", "--model", str(model), "--out", str(tmp_path / "half"), "--dtype", "bfloat16"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'half'}: model.safetensors\n"
    assert json.loads((tmp_path / "half" / "config.json").read_text())["dtype"] == "bfloat16"


@pytest.mark.slow
def test_train_then_resume_then_generate(tmp_path, capsys):
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(settings(tmp_path, steps=4)))
    assert run(["train", str(file)]) == 0
    assert f"{tmp_path / 'run'}/model: 4 steps, last loss " in capsys.readouterr().out
    assert run(["train", str(file)]) == 1
    assert "checkpoints up to step 4 lies there; go on with --resume" in capsys.readouterr().err
    assert run(["train", str(file), "--resume"]) == 0
    assert (
        run(["generate", "--model", str(tmp_path / "run" / "model"), "--prompt", "net", "--max-new-tokens", "4"]) == 0
    )
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["train", "nowhere.yaml"], "nowhere.yaml: no such file; give a YAML file of settings"),
        (["generate", "--model", "{empty}", "--prompt", "x"], "{empty}: tokenizer.json is missing; copy it from where"),
        (
            ["generate", "--model", "{model}", "--prompt", "x", "--device", "gpu"],
            "device 'gpu' is unknown; use cpu, cuda",
        ),
        (["generate", "--model", "{model}", "--prompt", ""], "prompt 1 is empty; give at least one token"),
        (
            ["generate", "--model", "{model}", "--prompt", " sales" * 60],
            "prompt 1 has 60 tokens and 128 more were asked for, but the context holds 64; shorten the prompt",
        ),
        (
            ["eval", "{page}", "--model", "{model}", "--holdout", "1e-9"],
            "no document was left to measure; holdout is 1e-09",
        ),
        (["eval", "nowhere", "--model", "{model}"], "nowhere: no such file or folder"),
        (["export", "--model", "{model}", "--out", "{model}"], "{model}: model and out are the same folder"),
    ],
)
def test_mistakes_are_one_line(model, tmp_path, capsys, arguments, error):
    places = {"model": model, "empty": tmp_path, "page": ROOT / "README.md"}
    assert run([argument.format(**places) for argument in arguments]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"trivium: {error.format(**places)}")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["generate", "--model", "m", "--prompt", "x", "--top-p", "2"], "top_p is 2.0; use more than 0"),
        (["eval", "--model", "m"], "texts and tasks are measured one at a time; give TEXT... or --tasks"),
        (["eval", "text", "--model", "m", "--holdout", "2"], "holdout is 2.0; use a share from 0 to below 1"),
    ],
)
def test_wrong_options_are_wrong_use(capsys, arguments, error):
    assert run(arguments) == 2
    assert error in capsys.readouterr().err


def test_a_missing_model_is_wrong_use(capsys):
    assert run(["generate", "--prompt", "x"]) == 2
    assert capsys.readouterr().err == "trivium: Missing option '--model'; see: trivium generate --help\n"
