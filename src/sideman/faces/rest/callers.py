"""Who sends a request: an API key, a browser session, or the person in front of this machine.

Without a key a request counts as local only if everything about it is: loopback peer, a Host header that names this machine, no trace
of a proxy, and no foreign Origin. A reverse proxy on the same host, or a web page that resolves its own name to 127.0.0.1, fails one of
these.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from sideman.app.library.access import Caller
from sideman.app.library.studio import Studio
from sideman.errors import Forbidden, Unauthenticated

COOKIE = "sideman_session"
CSRF_HEADER = "X-CSRF-Token"
LOCAL_HOSTS = {"localhost", "127.0.0.1", "[::1]", "::1"}
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
SIGN_IN = "this needs an API key: send it as `Authorization: Bearer sm_...`; `sideman keys add` makes one"


@dataclass(frozen=True, slots=True)
class Policy:
    """open_to_all: --insecure was given, whoever reaches the server is its admin."""

    open_to_all: bool = False


def studio_of(request: Request) -> Studio:
    studio: Studio = request.app.state.studio
    return studio


def caller_of(request: Request) -> Caller:
    """Raises Unauthenticated, Forbidden (a session without its CSRF token), QuotaExceeded (too many requests)."""
    studio = studio_of(request)
    token = _token(request)
    if token is not None:
        return studio.access.by_key(token)
    policy: Policy = request.app.state.policy
    keyless = is_local(request) or (policy.open_to_all and same_origin(request))
    cookie = request.cookies.get(COOKIE)
    if cookie:
        try:
            who = studio.access.by_session(cookie)
        except Unauthenticated:
            if not keyless:  # a cookie that another library on this machine left, or an old one, shuts nobody out who needs none
                raise
            return studio.access.local()
        if request.method not in SAFE_METHODS and not _csrf_ok(request, studio, cookie):
            raise Forbidden(f"the {CSRF_HEADER} header is missing or wrong: it comes with the session")
        return who
    if keyless:
        return studio.access.local()
    raise Unauthenticated(SIGN_IN)


def _token(request: Request) -> str | None:
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated(SIGN_IN)
        return token.strip()
    return request.headers.get("x-api-key")


def _csrf_ok(request: Request, studio: Studio, cookie: str) -> bool:
    sent = request.headers.get(CSRF_HEADER, "").encode("utf-8", "replace")
    return same_origin(request) and hmac.compare_digest(sent, studio.access.csrf(cookie).encode())


def is_local(request: Request) -> bool:
    names = {name.lower() for name in request.headers}
    proxied = "forwarded" in names or "via" in names or any(name.startswith("x-forwarded-") or name == "x-real-ip" for name in names)
    return _loopback_peer(request) and _host(request.headers.get("host", "")) in LOCAL_HOSTS and not proxied and same_origin(request)


def _loopback_peer(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _host(value: str) -> str:
    """The name in a Host header, without the port."""
    host = value.strip().lower()
    return host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host


def same_origin(request: Request) -> bool:
    """No Origin, or the server's own."""
    if len(request.headers.getlist("host")) != 1:
        return False
    origins = request.headers.getlist("origin")
    if not origins:
        return True
    scheme, _, host = origins[0].lower().partition("://")
    return len(origins) == 1 and scheme in ("http", "https") and host == request.headers.get("host", "").lower()


StudioHere = Annotated[Studio, Depends(studio_of)]
Who = Annotated[Caller, Depends(caller_of)]
