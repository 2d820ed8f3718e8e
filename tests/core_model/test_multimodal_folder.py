"""A model with encoders goes through a folder and comes back the same; what does not fit is named."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.core_model.small import small_config
from tests.core_model.test_multimodal import IMAGE, PLACES, SENSOR, Lines, item
from torch import nn

from trivium.core_model.checkpoint import from_pretrained
from trivium.core_model.decoder import new_decoder
from trivium.core_model.multimodal import MultimodalDecoder
from trivium.core_model.multimodal_folder import read_multimodal, save_multimodal
from trivium.service.errors import InputError, ModelError

IDS = torch.tensor([[9, IMAGE, IMAGE, 10, SENSOR, 11]])


class Plain:
    """An encoder without weights."""

    dim = 3

    def encode(self, batch):
        tokens = torch.stack(batch)
        return tokens, torch.ones(tokens.shape[:2], dtype=torch.bool)


@pytest.fixture
def saved(tmp_path):
    lines = Lines(5)
    nn.init.normal_(lines.scale, generator=torch.Generator().manual_seed(3))
    model = MultimodalDecoder(new_decoder(small_config(), seed=1), {"image": lines, "sensor": Plain()}, PLACES, seed=2)
    save_multimodal(model, tmp_path)
    return model.eval(), tmp_path


def items() -> dict[str, list[torch.Tensor]]:
    return {"image": [item(2, 5, 0)], "sensor": [item(1, 3, 1)]}


def test_logits_are_the_same_and_the_decoder_is_a_checkpoint_like_any_other(saved):
    model, folder = saved
    read = read_multimodal(folder, {"image": Lines(5), "sensor": Plain()})
    assert torch.equal(read(IDS, items()).logits, model(IDS, items()).logits)
    alone = from_pretrained(folder)
    assert torch.equal(alone(torch.tensor([[9, 10]])).logits, model.decoder(torch.tensor([[9, 10]])).logits)
    assert sorted(file.name for file in folder.iterdir()) == [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "multimodal.json",
        "multimodal.safetensors",
    ]


def test_decoder_and_projectors_take_another_dtype_and_encoders_keep_theirs(saved):
    model, folder = saved
    read = read_multimodal(folder, {"image": Lines(5), "sensor": Plain()}, dtype=torch.float64)
    assert {value.dtype for value in read.projectors.parameters()} == {torch.float64}
    assert read.image_encoder.scale.dtype == torch.float32
    assert torch.allclose(read(IDS, items()).logits.float(), model(IDS, items()).logits, atol=1e-5)


@pytest.mark.parametrize(
    ("encoders", "message"),
    [
        ({"image": Lines(5)}, "encoders were given for image, the model has image, sensor"),
        ({"image": Lines(4), "sensor": Plain()}, "width 4 and weights, the model was saved with width 5 and weights"),
        ({"image": Lines(5), "sensor": Lines(3)}, "the sensor encoder has width 3 and weights, .* 3 and no weights"),
    ],
)
def test_other_encoders_are_named(saved, encoders, message):
    with pytest.raises(InputError, match=message):
        read_multimodal(saved[1], encoders)


def test_damage_is_named_with_its_file(saved):
    folder = saved[1]
    encoders = {"image": Lines(5), "sensor": Plain()}
    tensors = load_file(folder / "multimodal.safetensors")
    save_file({**tensors, "image_encoder.scale": torch.ones(6)}, folder / "multimodal.safetensors")
    with pytest.raises(ModelError, match=r"image_encoder.scale has shape \(6,\), the model's is \(5,\)"):
        read_multimodal(folder, encoders)
    del tensors["image_encoder.scale"]
    save_file(tensors, folder / "multimodal.safetensors")
    with pytest.raises(
        ModelError, match=r"multimodal.safetensors: 1 tensors are on one side only: image_encoder.scale"
    ):
        read_multimodal(folder, encoders)
    (folder / "multimodal.safetensors").write_bytes(b"no")
    with pytest.raises(ModelError, match="damaged weights"):
        read_multimodal(folder, encoders)
    (folder / "multimodal.json").write_text('{"modalities": {"image": {}}}')
    with pytest.raises(ModelError, match="settings cannot be read"):
        read_multimodal(folder, encoders)
    (folder / "multimodal.json").unlink()
    with pytest.raises(InputError, match=r"multimodal.json is missing; give the folder that holds it"):
        read_multimodal(folder, encoders)
