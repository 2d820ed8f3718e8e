"""The platform's own spec: the role `admin`, the tables of jobs, accounts and sessions. Admin can never sign."""

from trivium.service.app_spec import AppSpec

_PERSONS = ("service.people", "service.keys", "service.operations")
_PERMISSIONS = (*_PERSONS, "service.metrics")  # the last for a Prometheus with a key

SPEC = AppSpec(
    name="service",
    help="Jobs, store, accounts and the web shell that every app shares.",
    package="trivium.service",
    roles={"admin": _PERMISSIONS},
    permissions=_PERMISSIONS,
    persons_only=_PERSONS,
    tables="trivium.service.tables",
    migrations="trivium.service:migrations",
)
