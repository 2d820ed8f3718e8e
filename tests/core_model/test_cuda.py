"""The same models on a GPU: FlexAttention, grouped products and decoding against the CPU's plain twins."""

import shutil

import pytest
import torch
from tests.core_model.small import KINDS, small_config
from tests.core_model.training import MODEL, config, lines

from trivium.core_model.checkpoint import from_pretrained, save_pretrained
from trivium.core_model.decoder import new_decoder, next_token_loss
from trivium.core_model.generate import Sampling, generate
from trivium.core_model.layers.attention import attend_flex, attend_plain
from trivium.core_model.layers.visibility import Visibility
from trivium.core_model.moe.precise import precise_linear
from trivium.core_model.serve.engine import Engine, EngineConfig
from trivium.core_model.train.text import train

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
    pytest.mark.filterwarnings("default"),  # torch's compiler warns about itself
]

DEVICE = torch.device("cuda")


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).cuda()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("heads", "kv_heads", "key_dim", "value_dim"), [(8, 2, 64, 64), (8, 8, 96, 64), (8, 1, 80, 64)]
)
@pytest.mark.parametrize("slots", [0, 16])
def test_flex_equals_the_formula_forward_and_backward(heads, kv_heads, key_dim, value_dim, slots):
    query = random(2, heads, 300, key_dim, seed=0).requires_grad_()
    key = random(2, kv_heads, 300 + slots, key_dim, seed=1).requires_grad_()
    value = random(2, kv_heads, 300 + slots, value_dim, seed=2).requires_grad_()
    positions = torch.arange(300).expand(2, 300).clone().cuda()
    positions[1] = (positions[1] - 40).clamp(min=-1)
    documents = (torch.arange(300) >= 170).long().expand(2, 300).cuda()
    rules = (
        Visibility(positions, positions, 100, 8, slots),
        Visibility(positions, positions, 0, 0, slots, documents=documents),
    )
    for rule in rules:
        _hold_flex_against_the_formula(query, key, value, rule)


def _hold_flex_against_the_formula(query, key, value, rule):
    key_dim, positions = query.shape[-1], rule.query_positions
    results = []
    for form in (attend_flex, attend_plain):
        out = form(query, key, value, rule, key_dim**-0.5)
        real = out * (positions >= 0)[:, None, :, None]
        results.append((real, *torch.autograd.grad(real.square().sum(), (query, key, value))))
    for fast, plain in zip(*results, strict=True):
        assert (fast - plain).abs().max() <= 2e-3 * plain.abs().max()  # TF32 may be used in either


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_logits_and_gradients_equal_the_cpu(kind, tmp_path):
    settings = (
        {"head_dim": 16} if "latent" not in kind else {"nope_dim": 16, "rope_dim": 16, "value_dim": 16, "kv_rank": 16}
    )
    cpu = new_decoder(small_config(kind, **settings), seed=1)
    save_pretrained(cpu, tmp_path)
    cpu = from_pretrained(tmp_path)
    gpu = from_pretrained(tmp_path, device="cuda")
    tokens = torch.randint(3, 97, (2, 40), generator=torch.Generator().manual_seed(0))
    losses = []
    for model, place in ((cpu, "cpu"), (gpu, "cuda")):
        logits = model(tokens.to(place)).logits
        loss = next_token_loss(logits, tokens.to(place))
        loss.backward()
        losses.append((logits.detach().cpu(), {name: value.grad.cpu() for name, value in model.named_parameters()}))
    assert (losses[0][0] - losses[1][0]).abs().max() <= 2e-3
    for name, expected in losses[0][1].items():
        assert (losses[1][1][name] - expected).abs().max() <= 5e-3 * expected.abs().max() + 1e-5, name


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"checkpoint_activations": True, "micro_batch_size": 2, "ema_decay": 0.9}])
def test_a_run_in_bfloat16_learns_and_goes_on(changes, tmp_path):
    model = {**MODEL, "dim": 64, "num_kv_heads": 4, "expert_dim": 32}  # heads wide enough for FlexAttention
    run = config(tmp_path, model=model, device="cuda", precision="bfloat16", steps=20, save_every=10, **changes)
    assert train(run).step == 20
    losses = [line["loss"] for line in lines(tmp_path) if "loss" in line]
    assert losses[-1] < losses[0] - 2
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "step-00000020")
    assert train(run, resume=True).step == 20
    again = [line["loss"] for line in lines(tmp_path) if "loss" in line]
    assert again == pytest.approx(losses, rel=2e-2)  # sums on a GPU have no fixed order
    assert from_pretrained(tmp_path / "run" / "model").embedding.weight.dtype == torch.bfloat16


