"""What keeps workloads as somebody else wants them: Argo CD, Flux, and operators that know no better.

What Git says is an annotation of their own object (``looping.DESIRED``).
"""

from __future__ import annotations

import re

from killswitch_backends.simulator.kubernetes.controllers.looping import Looping
from killswitch_backends.simulator.kubernetes.kinds import Kinds
from killswitch_backends.simulator.kubernetes.objects import Stored
from killswitch_backends.simulator.kubernetes.storage import Store

STUBBORN = "simulator/keep-replicas"
"""Annotation of a Deployment that an operator sets back to so many replicas every two seconds."""
_HEAL_SECONDS = 5.0
"""Argo CD's default self-heal timeout."""
_STUBBORN_SECONDS = 2.0
_SECONDS = re.compile(r"^(\d{1,4})s$")


class ArgoLoop(Looping):
    """Self-heal: what drifted is put back within five seconds."""

    def __init__(self, store: Store, kinds: Kinds) -> None:
        super().__init__(store, kinds, "argoproj.io", "Application")

    def interval(self, stored: Stored) -> float:
        _ = stored
        return _HEAL_SECONDS

    def look(self, stored: Stored) -> None:
        automated = (stored.spec.get("syncPolicy") or {}).get("automated")
        if automated is not None and automated.get("selfHeal") and automated.get("enabled", True):
            self.keep(stored)


class FluxLoop(Looping):
    """Applies what Git says at each interval, unless suspended."""

    def __init__(self, store: Store, kinds: Kinds) -> None:
        super().__init__(store, kinds, "kustomize.toolkit.fluxcd.io", "Kustomization")

    def interval(self, stored: Stored) -> float:
        found = _SECONDS.match(str(stored.spec.get("interval", "")))
        return float(found[1]) if found else 60.0

    def look(self, stored: Stored) -> None:
        if not stored.spec.get("suspend"):
            self.keep(stored)


class HelmLoop(FluxLoop):
    """Flux's HelmRelease: corrects drift at each interval where that is enabled, unless suspended."""

    def __init__(self, store: Store, kinds: Kinds) -> None:
        Looping.__init__(self, store, kinds, "helm.toolkit.fluxcd.io", "HelmRelease")

    def look(self, stored: Stored) -> None:
        if (stored.spec.get("driftDetection") or {}).get("mode") == "enabled":
            super().look(stored)


class StubbornOperator(Looping):
    """Writes its number of replicas every two seconds, whoever else wrote another."""

    def __init__(self, store: Store, kinds: Kinds) -> None:
        super().__init__(store, kinds, "apps", "Deployment")

    def interval(self, stored: Stored) -> float:
        _ = stored
        return _STUBBORN_SECONDS

    def concerned(self, event: object) -> tuple[tuple[str, str], ...]:
        stored = getattr(event, "stored", None)
        if not isinstance(stored, Stored) or stored.kind.name != "Deployment" or STUBBORN not in stored.annotations:
            return ()
        return (stored.key,)

    def look(self, stored: Stored) -> None:
        wanted = stored.annotations.get(STUBBORN, "")
        if wanted.isdigit():
            self.put(stored.namespace, "Deployment", stored.name, {"replicas": int(wanted)})


class KagentLoop(Looping):
    """The kagent operator: where an Agent says how many replicas it wants, its Deployment gets them."""

    def __init__(self, store: Store, kinds: Kinds) -> None:
        super().__init__(store, kinds, "kagent.dev", "Agent")

    def interval(self, stored: Stored) -> float:
        _ = stored
        return _STUBBORN_SECONDS

    def look(self, stored: Stored) -> None:
        for form in ("declarative", "byo"):
            wanted = ((stored.spec.get(form) or {}).get("deployment") or {}).get("replicas")
            if wanted is not None:
                self.put(stored.namespace, "Deployment", stored.name, {"replicas": wanted})


def tools(store: Store, kinds: Kinds) -> tuple[Looping, ...]:
    """All of them."""
    loops = (ArgoLoop, FluxLoop, HelmLoop, StubbornOperator, KagentLoop)
    return tuple(loop(store, kinds) for loop in loops)
