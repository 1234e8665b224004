"""The server as its clients see it: where it listens, whom it serves, how it starts and ends."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
import urllib.request
from dataclasses import asdict
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from killswitch_backends.simulator.fleet import make_fleet
from killswitch_backends.simulator.server import Simulator
from simulated import process, running
from small_face import SmallFace, small_faces


async def test_a_simulator_in_a_thread_serves_blocking_clients_of_the_same_loop():
    async with running(agents=5, seed=2) as sim:
        with urllib.request.urlopen(f"{sim.url}/_simulator/agents") as answer:  # noqa: ASYNC210 - blocking is the point
            assert json.load(answer) == [asdict(spec) for spec in make_fleet(agents=5, seed=2)]
        assert set(sim.truth()) == {spec.name for spec in sim.specs}


async def test_a_simulator_in_a_process_ends_cleanly_on_each_signal():
    for number in (signal.SIGTERM, signal.SIGINT):
        async with process(agents=3, seed=2) as sim:
            assert len(sim.truth()) == 3
            sim.child.send_signal(number)
            assert await sim.child.wait() == 0


async def test_it_listens_on_loopback_only():
    simulator = Simulator((), seed=1, faces=small_faces())
    async with simulator.serving() as url:
        port = int(url.rpartition(":")[2])
        assert url == f"http://127.0.0.1:{port}"
        for other in ("127.0.0.2", socket.gethostbyname(socket.gethostname())):
            if other != "127.0.0.1":
                with pytest.raises(OSError, match="refused"):
                    socket.create_connection((other, port), timeout=2)


@pytest.mark.parametrize(("peer", "status"), [("192.0.2.7", 403), ("127.0.0.1", 200), ("::1", 200)])
async def test_a_peer_from_elsewhere_is_refused(peer, status):
    simulator = Simulator((), seed=1, faces=small_faces())
    transport = Mock(get_extra_info=lambda key: (peer, 40000) if key == "peername" else None)
    request = make_mocked_request("GET", "/_simulator/health", transport=transport)
    app = simulator.application()
    app.freeze()
    try:
        answer = await app._handle(request)
    except aiohttp.web.HTTPException as refusal:
        answer = refusal
    assert answer.status == status


async def test_a_taken_port_is_an_error_of_the_operating_system():
    async with Simulator((), seed=1, faces=small_faces()).serving() as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            async with Simulator((), seed=1, faces=small_faces()).serving(port=port):
                pass


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"port": "{taken}"}, "in use"),
        ({"port": 70_000}, "port is 70000"),
        ({"agents": -1}, "fewer than zero"),
        ({"write-config": "/proc/nowhere/config.toml"}, "/proc/nowhere"),
    ],
)
async def test_what_cannot_start_says_why_in_one_line_and_exits_2(wrong, why):
    async with Simulator((), seed=1, faces=small_faces()).serving() as url:
        taken = url.rpartition(":")[2]
        arguments = [f"--{option}={str(value).format(taken=taken)}" for option, value in wrong.items()]
        command = [sys.executable, "-m", "killswitch_backends.simulator", "--agents=1", *arguments]
        child = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        said, complained = await child.communicate()
    assert (child.returncode, said) == (2, b"")
    assert complained.count(b"\n") == 1
    assert why in complained.decode()


async def test_faces_are_seeded_before_they_serve_and_run_until_the_end():
    simulator = Simulator(make_fleet(agents=4, seed=1), seed=1, faces=small_faces())
    (face,) = simulator.faces
    assert isinstance(face, SmallFace)
    async with simulator.serving() as url, aiohttp.ClientSession() as http:
        async with http.get(f"{url}/small/a.b") as answer:
            assert answer.status == 200
        assert face.running
        assert len(face.seeded) == 4
    assert not face.running


async def test_a_face_that_fails_takes_the_simulator_down_with_its_own_error():
    class Failing(SmallFace):
        async def run(self) -> None:
            raise RuntimeError("the controller is broken")

    def faces(*, world, faults, clock, seed):
        return (Failing(faults),)

    with pytest.raises(ExceptionGroup) as raised:
        async with Simulator((), seed=1, faces=faces).serving():
            await asyncio.Event().wait()
    assert raised.group_contains(RuntimeError, match="the controller is broken")


async def test_the_failure_of_its_user_stays_as_it_is():
    with pytest.raises(ZeroDivisionError):
        async with Simulator((), seed=1, faces=small_faces()).serving():
            _ = 1 / 0


async def test_agents_without_a_process_layer_act_from_the_start():
    async with running(agents=0, uncovered=3) as sim:
        nowhere = [spec.name for spec in sim.specs if spec.runtime == "none"]
        assert len(nowhere) == 2
        await sim.all_acting(*nowhere)
        assert all(sim.truth()[name]["running"] == 1 for name in nowhere)
