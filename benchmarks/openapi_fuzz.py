"""What answers 5xx when every operation of every app is called with what its description allows, and what it does not.

The door, the shell and the routers of all installed apps run in this process on a database, a store and an embedded
broker of their own, with a film, a job and a plant's readings in them; Gradio's pages, which have no description, are
left out. schemathesis makes the requests from the OpenAPI description: half fit it, half break it; for operations on
one record, half name a record that is there. Who asks is a person with every role, so that handlers are reached.

Run: `python benchmarks/openapi_fuzz.py --seed 1 --examples 100`. Exits with 1 if anything answered 5xx.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import requests
import schemathesis
import structlog
from fastapi import FastAPI
from hypothesis.errors import Unsatisfiable
from PIL import Image
from schemathesis.generation.modes import GenerationMode
from setting import arguments, setting, verdict
from starlette.testclient import TestClient

HOST = "http://127.0.0.1:7860"
# The client has a session; a key beside it would be asked in its place, and be wrong.
_DROPPED = frozenset({"authorization", "x-api-key", "cookie", "connection", "host", "content-length"})
_CASES = 2  # ways of making requests for each operation: as described, and not


def main() -> int:
    """Call everything, print what answered what, and return the exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--examples", type=int, default=100, help="requests for each operation, about")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print(setting(("schemathesis", "fastapi"), options.seed))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home, _server(Path(home)) as (client, described, known):
        answers, faults = _call_all(client, described, known, seed=options.seed, examples=options.examples)
    for app in sorted({path.split("/")[1] for _method, path, _status in answers}):
        of_app = Counter()
        for (_method, path, status), count in answers.items():
            if path.split("/")[1] == app:
                of_app[f"{status // 100}xx"] += count
        print(f"  /{app:12} " + "  ".join(f"{name} {count}" for name, count in sorted(of_app.items())))
    for line in faults[:20]:
        print(f"  FAULT {line}")
    operations = len({(method, path) for method, path, _status in answers})
    total = sum(answers.values())
    print(f"{operations} operations, {total} requests in {time.monotonic() - began:.0f} s")
    return verdict(not faults, f"{len(faults)} of {total} requests answered 5xx")


@contextmanager
def _server(home: Path) -> Iterator[tuple[TestClient, dict[str, Any], dict[str, str]]]:
    """Yield a client that is logged in, the description of everything, and values for the ids in paths."""
    os.environ["TRIVIUM_HOME"] = str(home)
    from trivium.service import api, migrate
    from trivium.service.access import open_access
    from trivium.service.app_spec import enabled_apps, resolve
    from trivium.service.broker import EmbeddedBroker
    from trivium.service.roles import LOCAL_USER
    from trivium.service.runtime import open_runtime
    from trivium.service.settings import Settings
    from trivium.service.web import create_web

    settings = Settings(home=home)
    settings.prepare_home()
    broker = EmbeddedBroker(home)
    broker.start()
    apps = tuple(dataclasses.replace(spec, ui="") for spec in enabled_apps("") if not spec.missing)
    runtime = open_runtime(settings, apps=apps)
    migrate.upgrade(runtime.database)
    described = FastAPI(title="Trivium")
    described.include_router(api.router)
    for spec in apps:
        if spec.api:
            described.include_router(resolve(spec.api), prefix=spec.api_prefix or f"/api/{spec.name}")
        if spec.pages:
            described.include_router(resolve(spec.pages), prefix=f"/{spec.name}")
    access = open_access(settings, apps, runtime.database)
    access.first()
    client = TestClient(create_web(runtime), base_url=HOST, raise_server_exceptions=False, follow_redirects=False)
    try:
        client.get("/login", params={"token": access.sessions.make_link_token(LOCAL_USER)})
        yield client, described.openapi(), _filled(client)
    finally:
        runtime.close()
        broker.stop()


def _filled(client: TestClient) -> dict[str, str]:
    """Put a little of everything in, and return values for parameters by their names."""
    film = io.BytesIO()
    Image.effect_noise((64, 64), 40).save(film, "PNG")
    study = client.post("/medical/api/uploads", content=film.getvalue()).json()
    tags = "tag,asset,description,unit,low,high,rate,deadband\nspeed,P-101,Speed,rpm,0,4000,60,0\n"
    rows = "asset,time,speed [rpm]\nP-101,2026-03-01T12:00:00Z,2950\n"
    text, plant = {"content-type": "text/csv"}, {"plant": "north"}
    client.post("/v1/registry", params=plant | {"zone": "UTC"}, content=tags, headers=text)
    batch = client.post("/v1/batches", params=plant, content=rows, headers=text).json()
    job = client.post("/api/jobs", json={"app": "finance", "kind": "compare", "request": {}}).json()
    known = {"job_id": job["id"], "batch_id": batch["batch_id"], "asset": "P-101", "position": "1"}
    return known | plant | {"study_id": study["study"]}


def _call_all(
    client: TestClient, described: dict[str, Any], known: dict[str, str], *, seed: int, examples: int
) -> tuple[Counter[tuple[str, str, int]], list[str]]:
    """Call each operation; return how often it answered what, and a line for each fault."""
    answers: Counter[tuple[str, str, int]] = Counter()
    faults: list[str] = []
    for found in schemathesis.openapi.from_dict(described).get_all_operations():
        operation = found.ok()
        names = {parameter.name for parameter in (*operation.path_parameters, *operation.query)}
        for mode in GenerationMode:
            for fixed in ({}, known) if names & set(known) else ({},):
                for case in _cases(operation, mode, fixed, seed=seed, count=max(examples // 4, 1)):
                    status, said = _call(client, case)
                    answers[operation.method.upper(), operation.path, status] += 1
                    if status >= 500:
                        faults.append(f"{status} {case.as_curl_command()[:400]} {said}")
    return answers, faults


def _cases(operation: Any, mode: GenerationMode, known: dict[str, str], *, seed: int, count: int) -> list[Any]:
    """Make requests for an operation, the same ones for the same seed."""
    place = {
        parameter.name: known[parameter.name] for parameter in operation.path_parameters if parameter.name in known
    }
    asked = {parameter.name: known[parameter.name] for parameter in operation.query if parameter.name in known}
    cases: list[Any] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(operation.as_strategy(mode, path_parameters=place or None, query=asked or None))
    def collect(case: Any) -> None:
        cases.append(case)

    with contextlib.suppress(Unsatisfiable):  # nothing breaks an operation that takes nothing
        collect()
    return cases


def _call(client: TestClient, case: Any) -> tuple[int, str]:
    """Send one request; return the status and the start of the answer."""
    sent = case.as_transport_kwargs(HOST)
    headers = {name: value for name, value in sent.get("headers", {}).items() if name.lower() not in _DROPPED}
    prepared = requests.Request(
        sent["method"], sent["url"], params=sent.get("params"), json=sent.get("json"), data=sent.get("data"),
        files=sent.get("files"),
    ).prepare()  # fmt: skip
    answer = client.request(
        prepared.method or "GET",
        prepared.url or HOST,
        content=prepared.body,
        headers={
            **{name: value for name, value in prepared.headers.items() if name.lower() not in _DROPPED},
            **headers,
        },
    )
    return answer.status_code, answer.text[:200]


if __name__ == "__main__":
    sys.exit(main())
