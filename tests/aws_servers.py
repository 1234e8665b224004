"""AWS emulators on loopback for the tests of the AWS backends: moto in this process, ministack in one of its own.

Both are unfaithful in places (shared/platforms.md section F); a test that meets a gap names it.
"""

from __future__ import annotations

import asyncio
import configparser
import io
import json
import os
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from killswitch_backends.aws_common.session import ServiceModels

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
    sim: Any = None
    """The simulator behind it (``simulated.Simulated``), if it is one."""
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    feeding_within: ClassVar[float] = 10.0
    """Seconds that an event source mapping may take to be enabled."""

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

    def functions(self, **more: Any) -> dict[str, Any]:
        """A ``[[lambda]]`` table. Nothing of a test had a longer Timeout before, nor does an emulator initialise."""
        return self.table(**{"init_seconds": 0, "earlier_timeout": 0} | more)

    def client(self, service: str, region: str = REGION) -> Any:
        """The test's own client: what an administrator or somebody else does meanwhile."""
        if (service, region) not in self._clients:
            import boto3
            from botocore.config import Config
            from botocore.session import Session

            session = Session()
            ServiceModels().lend_to(session)  # with the operations that are newer than this SDK
            self._clients[service, region] = boto3.Session(botocore_session=session).client(
                service, region_name=region, endpoint_url=self.url,
                aws_access_key_id=self.access_key, aws_secret_access_key=self.secret_key,
                config=Config(retries={"mode": "standard", "total_max_attempts": 12}),
            )  # fmt: skip
        return self._clients[service, region]

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

    def make_function(
        self,
        name: str,
        role: str,
        *,
        timeout: int = 1,
        tags: dict[str, str] | None = None,
        region: str = REGION,
        **more: Any,
    ) -> str:
        """A function that nothing invokes; returns its ARN."""
        answer = self.client("lambda", region).create_function(
            FunctionName=name, Runtime="python3.11", Role=role, Handler="app.handler", Timeout=timeout,
            Code={"ZipFile": _code()}, Tags=tags or {}, **more,
        )  # fmt: skip
        return str(answer["FunctionArn"])

    def feed(self, function: str, queue: str) -> str:
        """An enabled event source mapping; returns its UUID."""
        if self.sim is not None:
            return self._feed_from(function, f"arn:aws:sqs:{REGION}:111122223333:{queue}")
        created = self.client("sqs").create_queue(QueueName=queue)
        attributes = self.client("sqs").get_queue_attributes(QueueUrl=created["QueueUrl"], AttributeNames=["QueueArn"])
        return self._feed_from(function, attributes["Attributes"]["QueueArn"])

    def _feed_from(self, function: str, queue_arn: str) -> str:
        answer = self.client("lambda").create_event_source_mapping(
            EventSourceArn=queue_arn, FunctionName=function, Enabled=True
        )
        uuid = str(answer["UUID"])
        end = time.monotonic() + self.feeding_within
        while self.client("lambda").get_event_source_mapping(UUID=uuid)["State"] != "Enabled":
            assert time.monotonic() < end, f"{uuid} is not enabled in time"
            time.sleep(0.1)
        return uuid


def _code() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return 'done'\n")
    return packed.getvalue()


@contextmanager
def simulator_server(folder: Path) -> Iterator[Server]:
    """Our own simulator, in a thread of this process; ``sim`` drives its faults."""
    from simulated import running

    with asyncio.Runner() as runner:
        lent = running(agents=2)
        sim = runner.run(lent.__aenter__())
        table = tomllib.loads(sim.config_path.read_text())["lambda"][0]
        credentials = configparser.ConfigParser()
        credentials.read(table["credentials_file"])
        keys = credentials[table["profile"]]
        reached = Server(
            "simulator", f"{sim.url}/aws", folder, keys["aws_access_key_id"], keys["aws_secret_access_key"], sim
        )
        try:
            yield reached
        finally:
            reached.close()
            runner.run(lent.__aexit__(None, None, None))


@contextmanager
def moto_server(folder: Path) -> Iterator[Server]:
    """moto, in threads of this process."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    reached = Server("moto", f"http://{host}:{port}", folder)
    # moto's state belongs to the process: what tests on another of its servers made must not be seen on this one
    with urllib.request.urlopen(urllib.request.Request(f"{reached.url}/moto-api/reset", method="POST"), timeout=10):
        pass
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


def warmed(server: Server) -> Server:
    """The server, once it has loaded what it answers unknown services with: ministack takes seconds, in which it hangs.

    It knows no Application Auto Scaling, which is asked of every function with a published version.
    """
    if server.kind == "ministack":
        from botocore.exceptions import ClientError

        with suppress(ClientError):
            server.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="lambda")
    return server


def _wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 40
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"ministack did not come up at {url}")


STARTERS = {"moto": moto_server, "ministack": ministack_server, "simulator": simulator_server}


class Names:
    """Names no other test uses: the emulators live longer than a test."""

    _next: ClassVar[int] = 0

    @classmethod
    def new(cls, what: str) -> str:
        cls._next += 1
        return f"{what}-{os.getpid()}-{cls._next}"
