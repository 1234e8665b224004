"""The simulated cluster behind TLS that asks for client certificates, as a real API server's does.

Whoever shows a certificate of the authority with a known user's name is let through to the simulator with the token
that it takes now; everybody else comes as they are, and what they bring is judged there.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from certificates import Authority
from killswitch_backends.simulator.kubernetes import access
from simulated import Simulated

_HOP = frozenset({"connection", "transfer-encoding", "content-length", "host", "content-encoding", "authorization"})


@dataclass
class Front:
    """The TLS server, and the token that the cluster takes behind it."""

    authority: Authority
    url: str = ""
    token: str = access.TOKEN
    users: list[str] = field(default_factory=list)
    """Users who came by certificate, in the order of their requests."""

    def revoke(self, sim: Simulated) -> None:
        """Have the cluster refuse the token that the everyday kubeconfig holds."""
        self.token = "another-token-that-nobody-else-knows"
        sim.inside(lambda s: setattr(s.faces[0].access, "_authorization", f"Bearer {self.token}"))  # type: ignore[attr-defined]


@asynccontextmanager
async def certified(sim: Simulated, folder: Path, known: Collection[str]) -> AsyncIterator[Front]:
    """A TLS front of ``sim``'s cluster that knows some users by their certificates."""
    front = Front(Authority.new())
    server = front.authority.issue("server")
    (folder / "server.pem").write_text(server.certificate + server.key)
    (folder / "authority.pem").write_text(front.authority.own.certificate)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "authority.pem"))
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # as an API server does: by default Python 3.13 asks for more
    context.load_cert_chain(str(folder / "server.pem"))

    async def forward(request: web.Request) -> web.StreamResponse:
        headers = {key: value for key, value in request.headers.items() if key.lower() not in _HOP}
        if (user := _user(request)) in known:
            front.users.append(user)
            headers["Authorization"] = f"Bearer {front.token}"
        elif "Authorization" in request.headers:
            headers["Authorization"] = request.headers["Authorization"]
        body = await request.read()
        url = f"{sim.url}/kubernetes{request.raw_path}"
        async with session.request(request.method, url, headers=headers, data=body) as answer:
            kept = {key: value for key, value in answer.headers.items() if key.lower() not in _HOP}
            passed = web.StreamResponse(status=answer.status, headers=kept)
            await passed.prepare(request)
            async for chunk in answer.content.iter_any():
                await passed.write(chunk)
            return passed

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    async with aiohttp.ClientSession(auto_decompress=True) as session:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        front.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield front
        finally:
            await runner.cleanup()


def _user(request: web.Request) -> str:
    assert request.transport is not None
    certificate = request.transport.get_extra_info("peercert") or {}
    return next((value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"), "")
