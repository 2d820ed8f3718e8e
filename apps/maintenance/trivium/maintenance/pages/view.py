"""What every page of a plant needs: who looks, in which language, the plant's registry, links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from sqlalchemy import select

from trivium.maintenance import tables
from trivium.maintenance.alerts import book
from trivium.maintenance.alerts.wording import sentences
from trivium.maintenance.api_parts import open_parts
from trivium.maintenance.inspection.stored import Inspected
from trivium.maintenance.pages.words import Words, zone_of
from trivium.maintenance.registry import Registry, Tag
from trivium.service.errors import NotFoundError
from trivium.service.pages import page
from trivium.service.visitor import language_of, principal_of

__all__ = ["PACKAGE", "View", "list_plants"]

PACKAGE = "trivium.maintenance"


class View:
    """What every page of a plant needs."""

    def __init__(self, request: Request, plant: str) -> None:
        self.request = request
        self.runtime = request.app.state.runtime
        self.database = self.runtime.database
        self.plant = plant
        self.registry: Registry = open_parts(request).registries.of(plant)
        if not self.registry.version:
            raise NotFoundError("no plant is registered under this name", where=plant[:120])
        self.language = language_of(request)
        self.words = Words(self.language, zone_of(self.registry.zone))
        self.base = f"/maintenance/p/{quote(plant, safe='')}"

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Render a template with what the pages of a plant share."""
        open_alerts = book.find_alerts(self.database, self.plant, states=(book.UNACKNOWLEDGED,))
        return page(
            self.request, template, status=status, package=PACKAGE, w=self.words, plant=self.plant, base=self.base,
            plants=list_plants(self.request), num_open=len(open_alerts), may_act=self.may("maintenance.alert"),
            link=self.asset_link, told_of=self.told, **values,
        )  # fmt: skip

    def may(self, permission: str) -> bool:
        """Tell whether the visitor holds a permission."""
        return principal_of(self.request).may(permission)

    def asset_link(self, asset: str) -> str:
        """Return the address of an asset's page."""
        return f"{self.base}/asset/{quote(asset, safe='')}"

    def tag(self, asset: str, name: str) -> Tag | None:
        """Return what is registered of a tag."""
        return self.registry.asset_of(asset).by_name.get(name)

    def told(self, one: Inspected) -> Mapping[str, Any]:
        """Return what the page of an inspection shows, in the visitor's language."""
        found: Mapping[str, Any] = one.told["pages"][self.language]
        return found

    def reasons(self, alert: book.Alert) -> list[str]:
        """Return why an alert was raised, in sentences."""
        return sentences(alert.finding, self.language, self.words.zone, alert.asset)


def list_plants(request: Request) -> list[str]:
    """Return the names of all plants."""
    table = tables.plant
    with request.app.state.runtime.database.read() as connection:
        return list(connection.execute(select(table.c.name).order_by(table.c.name)).scalars())
