"""The medical app's API for other systems, below `/api/medical`: DICOMweb. Pages have their own routes."""

from fastapi import APIRouter

from trivium.medical.network import dicomweb

__all__ = ["router"]

router = APIRouter()
router.include_router(dicomweb.router)
