"""The app's spec."""

from trivium.service.app_spec import AppSpec, Queue

SPEC = AppSpec(
    name="chaos",
    help="Leaves countable effects.",
    package="chaos",
    roles={"tester": ("chaos.read", "chaos.run")},
    permissions=("chaos.read", "chaos.run"),
    queues=(Queue("chaos"),),
    tasks="chaos.tasks",
    tables="chaos.tables",
    migrations="chaos:migrations",
)
