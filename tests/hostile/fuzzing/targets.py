"""What is fuzzed: each target takes bytes, and may raise nothing but what its reader documents."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from hostile.trail import pristine, volume_of, zipped
from killswitch_backends.kubernetes.changes import prior_told
from killswitch_backends.kubernetes.failures import Answer, problem_of
from killswitch_backends.kubernetes.kinds.deployment import Deployment
from killswitch_backends.kubernetes.kubeconfig import Unsound, check
from killswitch_backends.kubernetes.pods import pod_of
from killswitch_backends.kubernetes.records import HALT_ID, PRIOR, mark_of
from killswitch_backends.kubernetes.shapes import broken
from killswitch_backends.launchdarkly.flags import read_flag
from killswitch_backends.launchdarkly.limiter import WINDOW, RateLimiter
from killswitch_backends.outside import parsed
from killswitch_backends.protocol import LabelKeys
from killswitch_console.audit.canonical import canonical
from killswitch_console.audit.casting import read_recording
from killswitch_console.audit.events import Draft, Event, Unreadable, particulars
from killswitch_console.audit.findings import Standing, standing
from killswitch_console.audit.notes import NoteError, read_checkpoint
from killswitch_console.audit.page import page
from killswitch_console.audit.playing import harmless
from killswitch_console.audit.reading import open_volume
from killswitch_console.audit.signals import signals
from killswitch_console.audit.standalone import TAMPERED, UNVERIFIABLE, WHOLE, verify_export
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.tables import write_csv
from killswitch_console.audit.verifying import verify_volume
from killswitch_console.config import load_configuration
from killswitch_console.config_files import ConfigurationError
from killswitch_console.drills.reading import ScenarioError, read_scenario
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import audit as lines
from killswitch_console.vault.sealing import NotSealed, header_of
from trails import a_session, verifier_of

_NOW = datetime(2026, 11, 23, tzinfo=UTC)
_HALT = a_session().draft(
    "halt.confirmed", {"scope": "agent:a", "slo_ms": 1000, "backend_slo_ms": {"x": 1}}, halt_id="H"
)
_FOLDER = TemporaryDirectory(prefix="killswitch-fuzz-")
_FILE = Path(_FOLDER.name) / "hostile.toml"
_VOLUME, _BUNDLE = Path(_FOLDER.name) / volume_of(pristine()).name, Path(_FOLDER.name) / "bundle.zip"
_VERIFIER = verifier_of(pristine())
with open_volume(volume_of(pristine())) as _opened:
    _SIGNED = [one.body for one in _opened.events()]
    _NOTE = str(_opened.head().note)


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
    with suppress(ValueError):
        read_flag(parsed(data), "production")


def configuration(data: bytes) -> None:
    """A configuration file."""
    _FILE.write_bytes(data)
    with suppress(ConfigurationError):
        load_configuration(_FILE)


def scenario(data: bytes) -> None:
    """A drill's scenario file."""
    _FILE.write_bytes(data)
    with suppress(ScenarioError):
        read_scenario(_FILE)


def recording(data: bytes) -> None:
    """A session's recording."""
    with suppress(ValueError):
        read_recording(io.StringIO(data.decode("utf-8", "replace")))


def vault(data: bytes) -> None:
    """A sealed vault file."""
    with suppress(NotSealed):
        header_of(data)


def event(data: bytes) -> None:
    """An event of a changed trail, and all that is made of it for people."""
    found = Event(1, data)
    lines.row(found, 80)
    lines.details(found, signed=None, anchored=None, width=60)
    try:
        with particulars():
            html = page([found], title="x", footer=[])
            write_csv([found], table := io.StringIO())
            signals([found], _NOW)
    except Unreadable:
        return
    assert all(c.isprintable() or c in "\r\n" for c in html + table.getvalue())


def draft(data: bytes) -> None:
    """An event out of the remote store."""
    with suppress(Unreadable):
        assert canonical(Draft.read(data).fields())


def note(data: bytes) -> None:
    """A signed checkpoint."""
    text = data.decode("utf-8", "replace")
    with suppress(NoteError):
        assert text.startswith(read_checkpoint(text).text)


def volume(data: bytes) -> None:
    """A trail's volume: it may be whole only if every event in it is the one that was signed."""
    _VOLUME.write_bytes(data)
    with suppress(TrailUnavailable):
        with open_volume(_VOLUME) as opened:
            opened.head()
            found = [one.body for one in opened.events()]
        whole = standing(verify_volume(_VOLUME, _VERIFIER).findings) is Standing.WHOLE
        assert not whole or found == _SIGNED


def bundle(data: bytes) -> None:
    """A bundle."""
    _BUNDLE.write_bytes(data)
    with redirect_stdout(io.StringIO()) as said:
        assert verify_export(_BUNDLE) in (WHOLE, UNVERIFIABLE, TAMPERED)
    assert all(c.isprintable() or c == "\n" for c in said.getvalue())


def played(data: bytes) -> None:
    """A frame of a recording on its way to a terminal again."""
    for begun in harmless(data.decode("utf-8", "surrogateescape")).split("\x1b")[1:]:
        assert begun.lstrip("[?0123456789;:")[:1] in set("ABCDEFGHJKLMPSTXdfm@`hl")


def kubeconfig(data: bytes) -> None:
    """A kubeconfig, as far as it is looked at before the official loader has it."""
    _FILE.write_bytes(data)
    with suppress(Unsound, yaml.YAMLError):
        check(str(_FILE), yaml)


def ratelimit(data: bytes) -> None:
    """The headers of an answer of LaunchDarkly."""
    words = data.decode("utf-8", "surrogateescape").split("\n")
    headers = dict(
        zip(("X-Ratelimit-Reset", "Date", "X-Ratelimit-Route-Remaining", "Retry-After"), words, strict=False)
    )
    limiter = RateLimiter()
    limiter.learn("get", headers)
    assert 0 <= limiter.until_reset(headers) <= WINDOW


def shown(data: bytes) -> None:
    """Any text on its way to a screen."""
    line = clean(data.decode("utf-8", "surrogateescape"), most=200)
    assert line.isprintable() or all(c.isprintable() or c == " " for c in line)


_ALL = (
    *(kubernetes, status, mark, flag, configuration, scenario, recording, vault, shown),
    *(event, draft, note, volume, bundle, played, kubeconfig, ratelimit),
)
TARGETS: dict[str, Callable[[bytes], None]] = {one.__name__: one for one in _ALL}
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
    "event": canonical(_HALT.fields() | {"seq": 1, "prev": "0" * 64}),
    "draft": canonical(_HALT.fields()),
    "note": _NOTE.encode(),
    "volume": volume_of(pristine()).read_bytes(),
    "bundle": zipped(),
    "played": b"\x1b[?1049h\x1b[1;31mred\x1b[0m\x1b[3;4H\x1b]0;title\x07\x1b[6n",
    "kubeconfig": b"users: &a [{name: u}]\ncontexts: *a\n",
    "ratelimit": b"1763812800000\nSat, 22 Nov 2026 12:00:00 GMT\n5\n10",
}
"""Where each begins."""
