"""How the core presents itself to the platform. Standard library only."""

from trivium.service.app_spec import AppSpec

SPEC = AppSpec(
    name="core_model",
    help="The mixture-of-experts language model: train, generate, evaluate, export.",
    package="trivium.core_model",
    extra="models",
    needs=("torch", "safetensors", "tokenizers"),
    cli="trivium.core_model.cli:app",
    commands={
        "train": "Train a language model on text and write it as a checkpoint folder.",
        "generate": "Continue a text, printed as it comes, or many at once, each printed when it ends.",
        "eval": "Measure a model: bits per byte and perplexity of texts, or tasks.",
        "export": "Write a checkpoint in another Hugging Face layout, dtype or shard size.",
    },
)
