"""The path under which a proxy serves the suite, `TRIVIUM_ROOT_PATH`: off what comes in, before what goes out.

Inside, every address begins at `/`: routes, redirects, links in templates, paths of cookies. The door and the pages put
the root before them on their way out, so that nothing else knows where the suite lives. Scripts find their way from the
address that they were loaded from. A proxy may take the root off by itself or leave it on.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["in_links", "inward", "outward", "told"]

_LINK = re.compile(r'(?<=\s)((?:href|src|action|data-[a-z-]+)="|content="0;url=)/(?!/)')
_COOKIE_PATH = re.compile(r"(?i)(?<=;)(\s*path=)/")


def inward(scope: Scope, root: str) -> Scope:
    """Return the scope of a request without the root in its path."""
    path: str = scope["path"]
    if not root or not f"{path}/".startswith(f"{root}/"):
        return scope
    raw = scope.get("raw_path") or b""
    return {**scope, "path": path.removeprefix(root) or "/", "raw_path": raw.removeprefix(root.encode()) or b"/"}


def outward(headers: MutableHeaders, root: str, request: Headers) -> None:
    """Put the root into the addresses of a response's headers: where it sends on, and what its cookies are for.

    Args:
        request: headers of the request, whose host is ours.
    """
    if not root:
        return
    location = headers.get("location", "")
    parts = urlsplit(location)
    if location and parts.netloc in ("", request.get("host", "")) and parts.path.startswith("/"):
        headers["location"] = urlunsplit(parts._replace(path=f"{root}{parts.path}"))
    cookies = headers.getlist("set-cookie")
    if cookies:
        del headers["set-cookie"]
        for cookie in cookies:
            headers.append("set-cookie", _COOKIE_PATH.sub(rf"\g<1>{root}/", cookie))


def told(app: ASGIApp, root: str) -> ASGIApp:
    """Return an application that is told the root, as ASGI has it: for one that makes addresses by itself."""

    async def rooted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": f"{root}{scope['path']}", "root_path": f"{root}{scope.get('root_path', '')}"}
        await app(scope, receive, send)

    return rooted if root else app


def in_links(html: str, root: str) -> str:
    """Put the root before the addresses of this server in the attributes of a page of ours."""
    return _LINK.sub(rf"\g<1>{root}/", html) if root else html
