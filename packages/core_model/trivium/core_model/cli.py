"""The core's commands: `trivium train | generate | eval | export`. Torch is imported when one of them runs."""

from __future__ import annotations

import functools
import json
import operator
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trivium.service.errors import InputError

if TYPE_CHECKING:
    from trivium.core_model.decoder import Decoder
    from trivium.core_model.evaluate.perplexity import TextScore
    from trivium.core_model.generate import Sampling
    from trivium.core_model.tokenizer import Tokenizer

app = typer.Typer(no_args_is_help=True)

ModelFolder = Annotated[
    Path, typer.Option("--model", metavar="DIR", help="Folder with config.json, model.safetensors, tokenizer.json.")
]
Dtype = Annotated[
    str, typer.Option(help="Of the weights: float32, float16, bfloat16, float64; the file's own if empty.")
]
Device = Annotated[str, typer.Option(help="Where to compute, such as cpu or cuda.")]


@app.command(epilog="Example: trivium train examples/train_small/docs.yaml")
def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML file of settings; see docs/training.md.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
) -> None:
    """Train a language model on text and write it as a checkpoint folder."""
    from trivium.core_model.train.__main__ import main

    raise typer.Exit(main([str(config), *(["--resume"] if resume else [])]))


@app.command(epilog='Example: trivium generate --model out/docs/model --prompt "Data goes one way" --temperature 0.8')
def generate(
    model: ModelFolder,
    prompt: Annotated[str | None, typer.Option(help="Text to continue; - reads standard input.")] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="File with a prompt on each line, plain or a JSON string; prints JSON lines.",
        ),
    ] = None,
    chat: Annotated[bool, typer.Option("--chat", help="The prompt is a user's message to a chat model.")] = False,
    max_new_tokens: Annotated[int, typer.Option(help="Stop after so many.")] = 128,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest; above, tokens are drawn.")] = 0.0,
    top_k: Annotated[int, typer.Option(help="Draw among so many likeliest; 0 for all.")] = 0,
    top_p: Annotated[float, typer.Option(help="Draw among the likeliest that reach this probability.")] = 1.0,
    min_p: Annotated[float, typer.Option(help="Draw among those this share as likely as the likeliest.")] = 0.0,
    repetition: Annotated[float, typer.Option(help="Above 1, tokens that occurred become less likely.")] = 1.0,
    stop: Annotated[list[str] | None, typer.Option(help="Text that ends it and is cut off; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same draws.")] = 0,
    dtype: Dtype = "",
    device: Device = "cpu",
) -> None:
    """Continue a text, printed as it comes, or many at once, each printed when it ends."""
    from trivium.core_model.generate import Sampling, stream_text

    if (prompt is None) == (prompts is None):
        raise typer.BadParameter("give either --prompt or --prompts")

    try:
        sampling = Sampling(
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            repetition=repetition,
            stop=tuple(stop or ()),
            seed=seed,
        )
    except InputError as error:
        raise typer.BadParameter(error.line) from None
    decoder, tokenizer = _load(model, dtype, device)
    if prompts is not None:
        if chat:
            raise typer.BadParameter("--chat takes one --prompt")
        _generate_many(decoder, tokenizer, prompts, sampling)
        return
    text = sys.stdin.read() if prompt == "-" else prompt or ""
    ids = tokenizer.encode_chat([{"role": "user", "content": text}]) if chat else tokenizer.encode(text)
    for piece in stream_text(decoder, tokenizer, ids, sampling):
        typer.echo(piece, nl=False)
        sys.stdout.flush()
    typer.echo()


def _generate_many(decoder: Decoder, tokenizer: Tokenizer, file: Path, sampling: Sampling) -> None:
    from tqdm import tqdm

    from trivium.core_model.serve.texts import continue_texts

    prompts = _read_prompts(file)
    ended = continue_texts(decoder, tokenizer, [text for _, text in prompts], sampling)
    for one in tqdm(ended, total=len(prompts), unit="text", disable=not sys.stderr.isatty()):
        line, prompt = prompts[one.number]
        row = {"line": line, "prompt": prompt, "text": one.text, "finish": one.finish}
        typer.echo(json.dumps(row, ensure_ascii=False))


