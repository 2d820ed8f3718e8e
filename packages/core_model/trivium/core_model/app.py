"""How the core presents itself to the platform. Standard library only."""

from trivium.service.app_spec import AppSpec

SPEC = AppSpec(
    name="core_model",
    help="The mixture-of-experts language model: train, generate, evaluate, export.",
    package="trivium.core_model",
    extra="models",
    needs=("torch", "safetensors", "tokenizers"),
)
