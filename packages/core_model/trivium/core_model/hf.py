"""Our decoder behind the interfaces of transformers: Auto classes, `generate`, PEFT, lm-evaluation-harness.

    import trivium.core_model.hf                                  # registers model_type "trivium"
    model = AutoModelForCausalLM.from_pretrained("folder")        # a folder written with family="trivium"
    model = TriviumForCausalLM.from_decoder(from_pretrained("any folder"))

Importing this module imports transformers; nothing else in the package does. Folders of the other families are
read by transformers itself.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache, GenerationMixin, PreTrainedModel
from transformers.configuration_utils import PreTrainedConfig
from transformers.modeling_outputs import CausalLMOutputWithPast

from trivium.core_model.config import ModelConfig
from trivium.core_model.decoder import Decoder, reset_module
from trivium.core_model.families import write_config
from trivium.service.errors import InputError

__all__ = ["TriviumConfig", "TriviumForCausalLM"]


class TriviumConfig(PreTrainedConfig):
    """A `ModelConfig` as transformers carries settings around.

    Args:
        trivium: `ModelConfig.to_json()`.
        kwargs: settings of `PreTrainedConfig`; those that follow from the model need not be given.
    """

    model_type = "trivium"

    def __init__(self, trivium: dict[str, Any] | None = None, **kwargs: Any) -> None:
        self.trivium = trivium
        if trivium is not None:
            config = ModelConfig.from_json(trivium)
            self.vocab_size = config.vocab_size
            self.hidden_size = config.dim
            self.num_hidden_layers = config.num_layers
            self.num_attention_heads = config.num_heads
            self.max_position_embeddings = config.max_positions
            kwargs.setdefault("bos_token_id", config.bos_id)
            kwargs.setdefault("eos_token_id", [*config.eos_ids] or None)
            kwargs.setdefault("pad_token_id", config.pad_id)
        # Embeddings are tied inside the decoder, where there is one tensor and no copy to keep equal.
        kwargs["tie_word_embeddings"] = False
        super().__init__(**kwargs)

    @property
    def model(self) -> ModelConfig:
        """The settings in our own form."""
        if self.trivium is None:
            raise InputError("this TriviumConfig is empty", hint="give it trivium=ModelConfig(...).to_json()")
        return ModelConfig.from_json(self.trivium)


class TriviumForCausalLM(PreTrainedModel, GenerationMixin):
    """A `Decoder` that transformers can drive."""

    config_class = TriviumConfig
    base_model_prefix = "decoder"
    supports_gradient_checkpointing = False
    _no_split_modules = ["Block"]  # noqa: RUF012
    _supports_sdpa = True

    def __init__(self, config: TriviumConfig) -> None:
        super().__init__(config)
        self.decoder = Decoder(config.model)
        self.post_init()

    @classmethod
    def from_decoder(cls, decoder: Decoder) -> TriviumForCausalLM:
        """Put this interface around a decoder of any family; the weights are shared, not copied."""
        settings = write_config(decoder.config.replace(family="trivium"))
        with torch.device("meta"):
            model = cls(TriviumConfig(trivium=settings["trivium"], architectures=settings["architectures"]))
        model.decoder = decoder
        return model.train(decoder.training)

    def get_input_embeddings(self) -> nn.Module:
        """Return the embedding."""
        return self.decoder.embedding

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the embedding."""
        assert isinstance(value, nn.Embedding)
        self.decoder.embedding = value

    def get_output_embeddings(self) -> nn.Module | None:
        """Return the head; None where it is the embedding."""
        return self.decoder.head

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Predict the token after each one, with the arguments that transformers' models take.

        Args:
            input_ids: (B, T).
            attention_mask: (B, tokens in the cache + T), 0 for padding.
            position_ids: (B, T); used only without a mask, from which positions follow otherwise.
            past_key_values: a `Cache` of transformers.
            inputs_embeds: (B, T, D) in place of ids.
            labels: (B, T), -100 for what counts for nothing; adds `loss`.
            use_cache: return a cache also where none came in.
            logits_to_keep: logits of the last so many tokens only; 0 for all.
            kwargs: handed to the loss.
        """
        if attention_mask is not None and attention_mask.ndim != 2:
            raise InputError(
                f"the attention mask has {attention_mask.ndim} dimensions, not 2", hint="use the default, dynamic cache"
            )
        if past_key_values is None and use_cache:
            past_key_values = DynamicCache()
        cache = None if past_key_values is None else _Borrowed(past_key_values, attention_mask)
        out = self.decoder(
            input_ids,
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            positions=position_ids if attention_mask is None else None,
            cache=cache,
            keep_logits=logits_to_keep,
        )
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=out.logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs)
        return CausalLMOutputWithPast(loss=loss, logits=out.logits, past_key_values=past_key_values)

    def _init_weights(self, module: nn.Module) -> None:
        reset_module(module, self.decoder.config.init_std, None)


class _Borrowed:
    """A cache of transformers with the methods of ours; it keeps every token, also those outside a window."""

    def __init__(self, cache: Any, attention_mask: torch.Tensor | None) -> None:
        self.cache = cache
        self.mask = attention_mask
        self.padded = True

    def next_positions(self) -> torch.Tensor | None:
        seen = self.cache.get_seq_length()
        return None if not seen else torch.tensor([seen])

    def advance(self, positions: torch.Tensor) -> torch.Tensor:
        if self.mask is not None:
            return (self.mask.long().cumsum(dim=1) - 1).masked_fill(self.mask == 0, -1)
        seen = self.cache.get_seq_length()
        old = torch.arange(seen, device=positions.device).expand(positions.shape[0], seen)
        return torch.cat((old, positions), dim=1)

    def update(self, layer: int, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.cache.update(first, second, layer)


AutoConfig.register("trivium", TriviumConfig)
AutoModelForCausalLM.register(TriviumConfig, TriviumForCausalLM)
