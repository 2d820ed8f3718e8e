"""The gateway's client and a server that closes connections which were idle."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from trivium.maintenance.client import PlantClient


class Closing(http.server.BaseHTTPRequestHandler):
    """Takes a batch and closes the connection without saying so, as a server does after some idle seconds."""

    protocol_version = "HTTP/1.1"
    taken: list[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append(self.headers["Idempotency-Key"])
        self.send_response(202)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
        self.close_connection = True

    def log_message(self, *given: object) -> None:
        pass


@pytest.fixture
def closing() -> Iterator[http.server.ThreadingHTTPServer]:
    Closing.taken = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Closing)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join(10)
    server.server_close()


def test_a_batch_goes_at_once_where_the_connection_was_closed_since_the_last(closing, tmp_path):
    client = PlantClient(f"http://127.0.0.1:{closing.server_port}", "key", buffer=tmp_path)
    ids = [client.send([{"asset": "P1", "time": 1_772_366_400 + number, "temp": 20}]) for number in range(3)]
    client.close()
    assert client.waiting() == []
    assert Closing.taken == ids


def test_a_server_that_is_away_is_asked_once_and_left_alone_for_a_while(tmp_path, monkeypatch):
    client, asked = PlantClient("http://127.0.0.1:1", "key", buffer=tmp_path), []

    def post(path):
        asked.append(path)
        raise ConnectionRefusedError

    monkeypatch.setattr(client, "_post", post)
    client.send([{"asset": "P1", "time": 1_772_366_400, "temp": 20}])
    client.send([{"asset": "P1", "time": 1_772_366_401, "temp": 20}])
    assert len(client.waiting()) == 2
    assert len(asked) == 1
