"""Our web server with the real nginx before it, on ports of their own; without TLS, which needs a certificate."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn
from tests.service.suite import missing, wait_for

from trivium.service.runtime import Runtime
from trivium.service.web import create_web

CONFIGURATIONS = Path(__file__).parents[2] / "deploy" / "nginx"
NGINX = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else "")


@contextmanager
def in_front_of(runtime: Runtime, name: str, folder: Path) -> Iterator[str]:
    """Yield the address at which nginx answers with a configuration of `deploy/nginx`.

    Args:
        folder: for its files.
    """
    if not NGINX:
        missing("nginx")
    front, back = _free_port(), _free_port()
    text = (CONFIGURATIONS / name).read_text(encoding="utf-8").replace("127.0.0.1:7860", f"127.0.0.1:{back}")
    listen = f"listen 127.0.0.1:{front}"
    text = re.sub(r"    ssl_\w+ [^;]+;\n", "", text).replace("listen 443 ssl", listen)
    if not re.search(r"^server \{", text, re.MULTILINE):
        text = f"server {{ {listen};\n{text} }}"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    head = f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}"
    (folder / "nginx.conf").write_text(f"{head} http {{ access_log off; {temporary}\n{text}}}")
    server = uvicorn.Server(uvicorn.Config(create_web(runtime), port=back, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.PIPE)
    address = f"http://127.0.0.1:{front}"
    try:
        wait_for(lambda: _answers(address + runtime.settings.root_path) or process.poll() is not None, seconds=20)
        assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
        yield address
    finally:
        process.terminate()
        process.wait(10)
        if process.stderr:
            process.stderr.close()
        server.should_exit = True
        thread.join(20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz", timeout=2).status_code == 200
    except httpx.HTTPError:
        time.sleep(0.05)
        return False
