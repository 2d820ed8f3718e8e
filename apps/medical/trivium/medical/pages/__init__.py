"""The medical app's pages: worklist, review, checking a report. Plain pages of our own, and plain answers in JSON.

They reach neither the pipeline nor a model: films go to the worker by job, and come back as rows. The door for films
(`intake`) reads DICOM here, because identity must be taken off before anything else touches the pixels.
"""

from fastapi import APIRouter

from trivium.medical.pages import acts, checking, exports, films, study, worklist

__all__ = ["router"]

router = APIRouter()
for part in (worklist, study, acts, films, exports, checking):
    router.include_router(part.router)
