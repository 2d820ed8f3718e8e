"""The decoder as a whole: seeds, outputs, look-ahead, wrong use, and what importing it imports."""

import subprocess
import sys

import pytest
import torch
from tests.core_model.small import KINDS, small_config

from trivium.core_model.decoder import new_decoder, next_token_loss
from trivium.service.errors import InputError


def ids(batch: int, length: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(3, 97, (batch, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_model(kind):
    first, second, other = (new_decoder(small_config(kind), seed=seed).state_dict() for seed in (4, 4, 5))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["embedding.weight"], other["embedding.weight"])
    assert all(torch.isfinite(value).all() for value in first.values())


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_learns(kind):
    decoder = new_decoder(small_config(kind, num_mtp_layers=1), seed=1)
    for name, parameter in decoder.named_parameters():  # low-rank experts begin with zeros that stop gradients
        if name.endswith("_out"):
            parameter.data.normal_(0.0, 0.1, generator=torch.Generator().manual_seed(0))
    tokens = ids(4, 20)
    out = decoder(tokens, look_ahead=True)
    loss = next_token_loss(out.logits, tokens) + next_token_loss(out.ahead[0], tokens, shift=2)
    loss.backward()
    without = [name for name, parameter in decoder.named_parameters() if parameter.grad is None]
    assert without == []


def test_the_last_logits_alone():
    decoder = new_decoder(small_config(), seed=1)
    out = decoder(ids(2, 9))
    assert out.logits.shape == (2, 9, 97)
    assert torch.allclose(decoder(ids(2, 9), keep_logits=1).logits, out.logits[:, -1:], atol=1e-6)


def test_embeddings_in_place_of_ids():
    decoder = new_decoder(small_config(), seed=1)
    tokens = ids(2, 9)
    assert torch.equal(decoder(inputs_embeds=decoder.embedding(tokens)).logits, decoder(tokens).logits)
    with pytest.raises(ValueError, match="give either input_ids or inputs_embeds"):
        decoder()


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.tensor([3, 4]), r"input_ids is int64 of shape \[2\]; give whole numbers, \(batch, tokens\)"),
        (torch.tensor([[3.0]]), r"input_ids is float32 of shape \[1, 1\]"),
        (torch.zeros(1, 0, dtype=torch.long), r"input_ids is int64 of shape \[1, 0\]; .* with a token at least"),
        (torch.tensor([[3, 97]]), "input_ids holds token 97, outside 0 to 96; use the tokenizer that lies beside"),
        (torch.tensor([[-100, 3]]), "input_ids holds token -100, outside 0 to 96"),
    ],
)
def test_what_is_no_batch_of_tokens_is_named(tokens, message):
    with pytest.raises(InputError, match=message):
        new_decoder(small_config(), seed=1)(tokens)


@pytest.mark.parametrize("kind", KINDS)
def test_documents_in_one_row_are_as_if_alone(kind):
    decoder = new_decoder(small_config(kind, num_mtp_layers=1), seed=1, dtype=torch.float64)
    first, second = ids(1, 9), ids(1, 7, seed=1)
    documents = torch.tensor([[0] * 9 + [1] * 7])
    positions = torch.tensor([[*range(9), *range(7)]])
    packed = decoder(torch.cat((first, second), 1), positions=positions, documents=documents, look_ahead=True)
    alone = [decoder(tokens, look_ahead=True) for tokens in (first, second)]
    assert torch.allclose(packed.logits, torch.cat([out.logits for out in alone], 1), atol=1e-10)
    assert torch.allclose(packed.ahead[0][:, :8], alone[0].ahead[0], atol=1e-10)
    assert torch.allclose(packed.ahead[0][:, 9:], alone[1].ahead[0], atol=1e-10)
    with pytest.raises(ValueError, match="documents need positions and no cache"):
        decoder(first, documents=documents[:, :9])


@pytest.mark.parametrize("kind", ["grouped", "latent-experts"])
def test_look_ahead_follows_the_paper(kind):
    """Equations 21-23 of arXiv 2412.19437, written out for two steps."""
    decoder = new_decoder(small_config(kind, num_mtp_layers=2), seed=1)
    tokens = ids(2, 10)
    out = decoder(tokens, look_ahead=True)
    assert [tuple(logits.shape) for logits in out.ahead] == [(2, 9, 97), (2, 8, 97)]
    hidden = out.hidden
    plain = decoder(tokens[:, :-1])
    for step, module in enumerate(decoder.ahead, start=1):
        length = 10 - step
        joined = torch.cat(
            (
                module.embedding_norm(decoder.embedding(tokens[:, step:])),
                module.hidden_norm(hidden[:, :length]),
            ),
            dim=-1,
        )
        positions = torch.arange(length).expand(2, length)
        rotation = decoder.rotary(positions, torch.float32)
        from trivium.core_model.layers.visibility import Visibility

        hidden, _ = module.block(joined @ module.project.weight.T, rotation, Visibility(positions, positions))
        assert torch.allclose(out.ahead[step - 1], decoder.project(module.norm(hidden)), atol=1e-5)
    assert torch.allclose(plain.logits, out.logits[:, :-1], atol=1e-5)


def test_loss_by_hand():
    logits = torch.zeros(1, 3, 4)
    logits[0, 0, 2] = 1.0
    labels = torch.tensor([[0, 2, -100]])
    # -ln(e / (e + 3)) for the only counted place
    assert float(next_token_loss(logits, labels)) == pytest.approx(0.743668, abs=1e-6)


BARE = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Block())
import trivium.core_model, trivium.core_model.app, trivium.core_model.config
assert "torch" not in sys.modules and "transformers" not in sys.modules
{more}
print("fine")
"""


def run_bare(blocked: set[str], more: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", BARE.format(blocked=blocked, more=more)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or done.stderr


def test_importing_the_package_imports_no_torch():
    assert run_bare({"torch", "numpy"}, "") == "fine"


@pytest.mark.slow
def test_the_core_runs_without_the_platform():
    more = (
        "import trivium.core_model as core, types\n"
        "assert not any(isinstance(getattr(core, name), types.ModuleType) for name in 2 * core.__all__)\n"
        "import trivium.core_model.train.text, trivium.core_model.train.__main__, trivium.core_model.heads\n"
        "import trivium.core_model.evaluate.perplexity, trivium.core_model.export\n"
        "assert not any(name.startswith('trivium.service.') and name.rpartition('.')[2] not in "
        "('errors', 'phrase', 'evidence', 'app_spec') for name in sys.modules)"
    )
    blocked = {"celery", "sqlalchemy", "typer", "pydantic", "fastapi", "kombu", "transformers", "gradio"}
    assert run_bare(blocked, more) == "fine"
