"""Who may look: the token, the names this server answers to, and the pages that may talk to it.

Checked before anything else of a request is: page, websocket and static file alike. A browser on a person's own machine
is led to loopback by any page that person visits (cross-site requests, DNS rebinding), so being loopback is no
protection: a request must name this server (``Host``), come from its own page (``Origin``), and carry the token.
"""

from __future__ import annotations

import hmac
import secrets
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

LEAST_TOKEN: Final = 20
"""Characters that a token must have at least."""

MOST_TOKEN: Final = 512

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On every answer: nothing is loaded from elsewhere, nothing is kept, nobody frames it (inline styles are xterm's)."""


class TokenError(Exception):
    """The token cannot be used; says why and what to do."""


def read_token(path: Path) -> str:
    """The first line of a file that only its owner can read.

    Raises:
        TokenError: it cannot be read, others can read it, or it is too short to be a secret.
    """
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise TokenError(f"--token-file {path}: others can read it; run: chmod 600 {path}")
        with path.open(encoding="ascii") as file:
            token = file.readline(MOST_TOKEN).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TokenError(f"--token-file {path}: cannot be read: {error}") from error
    if len(token) < LEAST_TOKEN or not token.isprintable() or " " in token:
        raise TokenError(
            f"--token-file {path}: the first line must be at least {LEAST_TOKEN} characters without a space; "
            f"make one with: (umask 077; openssl rand -hex 32 > {path})"
        )
    return token


def new_token() -> str:
    """A token for this run only: 256 bits."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets through what names this server, comes from its page and carries the token."""

    token: str
    port: int
    public: str = ""
    """What browsers call it from outside (``https://wall.example.com``), where a proxy stands before it."""

    def __repr__(self) -> str:
        return f"Gate(port={self.port}, public={self.public!r})"

    @property
    def origins(self) -> frozenset[str]:
        """The origins whose pages are its own."""
        own = {f"http://{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        return frozenset({*own, self.public} - {""})

    @property
    def hosts(self) -> frozenset[str]:
        """What a ``Host`` header may say."""
        return frozenset(urlsplit(origin).netloc for origin in self.origins)

    @property
    def cookie(self) -> str:
        """The cookie's name: cookies know no ports, so this has it."""
        return f"killswitch-wall-{self.port}"

    @property
    def pass_(self) -> str:
        """What the cookie carries: made of the token, so that it lives as long, but is not the token."""
        return hmac.new(self.token.encode(), b"killswitch-console wall display", sha256).hexdigest()

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer what may not pass; let the rest through, with headers that keep it here."""
        answer: web.StreamResponse | None = self._refusal(request) or self._entrance(request)
        try:
            answer = answer or await handler(request)
        except web.HTTPException as other:  # not found, and its like
            answer = web.Response(status=other.status, text=other.reason)
        if not answer.prepared:
            answer.headers.update(_HEADERS)
        return answer

    def _refusal(self, request: web.Request) -> web.Response | None:
        """Why a request is none of ours, before any token is looked at."""
        if request.headers.getall("Host", []) != [request.host] or request.host.lower() not in self.hosts:
            return _said(421, "this server does not go by that name; --public-url names it")
        origin = request.headers.get("Origin")
        if (origin is not None or request.path == "/ws") and origin not in self.origins:
            return _said(403, "requests from other sites are refused")
        if request.headers.get("Sec-Fetch-Site") == "cross-site" and request.path != "/":
            return _said(403, "requests from other sites are refused")
        return None

    def _entrance(self, request: web.Request) -> web.Response | None:
        """What somebody without a valid cookie gets; None for those who may pass."""
        if request.path == "/" and (given := request.query.get("token")) is not None:
            return self._welcome() if _same(given, self.token) else _unknown()
        if _same(request.cookies.get(self.cookie, ""), self.pass_):
            return None
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(given, self.token):
            return None
        return _unknown()

    def _welcome(self) -> web.Response:
        """A page that sets the cookie and goes on to the display, without the token in its address.

        A page rather than a redirect: who follows a link from a chat comes from another site, and a browser would not
        send a strict cookie along with a redirect from there.
        """
        on = '<meta http-equiv="refresh" content="0; url=/"><link rel="icon" href="data:,">'
        page = f"<!DOCTYPE html>{on}<title>killswitch-console</title>"
        answer = web.Response(text=page, content_type="text/html")
        secure = self.public.startswith("https:")
        answer.set_cookie(self.cookie, self.pass_, httponly=True, samesite="Strict", secure=secure)
        return answer


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())


def _unknown() -> web.Response:
    return _said(401, "the token is missing or wrong; open the address that `killswitch-console serve` printed")


def _said(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")
