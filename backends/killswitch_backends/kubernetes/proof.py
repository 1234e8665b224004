"""Whether a halted workload has stopped, as far as what was just read tells. Pure.

``stopped`` needs an independent list without a single pod of it, terminating ones included, the object itself still at
zero with its controller aware of that, and ready nodes under all pods that were seen: a node that is not ready cannot
report what still runs on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from killswitch_backends.kubernetes.changes import is_off
from killswitch_backends.kubernetes.kinds.kind import Kind
from killswitch_backends.kubernetes.pods import Pod
from killswitch_backends.kubernetes.records import Selector, Workload, text, written_selector
from killswitch_backends.kubernetes.resources import POD
from killswitch_backends.problems import Gone, Problem
from killswitch_backends.protocol import Evidence, Grade, Observation, Sight, Watch


@dataclass(frozen=True, slots=True)
class Nodes:
    """Which nodes are ready; ``unreadable`` says why that could not be asked."""

    ready: Mapping[str, bool]
    """Absent: there is no such node (any more)."""
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What was read of one halted workload, the object first, then its pods, then their nodes."""

    workload: Workload | Problem
    pods: Sequence[Pod] | Problem
    nodes: Nodes
    at: datetime
    """After the last answer came."""


@dataclass(frozen=True, slots=True)
class Ends:
    """What is known of pods that are gone from the API (endings.py)."""

    told: int = 0
    """So many ended as their nodes reported."""
    forced: tuple[str, ...] = ()
    """Gone without such a report while they were watched: deleted by force. Name and node, in words."""
    strays: tuple[str, ...] = ()
    """Not among the workload's pods any more, but there: their labels were changed, and they run on."""
    unseen: int = 0
    """So many went while nobody watched."""
    unwatched: bool = False
    """Others may have gone before anybody watched."""
    wait: float = 0.0
    """Seconds until the grace of the last that was not watched is over: nothing of it can run from then on."""


def judge(
    watch: Watch, kind: Kind, look: Look, *, seen: Mapping[str, str], was_stopped: bool, ends: Ends = Ends()
) -> Observation:
    """What a look means.

    Args:
        watch: the halt.
        kind: of the workload.
        look: what was read.
        seen: the node of each pod (by uid) whose end is not known, and of those captured.
        was_stopped: whether it was proven stopped before: any pod is a revival then.
        ends: what is known of pods that are gone.
    """
    if kind.name == POD and not isinstance(look.pods, Problem):
        return _judge_pod(watch, look, look.pods, seen, ends)
    if isinstance(look.workload, Problem) and not isinstance(look.workload, Gone):
        return _unknown(watch, look, str(look.workload))
    if isinstance(look.pods, Problem):
        return _unknown(watch, look, f"pods cannot be listed: {look.pods}")
    alive = [pod for pod in look.pods if not pod.over]
    if isinstance(look.workload, Workload):
        if revival := revived(kind, look.workload):
            return Observation(watch.target, Sight.ACTING, look.at, running=len(alive), note=revival)
        if not _aware(look.workload, watch) and not alive:
            return Observation(
                watch.target, Sight.DRAINING, look.at, running=0, note="its controller has not acted yet"
            )
    if alive:
        return _with_pods(watch, look, alive, was_stopped=was_stopped)
    if kind.loose and not selector_known(watch, look) and not (ends.told or watch.captured.prior.get("nodes")):
        return _unknown(watch, look, "it tells no selector, and no pod of it was ever seen: none can be looked for")
    return _gone(watch, look, seen, ends) or _stopped(watch, look, seen, ends)


def selector_then(watch: Watch) -> Selector:
    """The selector that a workload had when it was captured, where its kind needs that (``capturing.py``)."""
    return written_selector(text(watch.captured.prior.get("selector")))


def selector_known(watch: Watch, look: Look) -> bool:
    """Whether pods can be looked for by selector."""
    return bool(look.workload.selector if isinstance(look.workload, Workload) else selector_then(watch))


def _gone(watch: Watch, look: Look, seen: Mapping[str, str], ends: Ends) -> Observation | None:
    """Why no pod in the API does not mean that none runs; None if it does."""
    if ends.strays:
        note = f"pod {ends.strays[0]} runs on, out of its controller's reach (its labels were changed): end it"
        return Observation(watch.target, Sight.DRAINING, look.at, running=len(ends.strays), note=note)
    if ends.forced:
        more = f" and {len(ends.forced) - 1} more" if len(ends.forced) > 1 else ""
        return _unknown(watch, look, f"pod {ends.forced[0]}{more} was deleted by force: its containers may run on")
    if doubt := _doubt(look.nodes, seen):
        return _unknown(watch, look, doubt)
    if ends.wait > 0:
        note = f"gone unwatched: what their nodes end within their grace is over in {ends.wait:.0f} s"
        return Observation(watch.target, Sight.DRAINING, look.at, running=0, note=note)
    return None


