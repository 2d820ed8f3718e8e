"""A server with people of each role, asked over HTTP, and what their tests do before they begin."""

from __future__ import annotations

from fastapi.testclient import TestClient
from tests.medical.deployment import make_draft

from trivium.service.access import open_access
from trivium.service.guard import session_cookie
from trivium.service.web import create_web

HOST = "http://127.0.0.1:7860"
PASSWORD = "copper kite ladder moss"


class Site:
    """A server with a technologist, a resident, a radiologist and an admin."""

    def __init__(self, runtime):
        self.runtime = runtime
        self.door = create_web(runtime)
        access = open_access(runtime.settings, runtime.apps, runtime.database)
        self.clients = {}
        for name, role in (("tom", "medical:technologist"), ("rita", "medical:resident"), ("root", "admin"),
                           ("ann", "medical:radiologist")):  # fmt: skip
            access.people.add(name, [role], actor="operator", password=PASSWORD if name == "ann" else "")
            token = access.sessions.start(name, via="password")
            client = TestClient(self.door, base_url=HOST, headers={"accept-language": "en"})
            client.cookies.set(session_cookie(runtime.settings.port), token)
            self.clients[name] = client

    def bring(self, data: bytes, **query) -> str:
        answer = self.clients["tom"].post("/medical/api/uploads", content=data, params=query)
        assert answer.status_code == 201, answer.text
        return answer.json()["study"]

    def draft(self, study_id: str, job: str) -> None:
        make_draft(self.runtime, study_id, job)

    def acts(self, study_id: str) -> list[str]:
        return [row.action for row in self.runtime.audit.rows(subject_kind="study", subject_id=study_id)]


def settle(client, study_id):
    """Take the report and accept every sentence; return the state."""
    state = client.post(f"/medical/studies/{study_id}/begin").json()
    for sentences in state["content"]["sections"].values():
        for one in sentences:
            one["status"] = "accepted"
    body = {"version": state["study"]["version"], "content": state["content"]}
    return client.post(f"/medical/studies/{study_id}/save", json=body).json()


def sign(client, study_id, **changes):
    """Sign the report as it stands; return the state."""
    state = client.get(f"/medical/studies/{study_id}/state").json()
    body = {"version": state["study"]["version"], "text_sha256": state["text_sha256"], "films": len(state["images"])}
    answer = client.post(
        f"/medical/studies/{study_id}/sign", json=body | {"attested": True, "secret": PASSWORD} | changes
    )
    assert answer.status_code == 200, answer.text
    return answer.json()