@pytest.mark.parametrize("kind", KINDS)
def test_cached_decoding_equals_uncached_on_the_gpu(kind):
    decoder = new_decoder(small_config(kind, eos_ids=()), seed=2, device="cuda", dtype=torch.bfloat16)
    prompt = torch.randint(3, 97, (9,), generator=torch.Generator().manual_seed(0)).tolist()
    new = generate(decoder, [prompt], Sampling(max_new_tokens=12))[0].token_ids
    with torch.inference_mode():
        logits = decoder(torch.tensor([[*prompt, *new]]).cuda()).logits[0, 8:-1].float()
    best = logits.max(dim=-1).values
    chosen = logits.gather(1, torch.tensor(new).cuda()[:, None])[:, 0]
    assert ((best - chosen) <= 0.1).float().mean() >= 0.9  # bfloat16: near ties may fall either way


@pytest.mark.parametrize("count", [1, 3, 12])
def test_requests_that_decode_by_the_chain_of_kernels_get_likeliest_tokens(count):
    plain = {"router_scores": "softmax", "router_bias": False, "num_groups": 1, "groups_per_token": 1}
    sizes = {"head_dim": 16, "dim": 64, "expert_dim": 64, "dense_layers": (), "num_shared_experts": 0, "eos_ids": ()}
    config = small_config("experts", **sizes, **plain)
    decoder = new_decoder(config, seed=2, device=DEVICE, dtype=torch.bfloat16)
    generator = torch.Generator().manual_seed(0)
    prompts = [torch.randint(3, 97, (5 + row,), generator=generator).tolist() for row in range(count)]
    engine = Engine(decoder, EngineConfig(max_rows=16, num_pages=48, page_size=16))
    continued = engine.run(prompts, Sampling(max_new_tokens=20))
    assert engine._rows._chain is not None
    gaps = []
    for prompt, row in zip(prompts, continued, strict=True):
        with torch.inference_mode():
            ids = torch.tensor([[*prompt, *row.token_ids]], device=DEVICE)
            logits = decoder(ids).logits[0, len(prompt) - 1 : -1].float()
        gaps.append(logits.max(dim=-1).values - logits.gather(1, ids[0, len(prompt) :, None])[:, 0])
    assert (torch.cat(gaps) <= 0.1).float().mean() >= 0.9  # bfloat16: near ties may fall either way


def test_router_logits_of_bfloat16_are_as_precise_as_of_float32():
    x = random(200, 64, seed=0).bfloat16().requires_grad_()
    weight = random(8, 64, seed=1).bfloat16().requires_grad_()
    upstream = random(200, 8, seed=2)
    logits = precise_linear(x, weight)
    truth = x.double() @ weight.double().T
    assert logits.dtype == torch.float32
    assert (logits - truth).abs().max() <= 1e-6 * truth.abs().max()
    found = torch.autograd.grad((logits * upstream).sum(), (x, weight))
    wanted = torch.autograd.grad((truth * upstream.double()).sum(), (x, weight))
    for one, two in zip(found, wanted, strict=True):
        assert (one.double() - two.double()).abs().max() <= 2**-8 * two.abs().max()
