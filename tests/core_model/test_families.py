"""Our decoder against transformers on tiny random models of every family: logits, loss, gradients, routing, files."""

import json

import pytest
import torch
from tests.core_model.oracle import CASES, CLASSES, oracle, token_ids

from trivium.core_model.checkpoint import _view, from_pretrained, load_config, save_pretrained
from trivium.core_model.decoder import next_token_loss
from trivium.core_model.families import read_config, write_config
from trivium.core_model.layout import layout
from trivium.service.errors import InputError


@pytest.fixture(scope="module", params=CASES)
def pair(request, tmp_path_factory):
    """A model of transformers, the folder it wrote, and ours read from there."""
    theirs = oracle(request.param)
    folder = tmp_path_factory.mktemp("theirs")
    theirs.save_pretrained(folder)
    return theirs, folder, from_pretrained(folder)


def test_logits_equal(pair):
    theirs, _, ours = pair
    ids = token_ids(2, 40)
    with torch.no_grad():
        difference = (ours(ids).logits - theirs(ids).logits).abs().max()
    assert difference <= 1e-5


def test_logits_of_a_padded_batch_equal(pair):
    theirs, _, ours = pair
    ids = token_ids(2, 20)
    mask = torch.ones_like(ids)
    mask[1, :6] = 0
    with torch.no_grad():
        expected = theirs(ids, attention_mask=mask, position_ids=(mask.cumsum(1) - 1).clamp(min=0)).logits
        got = ours(ids, attention_mask=mask).logits
    assert (got - expected)[mask.bool()].abs().max() <= 1e-5


def test_loss_and_gradients_equal(pair):
    theirs, _, ours = pair
    ids = token_ids(2, 24, seed=3)
    expected = theirs(ids, labels=ids).loss
    expected.backward()
    got = next_token_loss(ours(ids).logits, ids)
    got.backward()
    assert abs(got.item() - expected.item()) <= 1e-5
    gradients = {name: value.grad for name, value in theirs.named_parameters()}
    compared = 0
    for name, place in layout(ours.config, dict(ours.named_parameters())).items():
        if name in gradients:
            mine = _view({key: value.grad for key, value in ours.named_parameters()}, place)
            assert (mine - gradients[name]).abs().max() <= 1e-5, name
            compared += 1
    for index, block in enumerate(ours.layers):  # transformers stacks experts too, under other names
        stacked = {"gate_up": "gate_up_proj", "down": "down_proj"}
        for mine, name in stacked.items():
            key = f"model.layers.{index}.mlp.experts.{name}"
            if key in gradients:
                grad = getattr(block.feed_forward.experts, mine).grad
                assert (grad - gradients[key]).abs().max() <= 1e-5, key
                compared += 1
    assert compared == len(gradients) - sum(".mlp.gate." in key for key in gradients if ours.config.family == "mixtral")
    theirs.zero_grad()
    ours.zero_grad()


def test_the_same_experts_are_chosen(pair):
    theirs, _, ours = pair
    chosen = []
    gates = [layer.mlp.gate for layer in theirs.model.layers if hasattr(layer.mlp, "gate")]
    hooks = [gate.register_forward_hook(lambda _, __, out: chosen.append(out)) for gate in gates]
    ids = token_ids(2, 40)
    with torch.no_grad():
        theirs(ids)
        routings = ours(ids).routings
    for hook in hooks:
        hook.remove()
    assert len(routings) == len(ours.config.moe_layers)
    if not routings:
        assert ours.config.family == "llama"
        return
    for routing, (_, weights, indices) in zip(routings, chosen, strict=True):
        order = indices.argsort(dim=1)
        mine = routing.expert_ids_TK.argsort(dim=1)
        assert torch.equal(routing.expert_ids_TK.gather(1, mine), indices.gather(1, order))
        assert torch.allclose(routing.weights_TK.gather(1, mine), weights.gather(1, order), atol=1e-6)


def test_what_we_write_transformers_reads(pair, tmp_path):
    theirs, _, ours = pair
    save_pretrained(ours, tmp_path, shard_bytes=20_000)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    again = CLASSES[ours.config.family][1].from_pretrained(tmp_path, dtype=torch.float32).eval()
    ids = token_ids(2, 33)
    with torch.no_grad():
        assert torch.equal(again(ids).logits, theirs(ids).logits)
        assert torch.equal(from_pretrained(tmp_path)(ids).logits, ours(ids).logits)


