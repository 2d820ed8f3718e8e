"""The maintenance pages: fleet, asset, alerts, data health, inspections, of what workers stored; no model here."""

from trivium.maintenance.pages import inspections
from trivium.maintenance.pages.routes import router

__all__ = ["router"]

router.include_router(inspections.router)
