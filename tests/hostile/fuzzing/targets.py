"""What is fuzzed: each target takes bytes, and may raise nothing but what its reader documents."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from killswitch_backends.kubernetes.changes import prior_told
from killswitch_backends.kubernetes.failures import Answer, problem_of
from killswitch_backends.kubernetes.kinds.deployment import Deployment
from killswitch_backends.kubernetes.pods import pod_of
from killswitch_backends.kubernetes.records import HALT_ID, PRIOR, mark_of
from killswitch_backends.kubernetes.shapes import broken
from killswitch_backends.launchdarkly.flags import read_flag
from killswitch_backends.outside import parsed
from killswitch_backends.protocol import LabelKeys
from killswitch_console.audit.casting import read_recording
from killswitch_console.config import load_configuration
from killswitch_console.config_files import ConfigurationError
from killswitch_console.drills.reading import ScenarioError, read_scenario
from killswitch_console.hostile import clean
from killswitch_console.vault.sealing import NotSealed, header_of

_FOLDER = TemporaryDirectory(prefix="killswitch-fuzz-")
_FILE = Path(_FOLDER.name) / "hostile.toml"


def kubernetes(data: bytes) -> None:
    """An object of the API server: what has no flaw can be read as a workload and as a pod."""
    try:
        item = parsed(data)
    except ValueError:
        return
    if broken(item) is None:
        Deployment().workload(item, LabelKeys())
        pod_of(item, every_label=True)


def status(data: bytes) -> None:
    """An error answer of the API server."""
    assert "\n" not in str(problem_of("kubernetes:x", Answer(422, {"Retry-After": data[:20].decode("latin-1")}, data)))


def mark(data: bytes) -> None:
    """The prior state in an annotation."""
    found = mark_of({HALT_ID: "H", PRIOR: data.decode("utf-8", "surrogateescape")})
    assert found is not None
    told = prior_told(Deployment(), found.prior)
    assert told is None or 0 <= told["replicas"] < 2**31


def flag(data: bytes) -> None:
    """A flag of LaunchDarkly's REST API."""
    try:
        read_flag(parsed(data), "production")
    except ValueError:
        return


def configuration(data: bytes) -> None:
    """A configuration file."""
    _FILE.write_bytes(data)
    try:
        load_configuration(_FILE)
    except ConfigurationError:
        return


def scenario(data: bytes) -> None:
    """A drill's scenario file."""
    _FILE.write_bytes(data)
    try:
        read_scenario(_FILE)
    except ScenarioError:
        return


def recording(data: bytes) -> None:
    """A session's recording."""
    try:
        read_recording(io.StringIO(data.decode("utf-8", "replace")))
    except (ValueError, TypeError):
        return


def vault(data: bytes) -> None:
    """A sealed vault file."""
    try:
        header_of(data)
    except NotSealed:
        return


def shown(data: bytes) -> None:
    """Any text on its way to a screen."""
    line = clean(data.decode("utf-8", "surrogateescape"), most=200)
    assert line.isprintable() or all(c.isprintable() or c == " " for c in line)


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (kubernetes, status, mark, flag, configuration, scenario, recording, vault, shown)
}
SEEDS: dict[str, bytes] = {
    "kubernetes": b'{"metadata":{"name":"a","uid":"u","labels":{"a":"b"},"ownerReferences":[{"kind":"ReplicaSet",'
    b'"name":"a-b","controller":true}]},"spec":{"replicas":1,"containers":[{}]},"status":{"phase":"Running"}}',
    "status": b'{"message":"no","details":{"causes":[{"message":"x"}],"retryAfterSeconds":1}}',
    "mark": b'{"replicas":3,"uid":"u","absent":["replicas"]}',
    "flag": b'{"key":"k","environments":{"production":{"on":true,"version":1}}}',
    "configuration": b'environment = "x"\n[[kubernetes]]\nname = "a"\n',
    "scenario": b'title = "x"\n[[inject]]\nat = "1m"\n',
    "recording": b'{"version":2,"width":80,"height":24}\n[0.1,"o","x"]\n',
    "vault": b'{"format":"killswitch-console sealed bundle 1","kdf":"argon2id","memory_kib":65536,"passes":3}\nAAAA',
    "shown": b"\x1b[31mred\x1b[0m",
}
"""Where each begins."""
