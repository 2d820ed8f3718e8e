"""Roles and what they permit; above all what the role admin does not."""

import pytest

from trivium.service.app_spec import AppSpec, installed_apps
from trivium.service.errors import InputError
from trivium.service.roles import ADMIN, Principal, Roles

CLINIC = AppSpec(
    name="clinic",
    help="x",
    package="x",
    roles={"reader": ("clinic.read",), "attending": ("clinic.read", "clinic.sign")},
    permissions=("clinic.read", "clinic.sign"),
    persons_only=("clinic.sign",),
)
DESK = AppSpec(
    name="desk", help="x", package="x", roles={"reader": ("desk.read",)}, permissions=("desk.read", "desk.post")
)


def test_admin_holds_no_permission_of_any_app():
    """Of the installed apps, and of any app: a spec cannot name another owner's permission, nor the role admin."""
    held = Roles(installed_apps()).permissions([ADMIN])
    assert held == {"service.people", "service.keys", "service.operations", "service.metrics"}
    assert held & {permission for spec in installed_apps() for permission in spec.permissions} == set()
    with pytest.raises(ValueError, match="permissions begin with desk"):
        AppSpec(name="desk", help="x", package="x", permissions=("service.people",))
    with pytest.raises(ValueError, match="the role admin is the platform's"):
        AppSpec(name="desk", help="x", package="x", roles={"admin": ("desk.sign",)}, permissions=("desk.sign",))


def test_roles_permit_together_and_hidden_apps_permit_nothing():
    roles = Roles((CLINIC, DESK))
    assert roles.names == ("admin", "clinic:reader", "clinic:attending", "desk:reader")
    assert roles.permissions(["clinic:attending", "desk:reader"]) == {"clinic.read", "clinic.sign", "desk.read"}
    assert Roles((DESK,)).permissions(["clinic:attending"]) == frozenset()


def test_short_names_while_they_are_unique():
    roles = Roles((CLINIC, DESK))
    assert roles.named(["attending", "admin", "desk:reader", "attending"]) == (
        "clinic:attending",
        "admin",
        "desk:reader",
    )
    with pytest.raises(InputError, match="'reader' is a role of several apps; use clinic:reader or desk:reader"):
        roles.named(["reader"])
    with pytest.raises(InputError, match="no role is called 'boss'; known: admin, clinic:reader"):
        roles.named(["boss"])


def test_scopes_are_what_apps_let_machines_do():
    roles = Roles((CLINIC, DESK))
    assert roles.scopes == ("clinic.read", "desk.post", "desk.read", "service.metrics")
    assert roles.checked_scopes(["desk.read", "desk.post", "desk.read"]) == ("desk.post", "desk.read")
    for wrong in (["clinic.sign"], ["service.people"], ["desk.read", "nose"]):
        with pytest.raises(
            InputError, match=r"is no permission of a key; use some of clinic\.read, desk\.post, desk\.read"
        ):
            roles.checked_scopes(wrong)
    with pytest.raises(InputError, match="a key needs a scope"):
        roles.checked_scopes([])


def test_a_principal_may_what_any_of_its_permissions_says():
    plant = Principal("plant:p7", "p7", frozenset({"desk.post"}), "key")
    assert (plant.may("desk.post"), plant.may("desk.read", "desk.post"), plant.may("desk.read")) == (True, True, False)
    assert not plant.is_person
