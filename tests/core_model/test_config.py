"""Every pair of settings that does not fit is one error that names both."""

import json

import pytest
from tests.core_model.small import EXPERTS, KINDS, LATENT, small_config

from trivium.core_model.config import ModelConfig, RopeScaling
from trivium.service.errors import InputError


@pytest.mark.parametrize("kind", KINDS)
def test_settings_survive_json(kind):
    config = small_config(kind, rope_scaling=RopeScaling("yarn", 4.0, 32))
    assert ModelConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dim": 0}, "dim is 0; use a whole number of 1 or more"),
        ({"num_heads": 5}, r"num_heads \(5\) does not divide dim \(32\)"),
        ({"num_kv_heads": 3}, r"num_kv_heads \(3\) must divide num_heads \(4\); use one of 1, 2, 4"),
        ({"head_dim": 7}, r"head_dim \(7\) must be even"),
        ({**LATENT, "kv_rank": 0}, "kv_rank is 0"),
        ({**LATENT, "rope_dim": 3}, r"rope_dim \(3\) must be even"),
        ({**LATENT, "query_key_norm": True}, "query_key_norm belongs to grouped attention"),
        ({"attention": "linear"}, "attention 'linear' is unknown; known: grouped, latent"),
        ({"family": "bloom"}, "family 'bloom' is unknown"),
        ({"global_tokens": 2}, r"global_tokens \(2\) without a window"),
        ({"window": -1}, "window is -1; use 0 for none"),
        ({"hidden_dim": 0}, "hidden_dim is 0"),
        ({"tied_embeddings": 1}, "tied_embeddings is 1; give true or false"),
        ({"num_layers": True}, "num_layers is True; give a whole number"),
        ({"dense_layers": (0.5,)}, r"dense_layers is \(0.5,\); give a list of whole numbers"),
        ({"rope_theta": -1.0}, "rope_theta is -1.0; use a number above 0"),
        ({"init_std": -1.0}, "init_std is -1.0; use 0 or more"),
        ({"rope_scaling": "yarn"}, "rope_scaling is 'yarn'; give settings by name"),
        ({"dense_layers": (1,)}, "mean something only with experts; set num_experts"),
        ({**EXPERTS, "experts_per_token": 9}, r"experts_per_token \(9\) is more than num_experts \(8\)"),
        ({**EXPERTS, "num_groups": 3}, r"num_groups \(3\) must divide num_experts \(8\); use one of 1, 2, 4, 8"),
        ({**EXPERTS, "groups_per_token": 5}, r"groups_per_token \(5\) must lie in 1..num_groups \(4\)"),
        ({**EXPERTS, "experts_per_token": 5}, r"experts_per_token \(5\) is more than the 4 experts in 2 of 4 groups"),
        ({**EXPERTS, "score_mass": 0.0}, "score_mass is 0.0; use a share above 0"),
        ({**EXPERTS, "dense_layers": (3,)}, r"dense_layers names \[3\], but layers are 0..2"),
    ],
)
def test_settings_that_do_not_fit(changes, message):
    with pytest.raises(InputError, match=message):
        small_config(**changes)


def test_unknown_settings_are_named():
    with pytest.raises(InputError, match="unknown model settings: width"):
        ModelConfig.from_json({"width": 3})
    with pytest.raises(InputError, match="vocab_size, dim, num_layers, num_heads must be set"):
        ModelConfig.from_json({})
    with pytest.raises(InputError, match="unknown settings of rope_scaling: length; known: kind, factor"):
        ModelConfig.from_json(small_config().to_json() | {"rope_scaling": {"length": 3}})


def test_rope_scaling_is_checked():
    with pytest.raises(InputError, match="rope scaling 'ntk' is unknown; known: yarn, llama3"):
        RopeScaling("ntk", 2.0, 32)
    with pytest.raises(InputError, match=r"rope factor is 0.5"):
        RopeScaling("yarn", 0.5, 32)
    with pytest.raises(InputError, match=r"high_freq_factor \(1.0\) must be above low_freq_factor \(1.0\)"):
        RopeScaling("llama3", 2.0, 32, high_freq_factor=1.0)


def test_latent_cache_is_a_57th_of_full_heads():
    # DeepSeek-V3: 512 + 64 numbers against 2 * 128 heads * 128.
    config = small_config(**{**LATENT, "kv_rank": 512, "rope_dim": 64})
    assert config.cache_width == 576
    assert 2 * 128 * 128 // config.cache_width == 56
