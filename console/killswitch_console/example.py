"""A commented example of the configuration, made from the models that read it: every key, what it means, its default.

As it stands it is a valid configuration without a platform; with every ``#key = value`` line switched on it is a valid
one with everything (``tests/console/test_example.py`` loads both). A new key needs a sample here only where its model
gives none.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from killswitch_console.config import ENTRY_POINTS, Document

_SAMPLES: Final[dict[str, Any]] = {
    "state_dir": "/var/lib/killswitch-console",
    "name": "prod",
    "agent.name": "refund-1",
    "authority.role.name": "on-call",
    "contact.name": "Ada Example",
    "audit.otlp.token": "file:/etc/killswitch-console/collector.token",
    "class": "refund",
    "tenant": "acme",
    "targets": ["lambda:prod/refund-1"],
    "protect.agents": ["payments-reconciler"],
    "protect.targets": ["kubernetes:prod/payments/Deployment/ledger"],
    "restore.two_person": ["class", "global"],
    "principals": ["os:%oncall", "aws:arn:aws:iam::123456789012:role/oncall"],
    "scopes": ["agent", "class", "tenant"],
    "urls": ["env:KILLSWITCH_NOTIFY_URL"],
    "vault.path": "break-glass.sealed",
    "role": "incident commander",
    "reach": "+49 30 1234567",
    "keys": {"app.help": "question_mark,f1"},
    "audit.path": "/var/lib/killswitch-console/audit",
    "audit.key": "file:/etc/killswitch-console/trail.key",
    "verifier": "bastion-1+12ab34cd+AAAA",
    "bastions": ["bastion-2+12ab34cd+AAAA"],
    "keep_days": 730,
    "bucket": "example-killswitch-audit",
    "region": "eu-central-1",
    "endpoint_url": "https://vpce.example.com",
    "profile": "killswitch",
    "credentials_file": "/etc/killswitch-console/aws-credentials",
    "account": "123456789012",
    "url": "https://collector.example.com",
    "token": "keyring:launchdarkly-token",
    "sdk_key": "keyring:launchdarkly-sdk-key",
    "secret": "file:/etc/killswitch-console/webhook.secret",
    "kubeconfig": "~/.kube/config",
    "context": "prod",
    "namespaces": ["agents"],
    "selector": "agent-class",
    "eks_cluster": "prod",
    "eks_clusters": ["prod"],
    "audit_log": "/var/log/kubernetes/audit.log",
    "policy_id": "p-examplepolicy1",
    "target_id": "123456789012",
    "project": "agents",
    "launchdarkly.environment": "production",
    "launchdarkly.trigger": {"*": "keyring:launchdarkly-trigger-{flag}"},
    "reports_uri": "https://board.example.com",
    "reports_token": "keyring:agent-board",
}
"""Of keys without a default that says anything: by their path without list positions, else by their name."""

_HEAD: Final = """\
# The configuration of killswitch-console. Lines that begin with "#" and a key show the key, with its default or a
# sample; remove the "#" where you want another value. Start with one platform: the [[...]] tables at the end.
# Then: killswitch-console check
"""


def example() -> str:
    """The example as TOML."""
    parts = [_HEAD, *_table(Document, "")]
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        parts += _tables(point.load().settings, point.name)
    return "\n".join(parts) + "\n"


def _table(model: type[BaseModel], path: str) -> Iterator[str]:
    """The keys of a table, then the tables in it."""
    later: list[Iterator[str]] = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        at = f"{path}.{key}" if path else key
        models, many = _models(field.annotation)
        if models:
            later += [_tables(one, at) if many else _subtable(one, at) for one in models]
        elif isinstance(sample := _value(field, at), Mapping):
            later.append(_mapping(sample, at, _said(model, name)))
        else:
            yield from _key(field, key, sample, _said(model, name))
    for part in later:
        yield from part


def _key(field: FieldInfo, key: str, sample: object, said: str) -> Iterator[str]:
    choices = _choices(field.annotation)
    about = [said] if said else []
    if choices:
        about.append(f"One of {', '.join(choices)}.")
    if field.is_required():
        about.append("Required.")
    elif field.get_default(call_default_factory=True) != sample:
        about.append("A sample; not set by default.")
    yield from _comment(" ".join(about))
    yield f"#{key} = {_toml(sample)}"


def _subtable(model: type[BaseModel], path: str) -> Iterator[str]:
    yield ""
    yield from _comment(_doc(model))
    yield f"#[{path}]"
    yield from _table(model, path)


def _tables(model: type[BaseModel], path: str) -> Iterator[str]:
    yield ""
    yield from _comment(f"{_doc(model)} As many of these tables as you need.")
    yield f"#[[{path}]]"
    yield from _table(model, path)


def _mapping(sample: Mapping[str, object], path: str, said: str) -> Iterator[str]:
    yield ""
    yield from _comment(said)
    yield f"#[{path}]"
    for key, value in sample.items():
        yield f"#{key if key.isidentifier() else json.dumps(key)} = {_toml(value)}"


# -- what the models say -------------------------------------------------------------------------------------------


def _models(annotation: Any) -> tuple[list[type[BaseModel]], bool]:
    """The models of a table, or of a list of tables; several where one of them is chosen by ``kind``."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _models(get_args(annotation)[0])
    if origin in (list, tuple):
        return _models(get_args(annotation)[0])[0], True
    if origin in (Union, UnionType):
        found = [model for part in get_args(annotation) if part is not NoneType for model in _models(part)[0]]
        return found, False
    return ([annotation], False) if inspect.isclass(annotation) and issubclass(annotation, BaseModel) else ([], False)


def _value(field: FieldInfo, path: str) -> object:
    """A value to show: the default where it says something, else a sample."""
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    if default not in (None, "", [], (), {}) and default is not PydanticUndefined:
        return default
    name = path.rpartition(".")[2]
    if path in _SAMPLES or name in _SAMPLES:
        return _SAMPLES.get(path, _SAMPLES.get(name))
    choices = _choices(field.annotation)
    if choices:
        return choices[0]
    if default is None:
        raise KeyError(f"{path} has no default: give it a sample in {__name__}")
    return default


def _choices(annotation: Any) -> list[str]:
    """The values that a key may have, if those are a few words."""
    if get_origin(annotation) is Literal:
        return [str(value) for value in get_args(annotation) if isinstance(value, str)]
    if get_origin(annotation) in (Union, UnionType):
        return [choice for part in get_args(annotation) for choice in _choices(part)]
    return []


def _toml(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str | PurePath):
        return json.dumps(str(value), ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _comment(text: str) -> Iterator[str]:
    plain = text.replace("``", "").replace("`", "")
    for line in textwrap.wrap(plain, 116):
        yield f"# {line}"


def _doc(model: type[BaseModel]) -> str:
    return " ".join((inspect.getdoc(model) or "").split())


def _said(model: type[BaseModel], name: str) -> str:
    """What stands under a key in its model, in whichever class declares it."""
    return next((said[name] for one in model.__mro__ if name in (said := _docs(one))), "")


@cache
def _docs(model: type) -> Mapping[str, str]:
    """The texts that stand under the attributes of a class."""
    if not issubclass(model, BaseModel) or model is BaseModel:
        return {}
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(body, ast.ClassDef)  # noqa: S101
    said: dict[str, str] = {}
    for one, following in zip(body.body, body.body[1:], strict=False):
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and isinstance(following, ast.Expr):
            value = ast.literal_eval(following.value) if isinstance(following.value, ast.Constant) else ""
            said[one.target.id] = " ".join(str(value).split())
    return said
