"""The maintenance pages: fleet, asset, alerts, data health. They read what workers stored; no model is imported."""

from trivium.maintenance.pages.routes import router

__all__ = ["router"]
