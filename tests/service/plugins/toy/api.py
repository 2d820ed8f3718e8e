"""The test app's API, which a plant posts to."""

from typing import Annotated

from fastapi import APIRouter

from trivium.service.permission import needs
from trivium.service.roles import Principal

router = APIRouter()


@router.post("/batches", status_code=202)
def post(plant: Annotated[Principal, needs("toy.post")]) -> dict[str, str]:
    """Take a batch."""
    return {"owner": plant.id}


@router.post("/signatures", dependencies=[needs("toy.sign")])
def sign() -> dict[str, bool]:
    """Sign."""
    return {"signed": True}
