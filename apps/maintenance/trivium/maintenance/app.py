"""How the maintenance app presents itself to the platform. Standard library only."""

from trivium.service.app_spec import AppSpec

SPEC = AppSpec(
    name="maintenance",
    help="From sensor batches to a warning an engineer trusts: remaining life, failure risk, inspection.",
    package="trivium.maintenance",
    extra="maintenance",
    needs=("gradio", "torch", "lightgbm", "pyarrow", "sklearn"),
)
