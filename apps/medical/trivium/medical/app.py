"""How the medical app presents itself to the platform. Standard library only."""

from trivium.service.app_spec import AppSpec, Queue

SPEC = AppSpec(
    name="medical",
    help="Draft radiology reports that show their evidence, and a workflow in which only a person signs.",
    package="trivium.medical",
    extra="medical",
    needs=("gradio", "torch", "timm", "pydicom", "highdicom", "pynetdicom", "scipy"),
    cli="trivium.medical.cli:app",
    roles={
        "technologist": ("medical.read", "medical.run", "medical.identity"),
        "resident": ("medical.read", "medical.run", "medical.identity", "medical.review"),
        "radiologist": ("medical.read", "medical.run", "medical.identity", "medical.review", "medical.sign"),
    },
    permissions=("medical.read", "medical.run", "medical.identity", "medical.review", "medical.sign"),
    persons_only=("medical.identity", "medical.review", "medical.sign"),
    queues=(Queue("medical", worker="model"), Queue("priors")),
    routes={"priors": "priors", "send": "priors"},  # what an archive is asked, and what it is sent
    pages="trivium.medical.pages:router",
    api="trivium.medical.api:router",
    tasks="trivium.medical.tasks",
    sweep="trivium.medical.sweep:sweep",
    children="trivium.medical.network.children:children",
    tables="trivium.medical.tables",
    migrations="trivium.medical:migrations",
    blobs="trivium.medical.workflow.blobs:blobs",
    samples="trivium.medical.samples:write_samples",
    seed="trivium.medical.seed:seed",
)
