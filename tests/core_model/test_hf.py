"""Our model behind transformers' interfaces: Auto classes, generate, PEFT."""

import pytest
import torch
from tests.core_model.small import KINDS, small_config
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

from trivium.core_model.checkpoint import save_pretrained
from trivium.core_model.config import ModelConfig
from trivium.core_model.decoder import Decoder, new_decoder, next_token_loss
from trivium.core_model.generate import Sampling, generate
from trivium.core_model.hf import TriviumForCausalLM
from trivium.service.errors import InputError


def ids(batch: int, length: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(3, 97, (batch, length), generator=torch.Generator().manual_seed(seed))


def greedy(model, tokens, mask=None, new=12):
    settings = GenerationConfig(max_new_tokens=new, do_sample=False, eos_token_id=2, pad_token_id=0)
    out = model.generate(tokens, attention_mask=mask, generation_config=settings)
    return out[:, tokens.shape[1] :]


@pytest.mark.parametrize("kind", KINDS)
def test_auto_classes_read_what_we_write(kind, tmp_path):
    decoder = new_decoder(small_config(kind), seed=1)
    save_pretrained(decoder, tmp_path)
    assert AutoConfig.from_pretrained(tmp_path).model == decoder.config
    model = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    assert isinstance(model, TriviumForCausalLM)
    tokens = ids(2, 9)
    with torch.no_grad():
        assert torch.equal(model(tokens).logits, decoder(tokens).logits)
    model.save_pretrained(tmp_path / "again")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "again", dtype=torch.float32)
    with torch.no_grad():
        assert torch.equal(again(tokens).logits, model(tokens).logits)


@pytest.mark.parametrize("kind", KINDS)
def test_generate_of_transformers_equals_ours(kind):
    decoder = new_decoder(small_config(kind), seed=1, dtype=torch.float64)
    model = TriviumForCausalLM.from_decoder(decoder).eval()
    prompts = [ids(1, 9)[0].tolist(), ids(1, 5, seed=1)[0].tolist()]
    expected = generate(decoder, prompts, Sampling(max_new_tokens=12))
    tokens = torch.tensor([prompts[0], [0] * 4 + prompts[1]])
    mask = torch.tensor([[1] * 9, [0] * 4 + [1] * 5])
    got = greedy(model, tokens, mask)
    for row, continuation in zip(got.tolist(), expected, strict=True):
        assert tuple(row[: len(continuation.token_ids)]) == continuation.token_ids


def test_cache_of_transformers_without_a_mask():
    decoder = new_decoder(small_config("latent-experts"), seed=1, dtype=torch.float64)
    model = TriviumForCausalLM.from_decoder(decoder).eval()
    tokens = ids(2, 9)
    with torch.no_grad():
        whole = model(tokens).logits
        first = model(tokens[:, :6], use_cache=True)
        rest = model(tokens[:, 6:], past_key_values=first.past_key_values)
    assert (torch.cat((first.logits, rest.logits), dim=1) - whole).abs().max() <= 1e-12
    assert first.past_key_values.layers[0].keys.shape == (2, 1, 9, 12)  # the latent, not heads


def test_loss_is_the_next_tokens():
    decoder = new_decoder(small_config(), seed=1)
    tokens = ids(2, 9)
    with torch.no_grad():
        loss = TriviumForCausalLM.from_decoder(decoder)(tokens, labels=tokens).loss
        assert float(loss) == pytest.approx(float(next_token_loss(decoder(tokens).logits, tokens)), abs=1e-6)


def test_a_fresh_model_is_drawn():
    config = TriviumForCausalLM.from_decoder(new_decoder(small_config("latent-experts"), seed=1)).config
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    drawn = {name: value for name, value in model.named_parameters() if "norm" not in name}
    assert all(0.1 < value.std() < 0.2 for value in drawn.values())  # init_std is 0.15


def test_masks_of_static_caches_are_refused():
    model = TriviumForCausalLM.from_decoder(new_decoder(small_config(), seed=1))
    with pytest.raises(InputError, match="has 4 dimensions, not 2; use the default, dynamic cache"):
        model(ids(1, 3), attention_mask=torch.ones(1, 1, 3, 3))


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning:transformers.*")
@pytest.mark.parametrize("kind", ["experts", "latent"])
def test_lora_of_peft_trains_and_merges(kind):
    peft = pytest.importorskip("peft")
    decoder = new_decoder(small_config(kind), seed=1)
    targets = ["query", "value"] if kind == "experts" else ["query_down", "query_up", "kv_down", "kv_up"]
    model = peft.get_peft_model(
        TriviumForCausalLM.from_decoder(decoder), peft.LoraConfig(r=2, target_modules=targets, task_type="CAUSAL_LM")
    )
    tokens = ids(4, 12)
    optimizer = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=0.05)
    losses = []
    for _ in range(6):
        loss = model(input_ids=tokens, labels=tokens).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.05
    model.eval()
    with torch.no_grad():
        adapted = greedy(model, tokens[:, :6], torch.ones(4, 6, dtype=torch.long))
        logits = model(input_ids=tokens).logits
        merged = model.merge_and_unload()
        assert (merged(tokens).logits - logits).abs().max() <= 1e-4
        assert torch.equal(greedy(merged, tokens[:, :6], torch.ones(4, 6, dtype=torch.long)), adapted)


# The sizes of deepseek-ai/DeepSeek-V3, inference/configs/config_671B.json.
DEEPSEEK_V3 = ModelConfig(
    vocab_size=129_280,
    dim=7168,
    num_layers=61,
    num_heads=128,
    hidden_dim=18_432,
    dense_layers=(0, 1, 2),
    attention="latent",
    query_rank=1536,
    kv_rank=512,
    nope_dim=128,
    rope_dim=64,
    value_dim=128,
    num_experts=256,
    experts_per_token=8,
    expert_dim=2048,
    num_shared_experts=1,
    num_groups=8,
    groups_per_token=4,
    router_scores="sigmoid",
    router_bias=True,
    route_scale=2.5,
)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning:transformers.*")
def test_lora_trains_a_hundred_million_parameters_of_deepseek_v3_at_rank_26():
    """The arithmetic of docs/claims.md, on the model itself without memory for its weights."""
    peft = pytest.importorskip("peft")
    with torch.device("meta"):
        decoder = Decoder(DEEPSEEK_V3)
    held = sum(value.numel() for value in decoder.parameters())
    idle_experts = 58 * (256 - 8) * 3 * 7168 * 2048
    assert round(held / 1e9, 1) == 671.0
    assert round((held - idle_experts) / 1e9, 1) == 37.6  # embedding and head, 0.9 each, counted
    targets = ["query_down", "query_up", "kv_down", "kv_up"]
    model = peft.get_peft_model(
        TriviumForCausalLM.from_decoder(decoder), peft.LoraConfig(r=26, target_modules=targets, task_type="CAUSAL_LM")
    )
    trained, _ = model.get_nb_trainable_parameters()
    assert trained == 26 * 61 * 75_840 == 120_282_240
