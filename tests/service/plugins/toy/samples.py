"""The test app's sample data."""

from pathlib import Path

from trivium.service.jobs import JobInput
from trivium.service.runtime import LOCAL_USER, Runtime


def write_samples(folder: Path) -> list[Path]:
    (folder / "three.txt").write_text("3")
    return [folder / "three.txt"]


def seed(runtime: Runtime, files: list[Path]) -> None:
    blob = runtime.store.put_file(files[0])
    inputs = (JobInput(files[0].name, blob.sha256, blob.size),)
    runtime.jobs.submit(
        app="toy", kind="count", owner=LOCAL_USER, request={"to": 3}, inputs=inputs, idempotency_key="demo-count"
    )
