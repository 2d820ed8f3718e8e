"""How the maintenance app presents itself to the platform. Standard library only."""

from trivium.service.app_spec import AppSpec, Queue

SPEC = AppSpec(
    name="maintenance",
    help="From sensor batches to a warning an engineer trusts: remaining life, failure risk, inspection.",
    package="trivium.maintenance",
    extra="maintenance",
    needs=("gradio", "torch", "lightgbm", "pandas", "pyarrow", "sklearn"),
    cli="trivium.maintenance.cli:app",
    roles={
        "engineer": ("maintenance.read", "maintenance.run", "maintenance.registry", "maintenance.ingest"),
        "gateway": ("maintenance.ingest",),
    },
    permissions=("maintenance.read", "maintenance.run", "maintenance.registry", "maintenance.ingest"),
    queues=(Queue("maintenance", worker="light"),),
    api="trivium.maintenance.api:router",
    api_prefix="/v1",
    tasks="trivium.maintenance.tasks",
    tables="trivium.maintenance.tables",
    migrations="trivium.maintenance:migrations",
    sweep="trivium.maintenance.ingest.sweep:sweep",
)
