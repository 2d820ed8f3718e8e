"""The specs of the test app, of one whose extra is never installed, of ones with a worker of another kind."""

from trivium.service.app_spec import AppSpec, Queue

SPEC = AppSpec(
    name="toy",
    help="Counts, waits and fails as told.",
    package="toy",
    roles={"player": ("toy.read", "toy.run"), "watcher": ("toy.read",)},
    permissions=("toy.read", "toy.run", "toy.post", "toy.sign"),
    persons_only=("toy.sign",),
    queues=(Queue("toy"),),
    api="toy.api:router",
    api_prefix="/v1",
    cli="toy.cli:app",
    ui="toy.ui:build",
    tasks="toy.tasks",
    samples="toy.samples:write_samples",
    seed="toy.samples:seed",
)

ABSENT = AppSpec(
    name="absent",
    help="Is never installed.",
    package="toy",
    roles={"nobody": ("absent.read",)},
    permissions=("absent.read",),
    extra="absent",
    needs=("no_such_module",),
    queues=(Queue("absent"),),
    cli="toy.no_such_module:app",
    ui="toy.no_such_module:build",
    tasks="toy.no_such_module",
)

HOLDER = AppSpec(
    name="holder",
    help="Counts in the process that holds the models.",
    package="toy",
    permissions=("holder.read", "holder.run"),
    queues=(Queue("holder", worker="model"),),
    tasks="toy.holder",
)

PROMPT = AppSpec(
    name="prompt",
    help="Counts in a worker that yields to nobody.",
    package="toy",
    permissions=("prompt.read", "prompt.run"),
    queues=(Queue("prompt", worker="prompt"),),
    tasks="toy.prompt",
)
