"""The rest of a ``force`` halt: end the pods of a workload that is already at zero with (almost) no grace.

Never with grace 0: the API server then forgets a pod at once while its containers may run on, and nothing could be
proven any more. With one second the kubelet itself ends them and reports it.
"""

from __future__ import annotations

import asyncio

from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.listing import Query, everything
from killswitch_backends.kubernetes.mirror.stores import owner_key
from killswitch_backends.kubernetes.reading import Reader
from killswitch_backends.kubernetes.records import Pod, pod_of
from killswitch_backends.kubernetes.resources import PODS, ObjectKey
from killswitch_backends.problems import Gone, Problem

GRACE_SECONDS = 1
RISK = f"force ends its pods {GRACE_SECONDS} s after SIGTERM: work in progress and clean-up are lost"
_LOOKS = 8
_PAUSE = 0.25


async def end_pods(api: Api, reader: Reader, key: ObjectKey) -> str:
    """End the pods early; says how it went. The halt itself was accepted, so a failure here is told, not raised."""
    try:
        pods = await _leaving(api, reader, key)
        async with asyncio.TaskGroup() as tasks:
            ended = [tasks.create_task(_end(api, pod), name=f"end pod {pod.name}") for pod in pods]
    except Problem as problem:
        return f"at zero; but its pods keep their grace: {problem}"
    failures = [failure for task in ended if (failure := task.result())]
    if failures:
        return f"at zero; {len(failures)} of {len(pods)} pods keep their grace: {failures[0]}"
    return f"at zero; {len(pods)} pods told to end within {GRACE_SECONDS} s"


async def _leaving(api: Api, reader: Reader, key: ObjectKey) -> list[Pod]:
    """The pods, once their controller has begun to end them: a pod ended before that would be replaced."""
    selector = str((await reader.one(key, attempts=3)).selector)
    pods: list[Pod] = []
    for _ in range(_LOOKS):
        listed = [pod_of(item) for item in await everything(api, PODS, Query(key.namespace, selector), attempts=3)]
        pods = [pod for pod in listed if owner_key(pod, tuple(reader.kinds.values())) == key and not pod.over]
        if all(pod.ends_at for pod in pods):
            break
        await asyncio.sleep(_PAUSE)
    return pods


async def _end(api: Api, pod: Pod) -> Problem | None:
    body = {"gracePeriodSeconds": GRACE_SECONDS, "preconditions": {"uid": pod.uid}}
    try:
        await api.call("DELETE", PODS.path(pod.namespace, pod.name), body=body)
    except Gone:
        return None
    except Problem as problem:
        return problem
    return None
