"""Wrong account, missing right, expired or absent credentials, unknown region: one line, which and what to do."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from aws_asking import opened
from aws_servers import Names, Server
from killswitch_backends.aws_iam import KIND as IAM
from killswitch_backends.aws_lambda import KIND as LAMBDA
from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Backend
from killswitch_inventory.sightings import SightingFailed
from killswitch_inventory.targets import TargetId

KINDS = {"lambda": LAMBDA, "iam": IAM}


def no_credentials(server: Server, folder: Path) -> dict[str, Any]:
    (folder / "empty").write_text("[test]\nregion = eu-central-1\n")
    return {"credentials_file": str(folder / "empty")}


def expired(server: Server, folder: Path) -> dict[str, Any]:
    """Keys of a session that has ended."""
    allow = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    role = server.client("iam").create_role(RoleName=Names.new("role"), AssumeRolePolicyDocument=trust)
    arn = role["Role"]["Arn"]
    keys = server.client("sts").assume_role(RoleArn=arn, RoleSessionName="agent")["Credentials"]
    server.sim.inside(lambda sim: _end(sim, keys["AccessKeyId"]))
    (folder / "expired").write_text(
        f"[test]\naws_access_key_id = {keys['AccessKeyId']}\naws_secret_access_key = {keys['SecretAccessKey']}\n"
        f"aws_session_token = {keys['SessionToken']}\n"
    )
    return {"credentials_file": str(folder / "expired")}


def _end(sim: Any, key_id: str) -> None:
    from dataclasses import replace
    from datetime import UTC, datetime

    (face,) = (face for face in sim.faces if face.prefix == "/aws")
    key = face._keys.find(key_id)
    face._keys.put(replace(key, session=replace(key.session, expires_at=datetime(2020, 1, 1, tzinfo=UTC))))


def wrong_keys(server: Server, folder: Path) -> dict[str, Any]:
    (folder / "wrong").write_text("[test]\naws_access_key_id = AKIANOBODYNOBODY0000\naws_secret_access_key = wrong\n")
    return {"credentials_file": str(folder / "wrong")}


def unknown_profile(server: Server, folder: Path) -> dict[str, Any]:
    return {"profile": "nobody"}


def another_account(server: Server, folder: Path) -> dict[str, Any]:
    return {"account": "999999999999"}


WRONG = [
    (no_credentials, "credentials", "check `profile` and `credentials_file` of this table"),
    (expired, "its credentials have expired", "renew them"),
    (wrong_keys, "AWS does not know its credentials", "correct `profile` or `credentials_file`"),
    (unknown_profile, "nobody", "check `profile`"),
    (another_account, "is meant for account 999999999999, but acts as", "use credentials of that account"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("wrong", "which", "todo"), WRONG, ids=[one[0].__name__ for one in WRONG])
async def test_it_is_said_in_one_line_and_nothing_is_changed(
    simulator: Server, tmp_path: Path, kind: str, wrong: Any, which: str, todo: str
) -> None:
    more = wrong(simulator, tmp_path)
    simulator.sim.forget_requests()
    async with opened(KINDS[kind], simulator.table(**more)) as backend:
        for line in (await failed_sight(backend), await failed_capture(backend)):
            assert line.startswith(f"{kind}:test")
            assert which in line
            assert todo in line
            assert "\n" not in line
    assert not any(one["applied"] for one in simulator.sim.requests())


async def failed_sight(backend: Backend) -> str:
    """What the fleet says of the platform."""
    stream = backend.sight()
    try:
        async for sighting in stream:
            if isinstance(sighting, SightingFailed):
                return sighting.problem
    finally:
        await stream.aclose()  # type: ignore[attr-defined]
    raise AssertionError("it was sighted")


async def failed_capture(backend: Backend) -> str:
    """What a halt says of a target there."""
    path = "refund" if backend.ref.kind == "lambda" else "role/refund"
    try:
        (one,) = [one async for one in backend.capture([TargetId(backend.ref, path)], fresh=True)]
    except Problem as problem:
        return str(problem)
    return str(getattr(one, "problem", one))


@asynccontextmanager
async def nowhere() -> AsyncIterator[None]:
    """Every name of AWS's leads to a closed port of this machine."""
    real = socket.getaddrinfo

    def local(host: str, port: int, *more: Any, **further: Any) -> Any:
        assert host.endswith(".amazonaws.com"), host
        return real("127.0.0.1", 9, socket.AF_INET, socket.SOCK_STREAM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", local)
        yield


@pytest.mark.parametrize(("region", "known"), [("eu-nowhere-7", False), ("eu-central-1", True)])
async def test_an_unknown_region_is_named_and_a_known_one_is_only_unreachable(
    tmp_path: Path, region: str, known: bool
) -> None:
    (tmp_path / "keys").write_text("[test]\naws_access_key_id = AKIATEST\naws_secret_access_key = x\n")
    table = {"name": "test", "region": region, "profile": "test", "credentials_file": str(tmp_path / "keys")}
    async with nowhere(), opened(LAMBDA, table) as backend:
        line = await failed_sight(backend)
    assert line.startswith("lambda:test: ")
    assert ("no region eu-nowhere-7 is known" in line) is not known
    assert ("correct `region` of this table" in line) is not known
