"""What an engine is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from killswitch_console.authority.glass_settings import GlassSettings
from killswitch_console.authority.roles import Authority
from killswitch_console.halting.plan import Protection
from killswitch_console.halting.recording import RecorderOpener, ScreenOpener, unrecorded
from killswitch_console.halting.sighting import Opener
from killswitch_console.halting.slo import Objectives
from killswitch_console.notify.notice import NotifierOpener, silent
from killswitch_inventory.fleet import Declaration
from killswitch_inventory.scopes import ScopeKind
from killswitch_inventory.targets import BackendRef, Layer

if TYPE_CHECKING:
    from killswitch_console.checking.readiness import Readiness


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What an engine is made from; the configuration turns into one of these."""

    environment: str
    state_dir: Path
    drill: bool = False
    """Whether everything done is a drill, and is to say so wherever it is written."""
    openers: dict[BackendRef, Opener]
    layers: dict[str, Layer]
    """The layer of each kind of backend."""
    declared: tuple[Declaration, ...] = ()
    protection: Protection = field(default_factory=Protection)
    objectives: Objectives = field(default_factory=Objectives)
    two_person: frozenset[ScopeKind] = frozenset()
    """Scopes whose restore takes two people."""
    recorder: RecorderOpener = unrecorded
    """Opens the audit trail of this engine's session."""
    screen: ScreenOpener | None = None
    """Opens a recording of what a screen shows in this session; None: there is to be none."""
    authority: Authority | None = None
    """The roles; None: none are configured, so that none are enforced."""
    notifier: NotifierOpener = silent
    """Opens what tells people elsewhere."""
    glass: GlassSettings = field(default_factory=GlassSettings)
    """Where break-glass credentials are kept, and how backends are opened with them."""
    readiness: Readiness | None = None
    """Checks whether a halt would work; None: there is no configuration that could be checked."""