def test_we_write_the_tensors_that_transformers_writes(pair, tmp_path):
    _, folder, ours = pair
    save_pretrained(ours, tmp_path)
    from safetensors.torch import load_file

    theirs, mine = load_file(folder / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    assert set(mine) == set(theirs)
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_settings_come_back(pair):
    assert read_config(json.loads(json.dumps(write_config(pair[2].config)))) == pair[2].config


def test_half_precision_stays_near(pair):
    _, folder, ours = pair
    half = from_pretrained(folder, dtype="bfloat16")
    ids = token_ids(1, 16)
    with torch.no_grad():
        got, expected = half(ids).logits.float(), ours(ids).logits
    assert half.embedding.weight.dtype == torch.bfloat16
    # Random experts flip where scores nearly tie, so only the correlation is held.
    assert torch.corrcoef(torch.stack((got.flatten(), expected.flatten())))[0, 1] > 0.9


def test_a_family_refuses_what_it_cannot_say(pair, tmp_path):
    _, _, ours = pair
    family, said = ("mixtral", 0) if ours.config.family == "llama" else ("llama", ours.config.num_experts)
    with pytest.raises(InputError, match=f"a {family} checkpoint cannot say num_experts = {said}; write it with"):
        save_pretrained(ours, tmp_path, family=family)
    if ours.config.family == "qwen3_moe":
        with pytest.raises(InputError, match=r"a mixtral checkpoint cannot say .*query_key_norm = True"):
            save_pretrained(ours, tmp_path, family="mixtral")
    assert list(tmp_path.iterdir()) == []


def test_settings_we_do_not_compute_are_named(tmp_path):
    raw = CLASSES["llama"][0]().to_dict()
    for change, message in [
        ({"hidden_act": "gelu"}, "hidden_act = 'gelu' is not computed here"),
        ({"model_type": "gpt2"}, "model_type 'gpt2' is unknown; known: trivium, llama"),
        ({"rope_parameters": {"rope_type": "dynamic", "factor": 2.0}}, "rope type 'dynamic'"),
        ({"quantization_config": {"quant_method": "fp8"}}, r"quantized \(fp8\); convert them to bfloat16 first"),
        ({"num_attention_heads": 31, "head_dim": None}, r"num_heads \(31\) does not divide dim \(4096\)"),
    ]:
        (tmp_path / "config.json").write_text(json.dumps(raw | change))
        with pytest.raises(InputError, match=message):
            load_config(tmp_path)


@pytest.mark.parametrize("family", CLASSES)
def test_a_setting_of_the_wrong_kind_is_an_error_that_names_it(family):
    raw = CLASSES[family][0](num_hidden_layers=2).to_dict() | {"quantization_config": None, "rope_scaling": None}
    read_config(raw)
    refused = 0
    for name in raw:
        for value in (None, "x", -1, 0, 1.5, 2**20, True, [], ["x"], {}, {"rope_type": "yarn"}):
            try:
                read_config(raw | {name: value})
            except InputError:
                refused += 1
    assert refused > 50
    for changes, message in [
        ({"hidden_size": "32"}, "dim is '32'; give a whole number"),
        ({"eos_token_id": "x"}, r"eos_ids is \('x',\); give a list of whole numbers"),
        ({"rms_norm_eps": "tiny"}, "norm_eps is 'tiny'; give a number"),
        ({"tie_word_embeddings": "yes"}, "tied_embeddings is 'yes'; give true or false"),
        ({"rope_parameters": [1]}, r"rope_parameters is \[1\]; settings by name were expected"),
        ({"rope_parameters": {"rope_theta": 0}}, "rope_theta is 0; use a number above 0"),
    ]:
        with pytest.raises(InputError, match=message):
            read_config(raw | changes)


def test_the_settings_of_the_released_deepseek_v3_are_read():
    # From the model card's config.json: 671B parameters, 37B of them for each token.
    config = read_config(
        {
            "model_type": "deepseek_v3",
            "vocab_size": 129280,
            "hidden_size": 7168,
            "intermediate_size": 18432,
            "moe_intermediate_size": 2048,
            "num_hidden_layers": 61,
            "num_attention_heads": 128,
            "num_key_value_heads": 128,
            "n_shared_experts": 1,
            "n_routed_experts": 256,
            "routed_scaling_factor": 2.5,
            "kv_lora_rank": 512,
            "q_lora_rank": 1536,
            "qk_rope_head_dim": 64,
            "v_head_dim": 128,
            "qk_nope_head_dim": 128,
            "n_group": 8,
            "topk_group": 4,
            "num_experts_per_tok": 8,
            "first_k_dense_replace": 3,
            "moe_layer_freq": 1,
            "scoring_func": "sigmoid",
            "topk_method": "noaux_tc",
            "norm_topk_prob": True,
            "hidden_act": "silu",
            "max_position_embeddings": 163840,
            "rms_norm_eps": 1e-6,
            "rope_theta": 10000,
            "rope_scaling": {
                "type": "yarn",
                "factor": 40,
                "original_max_position_embeddings": 4096,
                "beta_fast": 32,
                "beta_slow": 1,
                "mscale": 1.0,
                "mscale_all_dim": 1.0,
            },
            "num_nextn_predict_layers": 1,
            "bos_token_id": 0,
            "eos_token_id": 1,
        }
    )
    assert config.cache_width == 576
    assert config.moe_layers == tuple(range(3, 61))
    from trivium.core_model.decoder import Decoder

    with torch.device("meta"):
        decoder = Decoder(config.replace(num_mtp_layers=0))
    assert round(sum(parameter.numel() for parameter in decoder.parameters()) / 1e9) == 671
