"""How vision presents itself to the platform. Standard library only."""

from trivium.service.app_spec import AppSpec

SPEC = AppSpec(
    name="vision",
    help="Images to tokens and findings: encoders, heads, evidence maps, question answering.",
    package="trivium.vision",
    extra="vision",
    needs=("torch", "torchvision", "timm", "onnxruntime"),
    cli="trivium.vision.cli:app",
)
