"""The least-privilege RBAC text that ``policy kubernetes`` prints, from the one list of needs in rights.py. Pure.

The role that halts is apart from the role that reads: a wall display or an inventory job gets the first only. Nothing
here grants a right to grant rights, to read secrets, or to run anything in a pod.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from killswitch_backends.kubernetes.rights import NEEDS, Need

READ, HALT = "killswitch-console-read", "killswitch-console-halt"
_HEAD = """\
# Least privilege for killswitch-console: {read} sees agents and proves that they stopped, {halt} stops them
# and puts them back. Bind {halt} to as few people as your on-call rota has; bind {read} to the same group.
# Rules of kinds that your cluster does not have (Argo Rollouts, KEDA, ...) do nothing and may be deleted. A custom kind
# of your own that has a scale subresource needs get, list and watch in {read} and patch in {halt}.
# Where patch on apps/deployments is not given, patch on apps/deployments/scale alone still halts, without a mark.
"""


def policy(namespaces: Sequence[str] = (), *, group: str = "killswitch-operators") -> str:
    """Roles and bindings as YAML documents.

    Args:
        namespaces: only these (Role and RoleBinding in each); empty: the whole cluster (ClusterRole).
        group: whom they are bound to, as the cluster's authentication names the group.
    """
    needs = {READ: [need for need in NEEDS if need.read_only], HALT: [n for n in NEEDS if not n.read_only]}
    documents: list[str] = []
    for name, wanted in needs.items():
        local = [need for need in wanted if not need.cluster]
        everywhere = [need for need in wanted if need.cluster] if namespaces else wanted
        if everywhere:
            documents += [_role("ClusterRole", name, "", everywhere), _binding("ClusterRole", name, "", group)]
        for namespace in namespaces:
            documents += [_role("Role", name, namespace, local), _binding("Role", name, namespace, group)]
    return _HEAD.format(read=READ, halt=HALT) + "---\n" + "---\n".join(documents)


def _role(kind: str, name: str, namespace: str, needs: Iterable[Need]) -> str:
    rules = "".join(
        f'- apiGroups: ["{group}"]\n  resources: {_list(resources)}\n  verbs: {_list(verbs)}\n'
        for (group, verbs), resources in _grouped(needs).items()
    )
    return f"{_top(kind, name, namespace)}rules:\n{rules}"


def _grouped(needs: Iterable[Need]) -> dict[tuple[str, tuple[str, ...]], list[str]]:
    """Resources that share their group and verbs, in one rule."""
    verbs: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for need in needs:
        verbs[need.group, need.resource] |= set(need.verbs)
    rules: defaultdict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (group, resource), allowed in verbs.items():
        rules[group, tuple(sorted(allowed))].append(resource)
    return dict(rules)


def _binding(kind: str, name: str, namespace: str, group: str) -> str:
    reference = f"roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {kind}\n  name: {name}\n"
    subject = f'subjects:\n- apiGroup: rbac.authorization.k8s.io\n  kind: Group\n  name: "{group}"\n'
    return _top(f"{kind}Binding", name, namespace) + reference + subject


def _top(kind: str, name: str, namespace: str) -> str:
    place = f"  namespace: {namespace}\n" if namespace else ""
    return f"apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {name}\n{place}"


def _list(words: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"