def _judge_pod(watch: Watch, look: Look, pods: Sequence[Pod], seen: Mapping[str, str], ends: Ends) -> Observation:
    """A pod that was ended itself: the same one must be gone, and a bare one not made again."""
    uid = watch.captured.prior.get("uid")
    same = [pod for pod in pods if pod.uid == uid and not pod.over]
    if same:
        if same[0].ends_at is None:
            return Observation(watch.target, Sight.ACTING, look.at, running=1, note="it was not told to end")
        return _with_pods(watch, look, same, was_stopped=False)
    again = [pod for pod in pods if pod.uid != uid and not pod.over]
    if again:
        return Observation(watch.target, Sight.ACTING, look.at, running=1, note="a new pod of this name")
    if doubt := _gone(watch, look, seen, ends):
        return doubt
    detail = f"this pod is gone, and no pod has its name; {_ended(look, seen, ends)}"
    return Observation(watch.target, Sight.STOPPED, look.at, Evidence(_grade(ends), detail, look.at), running=0)


def revived(kind: Kind, workload: Workload) -> str:
    """Who turned it on again, in words; empty while it is off."""
    if is_off(kind, workload.switch):
        return ""
    values = ", ".join(f"{name} is {value!r} again" for name, value in workload.switch.items())
    return values + (f", set by {workload.switched_by}" if workload.switched_by else "")


def draining_note(alive: Sequence[Pod], at: datetime) -> str:
    """What is still there: ``2 of 3 pods terminating, 11 s of grace left``."""
    ends = [pod.ends_at for pod in alive if pod.ends_at]
    note = f"{len(ends)} of {len(alive)} pods terminating"
    left = max(((end - at).total_seconds() for end in ends), default=0.0)
    if ends and left < -1:
        return f"{note}, {-left:.0f} s past their grace: a finalizer or the node holds them"
    return f"{note}, {max(left, 0):.0f} s of grace left" if ends else note


def _aware(workload: Workload, watch: Watch) -> bool:
    """Whether its controller has acted on the change: else missing pods prove nothing, it may be about to make some."""
    ours = watch.accepted.halted.get("generation")
    needed = max(workload.generation, ours if isinstance(ours, int) else 0)
    return workload.observed is not None and workload.observed >= needed


def _with_pods(watch: Watch, look: Look, alive: Sequence[Pod], *, was_stopped: bool) -> Observation:
    lost = [pod for pod in alive if pod.node and look.nodes.ready.get(pod.node) is False]
    if lost:
        return _unknown(watch, look, f"pod {lost[0].name} is on node {lost[0].node}, which is not ready", len(alive))
    fresh = [pod for pod in alive if pod.ends_at is None]
    if was_stopped and fresh:
        note = f"new pod {fresh[0].name} although it is at zero"
        return Observation(watch.target, Sight.ACTING, look.at, running=len(alive), note=note)
    note = draining_note(alive, look.at)
    return Observation(watch.target, Sight.DRAINING, look.at, running=len(alive), note=note)


def _doubt(nodes: Nodes, seen: Mapping[str, str]) -> str:
    """Why pods that are gone from the API may still run; empty if there is no reason."""
    if nodes.unreadable:
        return ""
    for node in sorted({node for node in seen.values() if node}):
        if node not in nodes.ready:
            return f"node {node} is gone from the API: what ran there cannot be seen, make sure the machine is off"
        if not nodes.ready[node]:
            return f"node {node} is not ready: its containers may run on"
    return ""


def _stopped(watch: Watch, look: Look, seen: Mapping[str, str], ends: Ends) -> Observation:
    if isinstance(look.workload, Workload):
        state = f"at zero at resourceVersion {look.workload.version}, observed by its controller"
        replaced = look.workload.uid != watch.captured.prior.get("uid", look.workload.uid)
        state += " (another object of this name than the one halted)" if replaced else ""
    else:
        state = "the object was deleted"
    detail = f"no pod by owner and selector, terminating included; {state}; {_ended(look, seen, ends)}"
    note = "" if isinstance(look.workload, Workload) else "deleted; its pods are gone"
    evidence = Evidence(_grade(ends), detail, look.at)
    return Observation(watch.target, Sight.STOPPED, look.at, evidence, running=0, note=note)


def _grade(ends: Ends) -> Grade:
    """An end that nobody watched is only bounded: by the grace that nodes give."""
    return Grade.BOUNDED if ends.unseen or ends.unwatched else Grade.OBSERVED


def _ended(look: Look, seen: Mapping[str, str], ends: Ends) -> str:
    """How the pods ended, in words."""
    parts = [f"{ends.told} pods ended by their nodes' report"] if ends.told else []
    if ends.unseen or ends.unwatched:
        parts.append("others went unwatched, and their grace is over")
    nodes = sorted({node for node in seen.values() if node})
    if look.nodes.unreadable:
        parts.append(f"node readiness not checked: {look.nodes.unreadable}")
    elif nodes:
        more = f" and {len(nodes) - 5} more nodes" if len(nodes) > 5 else ""
        parts.append(f"ready: {', '.join(nodes[:5])}{more}")
    return "; ".join(parts) or "none had run"


def _unknown(watch: Watch, look: Look, note: str, running: int | None = None) -> Observation:
    return Observation(watch.target, Sight.UNKNOWN, look.at, running=running, note=note)
