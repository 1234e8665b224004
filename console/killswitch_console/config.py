"""The configuration file: one TOML document, read strictly (design.md section 6).

A wrong key, type or file is an error that names file, key and what was expected. A platform that cannot be reached is
not an error here: each backend fails alone, later, by itself. Must not open anything but the file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from killswitch_backends.protocol import BackendKind
from killswitch_console.audit.settings import Audit
from killswitch_console.authority.roles import PRINCIPAL_KINDS
from killswitch_console.config_files import ConfigurationError as ConfigurationError  # noqa: PLC0414
from killswitch_console.config_files import NoConfiguration as NoConfiguration  # noqa: PLC0414
from killswitch_console.config_files import find_configuration as find_configuration  # noqa: PLC0414
from killswitch_console.config_files import state_folder
from killswitch_console.notify.urls import check_entry
from killswitch_inventory.scopes import Scope, ScopeKind

ENTRY_POINTS = "killswitch.backends"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""A duration of the configuration."""


class Labels(_Table):
    """The label and tag keys that name an agent, its class and its tenant."""

    agent: str = "agent"
    agent_class: Annotated[str, Field(alias="class")] = "agent-class"
    tenant: str = "agent-tenant"
    canary: str = "killswitch-canary"
    """Marks a target that exists to be halted in drills on the real platforms."""


class Slo(_Table):
    """Published seconds from confirmation to proof."""

    agent: Seconds = 30
    tenant: Seconds = 60
    agent_class: Annotated[Seconds, Field(alias="class")] = 60
    global_: Annotated[Seconds, Field(alias="global")] = 120
    backend: Mapping[str, Seconds] = Field(
        default_factory=lambda: {"kubernetes": 45, "lambda": 30, "iam": 60, "launchdarkly": 5}
    )


def _principal(text: str) -> str:
    kind, _, name = text.partition(":")
    if kind not in PRINCIPAL_KINDS or not name:
        raise ValueError("expected os:ACCOUNT, os:%GROUP, aws:ARN, kubernetes:USER-OR-GROUP or launchdarkly:TOKEN-NAME")
    return text


def _granted(text: str) -> str:
    if text not in set(ScopeKind):
        Scope.parse(text)
    return text


Principal = Annotated[str, AfterValidator(_principal)]
Granted = Annotated[str, AfterValidator(_granted)]
VaultName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
CustodianName = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{0,64}$")]


ThemeName = Literal["dark", "light", "high-contrast", "colour-blind", "plain"]
"""The console's colours; ``plain`` takes the terminal's own."""


class DeclaredAgent(_Table):
    """An ``[[agent]]`` table: a binding that no label or tag tells."""

    name: str
    agent_class: Annotated[str, Field(alias="class")]
    tenant: str
    targets: list[str] = Field(min_length=1)


class Protect(_Table):
    """What no scope may touch."""

    agents: list[str] = []
    targets: list[str] = []


class RoleTable(_Table):
    """An ``[[authority.role]]`` table: who may invoke what, where."""

    name: Annotated[str, Field(min_length=1)]
    principals: list[Principal] = Field(min_length=1)
    scopes: list[Granted] = Field(min_length=1)
    environments: list[str] = Field(default=["*"], min_length=1)


class AuthorityTable(_Table):
    """The ``[authority]`` table; without it no roles are enforced."""

    override: bool = False
    """Whether a person outside the roles may act with a reason (``--override``): a security event."""
    role: list[RoleTable] = Field(min_length=1)