def _read_prompts(file: Path) -> list[tuple[int, str]]:
    """Return the lines that are not blank, by their numbers."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as reason:
        raise InputError(f"no UTF-8 ({reason.reason} at byte {reason.start})", where=str(file)) from None
    prompts = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text.startswith('"'):
            try:
                text = json.loads(text)
            except ValueError as reason:
                raise InputError(f"{file}, line {number}: no JSON string ({reason})", hint="quote it whole") from None
        if text:
            prompts.append((number, text))
    if not prompts:
        raise InputError(f"{file} holds no prompt", hint="write one on each line")
    return prompts


@app.command("eval", epilog="Example: trivium eval README.md --model out/docs/model")
def evaluate(
    model: ModelFolder,
    sources: Annotated[
        list[Path] | None, typer.Argument(metavar="TEXT...", help="Text or JSON-lines files, or folders of them.")
    ] = None,
    holdout: Annotated[
        float, typer.Option(help="Only the share of documents that training with the same holdout left out; 0: all.")
    ] = 0.0,
    limit: Annotated[
        int, typer.Option(min=0, help="Documents of each file, or questions of each task; 0 for all.")
    ] = 0,
    window: Annotated[int, typer.Option(help="Tokens read at once; 0: the context, 2048 at most.")] = 0,
    overlap: Annotated[int, typer.Option(help="Tokens of a window that only give context.")] = 0,
    tasks: Annotated[str, typer.Option(help="Tasks of lm-evaluation-harness, separated by commas.")] = "",
    tasks_folder: Annotated[Path | None, typer.Option(help="Folder of task files; only these are known then.")] = None,
    fewshot: Annotated[int | None, typer.Option(help="Worked examples before each question.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")] = False,
    dtype: Dtype = "",
    device: Device = "cpu",
) -> None:
    """Measure a model: bits per byte and perplexity of texts, or tasks."""
    if not 0 <= holdout < 1:
        raise typer.BadParameter(f"holdout is {holdout}; use a share from 0 to below 1")
    if bool(sources) == bool(tasks):
        raise typer.BadParameter("texts and tasks are measured one at a time; give TEXT... or --tasks")
    decoder, tokenizer = _load(model, dtype, device)
    if tasks:
        from trivium.core_model.evaluate.harness import run_tasks

        names = [name.strip() for name in tasks.split(",") if name.strip()]
        results = run_tasks(decoder, model, names, include_path=tasks_folder, num_fewshot=fewshot, limit=limit or None)
        _print_tasks(results, as_json)
        return
    scores = {}
    for file, score in _score_files(decoder, tokenizer, sources or [], holdout, limit, window, overlap):
        if score.documents:
            scores[file] = score
            if not as_json:
                _print_score(file, score, is_first=len(scores) == 1)
    if not scores:
        raise InputError("no document was left to measure", hint=f"holdout is {holdout}; 0 measures all")
    total = functools.reduce(operator.add, scores.values())
    if as_json:
        typer.echo(json.dumps({name: _as_json(score) for name, score in {**scores, "total": total}.items()}, indent=2))
    elif len(scores) > 1:
        _print_score("total", total, is_first=False)


@app.command(epilog="Example: trivium export --model out/docs/model --out out/half --dtype bfloat16")
def export(
    model: ModelFolder,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write; made if need be.")],
    family: Annotated[
        str, typer.Option(help="Layout: trivium, llama, mixtral, qwen3_moe, deepseek_v3; its own if empty.")
    ] = "",
    dtype: Dtype = "",
    shard_mib: Annotated[int, typer.Option(help="Largest weight file.", min=1)] = 2048,
) -> None:
    """Write a checkpoint in another Hugging Face layout, dtype or shard size."""
    from trivium.core_model.export import export as write

    files = write(model, out, family=family or None, dtype=dtype or None, shard_bytes=shard_mib * 1024**2)
    typer.echo(f"{out}: {', '.join(sorted(file.name for file in out.glob('*.safetensors')))}")
    if "tokenizer.json" not in files:
        typer.echo("no tokenizer.json lay beside the model, so none was written", err=True)


def _load(model: Path, dtype: str, device: str) -> tuple[Decoder, Tokenizer]:
    """Read the tokenizer first: it is small, and its absence is worth knowing before the weights are read."""
    from trivium.core_model.checkpoint import from_pretrained
    from trivium.core_model.device import usable_device
    from trivium.core_model.tokenizer import Tokenizer

    place = usable_device(device)
    tokenizer = Tokenizer.from_folder(model)
    return from_pretrained(model, dtype=dtype or None, device=place), tokenizer


def _score_files(
    decoder: Decoder,
    tokenizer: Tokenizer,
    sources: list[Path],
    holdout: float,
    limit: int,
    window: int,
    overlap: int,
) -> Iterator[tuple[str, TextScore]]:
    from tqdm import tqdm

    from trivium.core_model.data.tokens import find_files, is_held_out, read_documents
    from trivium.core_model.evaluate.perplexity import score_texts

    for file in find_files(sources):
        texts = (text for text in read_documents(file) if not holdout or is_held_out(text, holdout))
        shown = tqdm(
            islice(texts, limit or None), desc=file.name, unit="doc", disable=not sys.stderr.isatty(), leave=False
        )
        yield str(file), score_texts(decoder, tokenizer, shown, window=window, overlap=overlap)


def _print_score(name: str, score: TextScore, *, is_first: bool) -> None:
    if is_first:
        typer.echo(f"{'documents':>9} {'tokens':>9} {'loss':>7} {'perplexity':>10} {'bits/byte':>9}  text")
    typer.echo(
        f"{score.documents:9} {score.tokens:9} {score.loss:7.4f} {score.perplexity:10.2f} "
        f"{score.bits_per_byte:9.4f}  {name}"
    )


def _as_json(score: TextScore) -> dict[str, Any]:
    return {
        "documents": score.documents,
        "tokens": score.tokens,
        "bytes": score.num_bytes,
        "loss": score.loss,
        "perplexity": score.perplexity,
        "bits_per_byte": score.bits_per_byte,
    }


def _print_tasks(results: dict[str, dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(results, indent=2, default=str))
        return
    for task, measures in results.items():
        for name, value in measures.items():
            if isinstance(value, float):
                typer.echo(f"{task:30} {name:30} {value:.4f}")
