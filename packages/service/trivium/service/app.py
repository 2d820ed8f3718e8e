"""The platform's own spec: the role `admin`, the tables of jobs and sessions. Admin can never sign a report."""

from trivium.service.app_spec import AppSpec

SPEC = AppSpec(
    name="service",
    help="Jobs, store, sessions and the web shell that every app shares.",
    package="trivium.service",
    roles={"admin": ("service.jobs.read", "service.jobs.manage")},
    permissions=("service.jobs.read", "service.jobs.manage"),
    tables="trivium.service.tables",
    migrations="trivium.service:migrations",
)
