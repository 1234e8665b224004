"""Ending the pods of a workload that is off already: all at once, or (``force``) with almost no grace.

Never with grace 0: the API server then forgets a pod at once while its containers may run on, and nothing could be
proven any more. With one second the kubelet itself ends them and reports it.
"""

from __future__ import annotations

import asyncio

from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.pods import Pod
from killswitch_backends.kubernetes.proving import Prover
from killswitch_backends.kubernetes.records import Workload
from killswitch_backends.kubernetes.resources import PODS, ObjectKey
from killswitch_backends.problems import Gone, Problem

GRACE_SECONDS = 1
_LOOKS = 10
_PAUSE = 0.2


async def end_pods(api: Api, prover: Prover, key: ObjectKey, *, at_once: bool) -> str:
    """End the pods early; says how it went. The halt itself was accepted, so a failure here is told, not raised.

    Args:
        api: the cluster.
        prover: finds the pods.
        key: the workload.
        at_once: with almost no grace; else each with its own whole grace, beginning now.
    """
    try:
        pods = await _leaving(prover, key, all_of_them=at_once)
        async with asyncio.TaskGroup() as tasks:
            ended = [tasks.create_task(end_pod(api, pod, at_once=at_once), name=f"end pod {pod.name}") for pod in pods]
    except Problem as problem:
        return f"off; but its pods end when their controller says so: {problem}"
    failures = [failure for task in ended if (failure := task.result())]
    if failures:
        return f"off; {len(failures)} of {len(pods)} pods keep their grace or turn: {failures[0]}"
    return f"off; {len(pods)} pods told to end " + (f"within {GRACE_SECONDS} s" if at_once else "together")


async def _leaving(prover: Prover, key: ObjectKey, *, all_of_them: bool) -> list[Pod]:
    """The pods, once their controller knows that none is wanted: a pod ended before that would be replaced."""
    pods: list[Pod] = []
    for _ in range(_LOOKS):
        look = (await prover.look([key], ()))[key]
        for found in (look.workload, look.pods):
            if isinstance(found, Problem) and not isinstance(found, Gone):
                raise found
        pods = [pod for pod in look.pods if not pod.over] if not isinstance(look.pods, Problem) else []
        workload = look.workload
        aware = not isinstance(workload, Workload) or (workload.observed or 0) >= workload.generation
        if aware and (not all_of_them or all(pod.ends_at for pod in pods)):
            break
        await asyncio.sleep(_PAUSE)
    return pods if all_of_them else [pod for pod in pods if pod.ends_at is None]


async def end_pod(api: Api, pod: Pod, *, at_once: bool) -> Problem | None:
    """Delete one pod, if it is still this one; what went wrong."""
    body: dict[str, object] = {"preconditions": {"uid": pod.uid}}
    if at_once:
        body["gracePeriodSeconds"] = GRACE_SECONDS
    try:
        await api.call("DELETE", PODS.path(pod.namespace, pod.name), body=body)
    except Gone:
        return None
    except Problem as problem:
        return problem
    return None
