"""The statuses a kubelet reports of a pod: started, ended, not schedulable."""

from __future__ import annotations

from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored, timestamp


def running_status(spec: JsonObject, uid: str, address: str, since: str) -> JsonObject:
    """All containers run and are ready since a time (RFC 3339)."""
    return {
        "phase": "Running",
        "conditions": conditions("True", since),
        "hostIP": "10.0.0.1",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": since,
        "containerStatuses": [_container(one, uid, since) for one in spec["containers"]],
        "qosClass": "BestEffort",
    }


def conditions(ready: str, since: str, reason: str = "") -> list[JsonObject]:
    """The four conditions of a pod that was scheduled and initialised."""
    why = {"reason": reason} if reason else {}
    readiness = [
        {"type": kind, "status": ready, "lastTransitionTime": since, **why} for kind in ("Ready", "ContainersReady")
    ]
    done = [{"type": kind, "status": "True", "lastTransitionTime": since} for kind in ("Initialized", "PodScheduled")]
    return [*readiness, *done]


def _container(container: JsonObject, uid: str, since: str) -> JsonObject:
    image = container.get("image", "")
    return {
        "name": container["name"],
        "state": {"running": {"startedAt": since}},
        "lastState": {},
        "ready": True,
        "started": True,
        "restartCount": 0,
        "image": image,
        "imageID": f"docker.io/{image}",
        "containerID": f"containerd://{uid}",
    }


def ended_status(pod: Stored, exit_code: int) -> JsonObject:
    """All containers have ended with an exit code; 137 is SIGKILL's."""
    now = timestamp()
    reason = "Completed" if exit_code == 0 else "Error"
    containers = []
    for one in pod.status.get("containerStatuses") or ():
        began = (one["state"].get("running") or {}).get("startedAt", now)
        ended = {"exitCode": exit_code, "reason": reason, "startedAt": began, "finishedAt": now}
        containers.append({**one, "state": {"terminated": ended}, "ready": False, "started": False})
    phase = "Succeeded" if exit_code == 0 else "Failed"
    done = conditions("False", now, "PodCompleted" if exit_code == 0 else "PodFailed")
    return {**pod.status, "phase": phase, "conditions": done, "containerStatuses": containers}


def unschedulable_status(pod: Stored) -> JsonObject:
    """No node takes the pod."""
    verdict = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0 nodes are available that match the pod's node selector and are ready.",
        "lastTransitionTime": timestamp(),
    }
    return {**pod.status, "conditions": [verdict]}
