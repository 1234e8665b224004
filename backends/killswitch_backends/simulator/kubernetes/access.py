"""Who calls, and what they may do: one bearer token, one user, everything allowed but what is denied.

The reviews (SelfSubjectAccessReview, SelfSubjectReview) and the enforcement ask the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from killswitch_backends.simulator.kubernetes.failures import ApiFailure, bad_request, forbidden
from killswitch_backends.simulator.kubernetes.objects import JsonObject
from killswitch_backends.simulator.kubernetes.requests import Call

TOKEN = "simulated-cluster-token"  # noqa: S105 - the simulator's own, accepted on loopback by nothing else
"""The bearer token that the simulated cluster accepts."""

USER = "oncall@simulator"
GROUPS = ("oncall", "system:authenticated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Something the user may not do; every field is a glob pattern, ``resource`` names subresources with a slash."""

    verb: str = "*"
    group: str = "*"
    resource: str = "*"
    namespace: str = "*"
    name: str = "*"

    def covers(self, *, verb: str, group: str, resource: str, namespace: str, name: str) -> bool:
        asked = ((verb, self.verb), (group, self.group), (resource, self.resource))
        where = ((namespace, self.namespace), (name, self.name))
        return all(fnmatchcase(value, pattern) for value, pattern in (*asked, *where))


class Access:
    """The rules in force. Denials may be added while serving."""

    def __init__(self, *, token: str = TOKEN) -> None:
        self._authorization = f"Bearer {token}"
        self._denials: list[Denial] = []

    def deny(self, denial: Denial) -> None:
        self._denials.append(denial)

    def knows(self, authorization: str | None, user_agent: str) -> bool:
        """Whether an Authorization header carries the accepted token.

        kubectl sends no credentials at all to a server without TLS (client-go's ``IsConfigTransportTLS``), so its
        requests may come without; a wrong token is refused from anybody.
        """
        if authorization is None:
            return user_agent.startswith("kubectl")
        return authorization == self._authorization

    def check(self, call: Call) -> None:
        """Raise a 403 ``ApiFailure`` for a call that is denied."""
        if not self._denials or not self._denied(
            verb=call.verb, group=call.kind.group, resource=call.resource, namespace=call.namespace, name=call.name
        ):
            return
        where = f' in the namespace "{call.namespace}"' if call.namespace else " at the cluster scope"
        why = f'User "{USER}" cannot {call.verb} resource "{call.resource}" in API group "{call.kind.group}"{where}'
        raise forbidden(call.kind, call.name, why)

    def _denied(self, *, verb: str, group: str, resource: str, namespace: str, name: str) -> bool:
        return any(
            denial.covers(verb=verb, group=group, resource=resource, namespace=namespace, name=name)
            for denial in self._denials
        )

    def review_access(self, body: JsonObject) -> JsonObject:
        """Answer a SelfSubjectAccessReview. Raises a 400 ``ApiFailure`` for one that asks nothing."""
        spec = body.get("spec")
        if not isinstance(spec, dict) or not (spec.get("resourceAttributes") or spec.get("nonResourceAttributes")):
            raise bad_request("exactly one of nonResourceAttributes or resourceAttributes must be specified")
        asked: dict[str, Any] = spec.get("resourceAttributes") or {}
        resource = asked.get("resource", "")
        if asked.get("subresource"):
            resource += f"/{asked['subresource']}"
        denied = bool(asked) and self._denied(
            verb=asked.get("verb", ""),
            group=asked.get("group", ""),
            resource=resource,
            namespace=asked.get("namespace", ""),
            name=asked.get("name", ""),
        )
        status = {"allowed": False} if denied else {"allowed": True, "reason": "the simulator allows all"}
        return _review("authorization.k8s.io/v1", "SelfSubjectAccessReview", spec, status)


def review_self() -> JsonObject:
    """Answer a SelfSubjectReview: who the caller is."""
    user = {"username": USER, "groups": list(GROUPS)}
    return _review("authentication.k8s.io/v1", "SelfSubjectReview", None, {"userInfo": user})


def _review(api_version: str, kind: str, spec: JsonObject | None, status: JsonObject) -> JsonObject:
    head: JsonObject = {"kind": kind, "apiVersion": api_version, "metadata": {"creationTimestamp": None}}
    return {**head, **({"spec": spec} if spec is not None else {}), "status": status}


def answer_review(access: Access, resource: str, body: JsonObject) -> JsonObject:
    """Answer one of the two reviews by its resource name. Raises a 404 ``ApiFailure`` for others."""
    if resource == "selfsubjectaccessreviews":
        return access.review_access(body)
    if resource == "selfsubjectreviews":
        return review_self()
    raise ApiFailure(404, "NotFound", "the server could not find the requested resource", {})
