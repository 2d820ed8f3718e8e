"""How the medical app presents itself to the platform. Standard library only."""

from trivium.service.app_spec import AppSpec

SPEC = AppSpec(
    name="medical",
    help="Draft radiology reports that show their evidence, and a workflow in which only a person signs.",
    package="trivium.medical",
    extra="medical",
    needs=("gradio", "torch", "timm", "pydicom", "highdicom"),
    cli="trivium.medical.cli:app",
)
