"""Writes a configuration that points the console at one running simulator, and the throw-away credentials it names.

Self-contained: no platform variable has to be set, and none that is set plays a part, because every table names its
own files. The credentials are made up; they open nothing but the simulator.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from killswitch_backends.simulator.aws import (
    OPERATOR_ACCESS_KEY_ID,
    OPERATOR_SECRET_ACCESS_KEY,
    PROPAGATION_SECONDS_MAX,
)
from killswitch_backends.simulator.kubernetes import access
from killswitch_backends.simulator.launchdarkly import accounts
from killswitch_backends.simulator.seams import BOARD, BOARD_TOKEN, FLAG_ENVIRONMENT, PROJECT, REGION

ENVIRONMENT = "simulator"
NAME = "sim"
"""The ``name`` of every table, so that targets read ``kubernetes:sim/...``."""

PROPAGATION_SECONDS = PROPAGATION_SECONDS_MAX + 1.0
"""A little more than the simulated IAM ever takes until a change reaches its data plane."""

INIT_SECONDS = 0
"""The simulated Lambda's environments are ready at once: a run lasts as long as its Timeout at the most."""

Table = Mapping[str, str | float]


def write_configuration(file: Path, *, url: str) -> Path:
    """Write the configuration for the simulator at ``url``, replacing an older one; the file's absolute path.

    Credentials go to ``STEM-simulator/`` beside it (0700, files 0600). The file appears last, and whole: whoever sees
    it can use it.

    Raises:
        OSError: when something cannot be written.
    """
    file = file.absolute()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = _beside(file)
    beside.mkdir(mode=0o700, exist_ok=True)
    beside.chmod(0o700)
    _write(beside / "kubeconfig", _kubeconfig(url))
    _write(beside / "aws-credentials", _aws_credentials())
    _write(beside / "launchdarkly-token", accounts.TOKEN + "\n")
    _write(beside / "launchdarkly-sdk-key", accounts.SDK_KEY + "\n")
    _write(beside / "agent-reports-token", BOARD_TOKEN + "\n")
    _write(file, _configuration(url, beside=beside, state=file.parent / "state"))
    return file


def kubernetes_audit_log(file: Path) -> Path:
    """Where the console looks for the audit log of the cluster that this configuration is for."""
    return _beside(file.absolute()) / "kubernetes-audit.log"


def _beside(file: Path) -> Path:
    return file.parent / f"{file.stem}-simulator"


def _configuration(url: str, *, beside: Path, state: Path) -> str:
    """The console's file, in the words of design.md section 6."""
    aws = {
        "name": NAME,
        "region": REGION,
        "endpoint_url": f"{url}/aws",
        "profile": "simulator",
        "credentials_file": f"{beside / 'aws-credentials'}",
    }
    tables: list[tuple[str, Table]] = [
        (
            "kubernetes",
            {
                "name": NAME,
                "kubeconfig": f"{beside / 'kubeconfig'}",
                "context": "simulator",
                "audit_log": f"{beside / 'kubernetes-audit.log'}",
            },
        ),
        ("lambda", aws | {"init_seconds": INIT_SECONDS}),
        ("iam", aws | {"path_prefix": "/agents/", "propagation_seconds": PROPAGATION_SECONDS}),
        (
            "launchdarkly",
            {
                "name": NAME,
                "project": PROJECT,
                "environment": FLAG_ENVIRONMENT,
                "tag": "agent",
                "base_uri": f"{url}/launchdarkly",
                "stream_uri": f"{url}/launchdarkly",
                "events_uri": f"{url}/launchdarkly",
                "token": f"file:{beside / 'launchdarkly-token'}",
                "sdk_key": f"file:{beside / 'launchdarkly-sdk-key'}",
                "reports_uri": f"{url}{BOARD}",
                "reports_token": f"file:{beside / 'agent-reports-token'}",
            },
        ),
    ]
    top = {"environment": ENVIRONMENT, "state_dir": f"{state}"}
    parts = ["# Written by the simulator; it works as long as that simulator runs.\n" + _lines(top)]
    parts += [f"[[{kind}]]\n{_lines(table)}" for kind, table in tables]
    return "\n".join(parts)


def _lines(table: Table) -> str:
    """TOML lines; a JSON string without escapes beyond ASCII is a TOML basic string."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())


def _kubeconfig(url: str) -> str:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "simulator",
        "clusters": [{"name": "simulator", "cluster": {"server": f"{url}/kubernetes"}}],
        "users": [{"name": "operator", "user": {"token": access.TOKEN}}],
        "contexts": [
            {"name": "simulator", "context": {"cluster": "simulator", "user": "operator", "namespace": "default"}}
        ],
    }
    return yaml.safe_dump(config, sort_keys=False)


def _aws_credentials() -> str:
    return (
        f"[simulator]\naws_access_key_id = {OPERATOR_ACCESS_KEY_ID}\n"
        f"aws_secret_access_key = {OPERATOR_SECRET_ACCESS_KEY}\nregion = {REGION}\n"
    )


def _write(path: Path, text: str) -> None:
    """Write a file only its owner can read, in one piece."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