class Notify(_Table):
    """Whom to tell: apprise URLs, or references to them."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)
    urls: list[Annotated[str, AfterValidator(check_entry)]] = []


class SealedFileVault(_Table):
    """A ``[[vault]]`` of kind ``sealed-file``."""

    kind: Literal["sealed-file"]
    name: VaultName
    path: Annotated[str, Field(min_length=1)]
    custodian: CustodianName = ""
    """Who keeps its passphrase."""


class SecretServiceVault(_Table):
    """A ``[[vault]]`` of kind ``secret-service``: a collection of its own in the OS keyring."""

    kind: Literal["secret-service"]
    name: VaultName
    collection: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")] = "killswitch"
    custodian: CustodianName = ""
    """Who keeps its passphrase."""


VaultTable = Annotated[SealedFileVault | SecretServiceVault, Field(discriminator="kind")]


class BreakGlassTable(_Table):
    """The ``[breakglass]`` table: how break-glass is used."""

    two_custodians: list[Literal["instance", "agent", "tenant", "class", "global"]] = []
    """Kinds of scope for which two custodians must stand behind broken glass, or one who says that they act alone."""


class Contact(_Table):
    """A ``[[contact]]`` table: whom the runbook names."""

    role: str
    name: str
    reach: str


class Drill(_Table):
    """What drills may do, and how often they are due."""

    due_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """Days after which a kind of scope, or a backend, is to be drilled again."""
    canary: bool = False
    """Whether ``drill run --canary`` may halt and restore targets tagged as canaries on these platforms."""


class Restore(_Table):
    """What a restore takes."""

    two_person: list[Literal["instance", "agent", "tenant", "class", "global"]] = []
    """Kinds of scope whose restore a second account must approve."""


class Document(_Table):
    """Everything in the file but the backends' tables."""

    environment: Annotated[str, Field(min_length=1)] = "production"
    state_dir: str | None = None
    labels: Labels = Labels()
    slo: Slo = Slo()
    agent: list[DeclaredAgent] = []
    protect: Protect = Protect()
    restore: Restore = Restore()
    drill: Drill = Drill()
    audit: Audit = Audit()
    authority: AuthorityTable | None = None
    notify: Notify = Notify()
    vault: list[VaultTable] = []
    """Where break-glass credentials are kept, in the order in which they are tried."""
    breakglass: BreakGlassTable = BreakGlassTable()
    contact: list[Contact] = []
    theme: ThemeName | None = None
    """The console's colours (default: dark)."""
    keys: dict[str, Annotated[str, Field(min_length=1)]] = {}
    """The console's keys as a person wants them: from the id of a binding to keys, separated by commas."""

    @model_validator(mode="after")
    def _custodians(self) -> Document:
        named = {vault.custodian for vault in self.vault if vault.custodian}
        if self.breakglass.two_custodians and len(named) < 2:
            raise ValueError("[breakglass] two_custodians needs [[vault]] tables of at least two custodians")
        return self


@dataclass(frozen=True, slots=True)
class BackendTable:
    """One validated ``[[kind]]`` table and the kind that opens it."""

    kind: BackendKind
    settings: Any

    @property
    def name(self) -> str:
        """The table's name, the middle of its target ids."""
        return str(self.settings.name)


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration that was read and understood."""

    path: Path
    document: Document
    backends: tuple[BackendTable, ...]

    @property
    def state_dir(self) -> Path:
        """Where ledger and trail live; relative paths are relative to the file."""
        return state_folder(self.path, self.document.state_dir)


def load_configuration(path: Path) -> Configuration:
    """Read a configuration file.

    Raises:
        ConfigurationError: naming the file, the key and what was expected.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        todo = f"; `init --output {path}` writes an example there" if isinstance(error, FileNotFoundError) else ""
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror or error}{todo}") from error
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, a number of a million digits, brackets on end
        raise ConfigurationError(f"{path}: is not TOML: {error}") from error
    kinds = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    backends = tuple(
        backend
        for kind in sorted(kinds.keys() & tables.keys())
        for backend in _backend_tables(path, kinds[kind], tables.pop(kind))
    )
    document = _validated(path, "", Document, tables, known=[*Document.model_fields, *kinds])
    return Configuration(path, document, backends)


def _backend_tables(path: Path, point: EntryPoint, tables: object) -> list[BackendTable]:
    if not isinstance(tables, list):
        raise ConfigurationError(f"{path}: {point.name}: expected [[{point.name}]] (a list of tables)")
    kind: BackendKind = point.load()
    read = [
        BackendTable(kind, _validated(path, f"{point.name}[{number}].", kind.settings, table, known=None))
        for number, table in enumerate(tables)
    ]
    names = [table.name for table in read]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"{path}: two [[{point.name}]] tables are named {name!r}")
        if not name or set(name) & set("/: \t\n"):
            raise ConfigurationError(
                f"{path}: {point.name}: name {name!r} must have no '/', ':' or space, and not be empty"
            )
    return read


def _validated(path: Path, prefix: str, model: type[BaseModel], table: object, *, known: list[str] | None) -> Any:
    try:
        return model.model_validate(table)
    except ValidationError as error:
        _explain(path, prefix, error, known or list(model.model_fields))


def _explain(path: Path, prefix: str, error: ValidationError, known: list[str]) -> NoReturn:
    first = error.errors(include_url=False, include_input=False)[0]
    key = prefix + ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        expected = f"; expected one of {', '.join(sorted(known))}" if len(first["loc"]) == 1 else ""
        raise ConfigurationError(f"{path}: {key}: unknown key{expected}") from None
    raise ConfigurationError(f"{path}: {key}: {first['msg']}") from None
