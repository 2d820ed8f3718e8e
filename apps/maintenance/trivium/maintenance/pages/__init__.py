"""The maintenance pages: fleet, asset, alerts, data health, models, inspections, from what workers stored."""

from trivium.maintenance.pages import inspections, model_pages
from trivium.maintenance.pages.routes import router

__all__ = ["router"]

router.include_router(inspections.router)
router.include_router(model_pages.router)
