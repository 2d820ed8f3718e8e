"""Encoder tokens among text: where they land, what they reach, and every count that does not match."""

import pytest
import torch
from tests.core_model.small import small_config
from torch import nn

from trivium.core_model.decoder import new_decoder, next_token_loss
from trivium.core_model.multimodal import MultimodalDecoder, expand_placeholders, place_tokens
from trivium.core_model.tokenizer import Tokenizer
from trivium.service.errors import InputError

IMAGE, SENSOR = 6, 8
PLACES = {"image": IMAGE, "sensor": SENSOR}


class Lines(nn.Module):
    """Each item is a list of vectors, as many as it likes; fillers are NaN, so that reading one is seen."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.scale = nn.Parameter(torch.ones(dim))

    def encode(self, batch):
        longest = max(len(item) for item in batch)
        tokens = torch.full((len(batch), longest, self.dim), float("nan"))
        mask = torch.zeros(len(batch), longest, dtype=torch.bool)
        for row, item in enumerate(batch):
            tokens[row, : len(item)] = item
            mask[row, : len(item)] = True
        return tokens * self.scale, mask


def model_of(**encoders: nn.Module) -> MultimodalDecoder:
    return MultimodalDecoder(new_decoder(small_config(), seed=1), encoders, PLACES, seed=2)


def item(length: int, dim: int, seed: int) -> torch.Tensor:
    return torch.randn(length, dim, generator=torch.Generator().manual_seed(seed))


def test_tokens_take_the_places_in_reading_order():
    embedded = torch.zeros(2, 3, 1)
    places = torch.tensor([[False, True, True], [True, False, False]])
    placed = place_tokens(embedded, places, torch.tensor([[1.0], [2.0], [3.0]]))
    assert placed[:, :, 0].tolist() == [[0, 1, 2], [3, 0, 0]]


def test_each_place_holds_its_projected_token_and_the_rest_is_text():
    model = model_of(image=Lines(5), sensor=Lines(3))
    ids = torch.tensor([[9, IMAGE, IMAGE, 10, SENSOR, IMAGE]])
    pictures, readings = [item(2, 5, 0), item(1, 5, 1)], [item(1, 3, 2)]
    embedded = model.embed(ids, {"image": pictures, "sensor": readings})
    assert torch.equal(embedded[0, [0, 3]], model.decoder.embedding(torch.tensor([9, 10])))
    by_hand = model.projectors["image"](torch.cat(pictures))
    assert torch.allclose(embedded[0, [1, 2, 5]], by_hand, atol=1e-6)
    assert torch.allclose(embedded[0, 4:5], model.projectors["sensor"](readings[0]), atol=1e-6)


def test_a_row_does_not_depend_on_the_batch_or_its_padding():
    model = model_of(image=Lines(5)).double()
    model.image_encoder.float()
    long, short = [9, IMAGE, IMAGE, IMAGE, 11, 12], [IMAGE, 13, 14]
    pictures = [item(3, 5, 0), item(1, 5, 1)]
    alone = [
        model(torch.tensor([row]), {"image": [picture]}).logits[0]
        for row, picture in zip((long, short), pictures, strict=True)
    ]
    mask = torch.tensor([[1] * 6, [0] * 3 + [1] * 3])
    both = model(torch.tensor([long, [0, 0, 0, *short]]), {"image": pictures}, attention_mask=mask).logits
    assert torch.allclose(both[0], alone[0], atol=1e-10)
    assert torch.allclose(both[1, 3:], alone[1], atol=1e-10)


def test_gradient_reaches_encoder_and_projector_but_not_the_placeholder():
    model = model_of(image=Lines(5))
    ids = torch.tensor([[9, IMAGE, IMAGE, 10, 11]])
    next_token_loss(
        model(ids, {"image": [item(2, 5, 0)]}).logits, torch.tensor([[-100, -100, -100, 10, 11]])
    ).backward()
    assert model.image_encoder.scale.grad.abs().min() > 0
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.projectors.parameters())
    rows = model.decoder.embedding.weight.grad.abs().sum(dim=1)
    assert rows[IMAGE] == 0
    assert rows[9] > 0


def test_the_builtin_vocabulary_has_a_place_for_each_modality():
    tokenizer = Tokenizer.builtin()
    image = tokenizer.placeholders["image"]
    ids = tokenizer.encode("Compare <|image|> with <|image|>.")
    expanded = expand_placeholders(ids, {image: [3, 2]})
    assert len(expanded) == len(ids) + 3
    assert expanded.count(image) == 5
    assert [token for token in expanded if token != image] == [token for token in ids if token != image]


@pytest.mark.parametrize(
    ("ids", "items", "message"),
    [
        ([[IMAGE, IMAGE, 9]], {"image": [3]}, "2 placeholders for image, but 3 tokens of 1 items"),
        ([[IMAGE, IMAGE, 9]], {}, "2 placeholders for image, but none was given"),
        ([[9, 9, 9]], {"image": [1, 2]}, "0 placeholders for image, but 3 tokens of 2 items"),
        ([[IMAGE] * 3, [IMAGE, 9, 9]], {"image": [2, 2]}, "row 1 has 3 placeholders for image, but its items have 4"),
        ([[9, 9, 9]], {"points": [1]}, "no encoder for points; known: image"),
    ],
)
def test_counts_that_do_not_match_are_named(ids, items, message):
    given = {modality: [item(length, 5, 0) for length in lengths] for modality, lengths in items.items()}
    with pytest.raises(InputError, match=message):
        model_of(image=Lines(5))(torch.tensor(ids), given)


def test_wrong_encoders_and_texts_are_named():
    with pytest.raises(InputError, match="no placeholder token for video; known: image, sensor"):
        model_of(video=Lines(5))
    liar = Lines(5)
    model = model_of(image=liar)
    liar.dim = 4
    liar.encode = lambda batch: (torch.zeros(1, 2, 5), torch.ones(1, 2))
    with pytest.raises(InputError, match=r"gave tokens \(1, 2, 5\) and a torch.float32 mask \(1, 2\), not \(B, N, 4\)"):
        model(torch.tensor([[IMAGE, IMAGE]]), {"image": None})
    with pytest.raises(InputError, match="the text has 1 placeholders 6, but 2 items were given"):
        expand_placeholders([IMAGE, 9], {IMAGE: [1, 2]})
