"""AWS emulators on loopback for the tests of the AWS backends: moto in this process, ministack in one of its own.

Both are unfaithful in places (shared/platforms.md section F); a test that meets a gap names it.
"""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from killswitch_backends.protocol import Backend, LabelKeys, Order, Profile, Surroundings

REGION = "eu-central-1"
ACCESS_KEY = "AKIATESTTESTTESTTEST"
SECRET_KEY = "a-made-up-secret-access-key-of-a-test"


@dataclass(frozen=True)
class Server:
    """A running emulator, and how to reach it as an administrator would."""

    kind: str
    url: str
    folder: Path
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY
    _clients: dict[str, Any] = field(default_factory=dict)

    @property
    def credentials_file(self) -> Path:
        path = self.folder / "aws-credentials"
        if not path.exists():
            path.write_text(
                f"[test]\naws_access_key_id = {self.access_key}\naws_secret_access_key = {self.secret_key}\n"
            )
        return path

    def table(self, **more: Any) -> dict[str, Any]:
        """A configuration table that reaches this server."""
        own = {"name": "test", "region": REGION, "profile": "test", "endpoint_url": self.url}
        return own | {"credentials_file": str(self.credentials_file)} | more

    def client(self, service: str) -> Any:
        """The test's own client: what an administrator or somebody else does meanwhile."""
        if service not in self._clients:
            import boto3

            self._clients[service] = boto3.client(
                service, region_name=REGION, endpoint_url=self.url,
                aws_access_key_id=self.access_key, aws_secret_access_key=self.secret_key,
            )  # fmt: skip
        return self._clients[service]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def make_role(self, name: str, *, tags: dict[str, str] | None = None, path: str = "/agents/") -> str:
        """A role; returns its ARN."""
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
        answer = self.client("iam").create_role(
            RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(trust),
            Tags=[{"Key": key, "Value": value} for key, value in (tags or {}).items()],
        )  # fmt: skip
        return str(answer["Role"]["Arn"])

    def make_function(self, name: str, role: str, *, timeout: int = 1, tags: dict[str, str] | None = None) -> str:
        """A function that nothing invokes; returns its ARN."""
        answer = self.client("lambda").create_function(
            FunctionName=name, Runtime="python3.11", Role=role, Handler="app.handler", Timeout=timeout,
            Code={"ZipFile": _code()}, Tags=tags or {},
        )  # fmt: skip
        return str(answer["FunctionArn"])

    def feed(self, function: str, queue: str) -> str:
        """An enabled event source mapping; returns its UUID."""
        created = self.client("sqs").create_queue(QueueName=queue)
        attributes = self.client("sqs").get_queue_attributes(QueueUrl=created["QueueUrl"], AttributeNames=["QueueArn"])
        answer = self.client("lambda").create_event_source_mapping(
            EventSourceArn=attributes["Attributes"]["QueueArn"], FunctionName=function, Enabled=True
        )
        return str(answer["UUID"])


def _code() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return 'done'\n")
    return packed.getvalue()


@contextmanager
def moto_server(folder: Path) -> Iterator[Server]:
    """moto, in threads of this process."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    reached = Server("moto", f"http://{host}:{port}", folder)
    try:
        yield reached
    finally:
        reached.close()
        server.stop()


@contextmanager
def ministack_server(folder: Path, *, authorises: bool = False) -> Iterator[Server]:
    """ministack, in a process of its own, bound to loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "LAMBDA_EXECUTOR": "local", "PERSIST_STATE": "0",
        "AUTH": "true" if authorises else "false",
    }  # fmt: skip
    with (folder / "ministack.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "ministack"], env=environment, stdout=log, stderr=log)
    reached = Server("ministack", f"http://127.0.0.1:{port}", folder)
    try:
        _wait_until_up(f"{reached.url}/_ministack/health", process)
        yield reached
    finally:
        reached.close()
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 40
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"ministack did not come up at {url}")


async def no_secret(reference: str) -> str:
    raise AssertionError(f"no AWS backend asks for {reference}")


def surroundings() -> Surroundings:
    return Surroundings("test", LabelKeys(), no_secret, lambda: datetime.now(UTC))


def order(halt_id: str = "halt-1", invoker: str = "os:ada") -> Order:
    return Order(halt_id, invoker, "drill", datetime.now(UTC), Profile.IMMEDIATE)


@asynccontextmanager
async def opened(kind: Any, table: dict[str, Any]) -> AsyncIterator[Backend]:
    """A backend on one table."""
    async with kind.open(kind.settings.model_validate(table), surroundings()) as backend:
        yield backend


class Names:
    """Names no other test uses: the emulators live longer than a test."""

    _next: ClassVar[int] = 0

    @classmethod
    def new(cls, what: str) -> str:
        cls._next += 1
        return f"{what}-{os.getpid()}-{cls._next}"
