"""How the maintenance app presents itself to the platform. Standard library only."""

import importlib.util

from trivium.service.app_spec import AppSpec, Queue
from trivium.service.errors import InputError

INSPECTION_NEEDS = ("torch", "open3d")
_ENGINEER = (
    "maintenance.read",
    "maintenance.run",
    "maintenance.registry",
    "maintenance.ingest",
    "maintenance.alert",
)

SPEC = AppSpec(
    name="maintenance",
    help="From sensor batches to a warning an engineer trusts: remaining life, failure risk, inspection.",
    package="trivium.maintenance",
    extra="maintenance",
    # For a plant: what takes readings in, scores and shows them. Files (train, predict) and scans (inspect) need more,
    # and say so themselves (`needs_modules`, and what the queue of inspections needs).
    needs=("numpy", "pyarrow", "zstandard"),
    cli="trivium.maintenance.cli:app",
    roles={
        "engineer": _ENGINEER,
        "operator": ("maintenance.read", "maintenance.alert"),
        "gateway": ("maintenance.ingest",),
    },
    permissions=_ENGINEER,
    persons_only=("maintenance.alert",),
    queues=(Queue("maintenance", worker="prompt"), Queue("inspect", worker="model", needs=INSPECTION_NEEDS)),
    routes={"inspect": "inspect", "people": "inspect", "wear": "inspect"},
    pages="trivium.maintenance.pages:router",
    api="trivium.maintenance.api:router",
    api_prefix="/v1",
    tasks="trivium.maintenance.tasks",
    tables="trivium.maintenance.tables",
    migrations="trivium.maintenance:migrations",
    blobs="trivium.maintenance.inspection.stored:blobs",
    samples="trivium.maintenance.seed:write_samples",
    seed="trivium.maintenance.seed:seed",
    companion=("maintenance", "simulate"),
    sweep="trivium.maintenance.ingest.sweep:sweep",
)


def needs_modules(*names: str) -> None:
    """Stop a command whose part of the extra is missing with one line.

    Raises:
        InputError: naming what is missing and what to type.
    """
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"this command needs {', '.join(missing)}: {SPEC.install_line}")
