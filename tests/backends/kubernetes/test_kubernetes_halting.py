"""Halting and restoring on the simulated cluster: what is left on the target, and every way a patch can fail."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from killswitch_backends.kubernetes.failures import Expired
from killswitch_backends.problems import (
    Changed,
    Conflict,
    Gone,
    Problem,
    Refused,
    Throttled,
    Unauthenticated,
    Unreachable,
    Unsupported,
)
from killswitch_backends.protocol import Backend, Failure, Grade, Profile, Sight
from kubernetes_table import (
    Admin,
    accepted_anyhow,
    agent,
    capture,
    comparable,
    halted,
    observing,
    opened,
    order,
    sighting,
    target,
)
from simulated import Simulated, eventually, running

ONE, TWO = target("refund-1"), target("refund-2")


AGENTS = [agent("refund-1", replicas=3), agent("refund-2", replicas=1)]


async def test_a_halt_is_one_patch_that_leaves_zero_and_a_mark(sim: Simulated, backend: Backend, admin: Admin) -> None:
    (captured,) = await capture(backend, ONE)
    assert captured.prior["replicas"] == 3
    assert captured.marked_by is None
    sim.forget_requests()
    accepted = await backend.halt(captured, order("H1"))
    assert sim.counts() == {"kubernetes.patch.deployments": 1}
    found = admin.deployment("refund-1")
    assert found["spec"]["replicas"] == 0
    marks = {key.removeprefix("killswitch-console/"): value for key, value in found["metadata"]["annotations"].items()}
    assert marks["halt-id"] == "H1"
    assert marks["invoker"] == "os:oncall"
    assert json.loads(marks["prior"])["replicas"] == 3
    assert accepted.halted["replicas"] == 0


async def test_halt_and_restore_leave_no_difference(backend: Backend, admin: Admin) -> None:
    before = {name: comparable(admin.deployment(name)) for name in ("refund-1", "refund-2")}
    for watch in await halted(backend, ONE, TWO):
        restored = await backend.restore(watch, order())
        assert restored.evidence.grade is Grade.OBSERVED
    assert {name: comparable(admin.deployment(name)) for name in before} == before


async def test_halting_again_after_a_lost_answer_changes_nothing(
    sim: Simulated, backend: Backend, admin: Admin
) -> None:
    (captured,) = await capture(backend, ONE)
    sim.faults.add(operation="kubernetes.patch", kind="reset-after-apply", count=1)
    with pytest.raises(Unreachable):
        await backend.halt(captured, order())
    once = admin.deployment("refund-1")["metadata"]["generation"]
    accepted = await backend.halt(captured, order())
    assert accepted.halted["replicas"] == 0
    assert admin.deployment("refund-1")["metadata"]["generation"] == once


async def test_a_target_that_changed_since_the_capture_is_left_alone(backend: Backend, admin: Admin) -> None:
    (captured,) = await capture(backend, ONE)
    admin.scale("refund-1", 5)
    with pytest.raises(Changed):
        await backend.halt(captured, order())
    assert admin.deployment("refund-1")["spec"]["replicas"] == 5
    (anew,) = await capture(backend, ONE)
    await backend.halt(anew, order())
    assert admin.deployment("refund-1")["spec"]["replicas"] == 0


async def test_a_revived_target_is_put_back_to_zero_and_keeps_its_true_prior_state(
    backend: Backend, admin: Admin
) -> None:
    (watch,) = await halted(backend, ONE)
    admin.scale("refund-1", 7)
    await backend.halt(watch.captured, order())
    assert admin.deployment("refund-1")["spec"]["replicas"] == 0
    (captured,) = await capture(backend, ONE)
    assert (captured.marked_by, captured.prior["replicas"]) == ("H1", 3)


async def test_a_capture_of_a_halted_target_tells_the_prior_state_in_its_mark(sim: Simulated, backend: Backend) -> None:
    await halted(backend, ONE)
    async with opened(sim) as another_bastion:
        (captured,) = await capture(another_bastion, ONE)
        assert captured.prior["replicas"] == 3
        assert captured.marked_by == "H1"
        assert not captured.already_off
        await another_bastion.restore(accepted_anyhow(captured), order("H1"))
        (again,) = await capture(another_bastion, ONE)
        assert (again.prior["replicas"], again.marked_by) == (3, None)


async def test_a_mark_that_cannot_be_read_is_told_not_guessed(backend: Backend, admin: Admin) -> None:
    await halted(backend, ONE)
    admin.patch("refund-1", {"metadata": {"annotations": {"killswitch-console/prior": "{}"}}})
    (failure,) = [item async for item in backend.capture([ONE], fresh=True)]
    assert isinstance(failure, Failure)
    assert isinstance(failure.problem, Refused)


async def test_what_is_at_zero_already_is_marked_and_stays_at_zero_when_restored(
    backend: Backend, admin: Admin
) -> None:
    admin.scale("refund-2", 0)
    before = comparable(admin.deployment("refund-2"))
    (captured,) = await capture(backend, TWO)
    assert captured.already_off
    (watch,) = await halted(backend, TWO)
    assert "killswitch-console/halt-id" in admin.deployment("refund-2")["metadata"]["annotations"]
    await backend.restore(watch, order())
    assert comparable(admin.deployment("refund-2")) == before


async def test_a_second_halt_keeps_the_first_ones_mark(backend: Backend, admin: Admin) -> None:
    await halted(backend, ONE, halt_id="H1")
    (second,) = await halted(backend, ONE, halt_id="H2")
    assert "H1" in second.accepted.detail
    assert admin.deployment("refund-1")["metadata"]["annotations"]["killswitch-console/halt-id"] == "H1"
    await backend.restore(second, order("H2"))
    assert admin.deployment("refund-1")["spec"]["replicas"] == 3


WEBHOOK = 'admission webhook "policy.example.com" denied the request: change freeze'


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ({"kind": "error", "status": 403}, Refused),
        ({"kind": "error", "status": 401}, Unauthenticated),
        ({"kind": "error", "status": 409}, Changed),
        ({"kind": "error", "status": 500}, Unreachable),
        ({"kind": "error", "status": 503, "body": "<html>no</html>"}, Unreachable),
        ({"kind": "error", "status": 400, "message": WEBHOOK}, Refused),
        ({"kind": "throttle", "retry_after": 3}, Throttled),
        ({"kind": "reset"}, Unreachable),
    ],
)
async def test_each_failure_is_its_problem_and_nothing_is_applied(
    sim: Simulated, backend: Backend, admin: Admin, fault: dict[str, Any], problem: type[Problem]
) -> None:
    (captured,) = await capture(backend, ONE)
    sim.faults.add(operation="kubernetes.patch", **fault)
    with pytest.raises(problem) as raised:
        await backend.halt(captured, order())
    assert type(raised.value) is problem
    assert str(ONE) in str(raised.value)
    assert str(fault.get("message", "")) in str(raised.value)
    assert getattr(raised.value, "retry_after", None) == fault.get("retry_after")
    assert admin.deployment("refund-1")["spec"]["replicas"] == 3


async def test_a_request_that_hangs_ends_by_itself(
    sim: Simulated, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    (captured,) = await capture(backend, ONE)
    monkeypatch.setattr("killswitch_backends.kubernetes.api.CHANGE_SECONDS", 0.3)
    sim.faults.add(operation="kubernetes.patch", kind="hang")
    with pytest.raises(Unreachable, match="no answer in time"):
        await backend.halt(captured, order())


async def test_what_is_gone_is_gone(backend: Backend, admin: Admin) -> None:
    captured = await capture(backend, ONE)
    admin.delete("refund-1")
    await eventually(lambda: not admin.pods(selector="agent=refund-1"))
    with pytest.raises(Gone):
        await backend.halt(captured[0], order())
    with pytest.raises(Gone):
        await backend.restore(accepted_anyhow(captured[0]), order())
    (failure,) = [item async for item in backend.capture([ONE], fresh=True)]
    assert isinstance(failure, Failure)
    assert isinstance(failure.problem, Gone)


async def test_a_restore_refuses_what_somebody_changed_since(backend: Backend, admin: Admin) -> None:
    (watch,) = await halted(backend, ONE)
    admin.scale("refund-1", 2)
    with pytest.raises(Conflict) as raised:
        await backend.restore(watch, order())
    assert [(c.field, c.expected, c.found) for c in raised.value.changes] == [("replicas", 0, 2)]
    assert admin.deployment("refund-1")["spec"]["replicas"] == 2


async def test_a_restore_refuses_another_halts_mark(backend: Backend, admin: Admin) -> None:
    (watch,) = await halted(backend, ONE)
    admin.patch("refund-1", {"metadata": {"annotations": {"killswitch-console/halt-id": "H9"}}})
    with pytest.raises(Conflict) as raised:
        await backend.restore(watch, order("H1"))
    assert [(c.expected, c.found) for c in raised.value.changes] == [("H1", "H9")]
    assert admin.deployment("refund-1")["spec"]["replicas"] == 0


async def test_a_restore_can_be_repeated_after_a_lost_answer(sim: Simulated, backend: Backend, admin: Admin) -> None:
    (watch,) = await halted(backend, ONE)
    sim.faults.add(operation="kubernetes.patch", kind="reset-after-apply", count=1)
    with pytest.raises(Unreachable):
        await backend.restore(watch, order())
    await backend.restore(watch, order())
    assert admin.deployment("refund-1")["spec"]["replicas"] == 3


async def test_a_restore_keeps_what_others_did_elsewhere_in_the_object(backend: Backend, admin: Admin) -> None:
    (watch,) = await halted(backend, ONE)
    admin.patch("refund-1", {"metadata": {"annotations": {"note": "hello"}, "labels": {"team": "blue"}}})
    await backend.restore(watch, order())
    meta = admin.deployment("refund-1")["metadata"]
    assert meta["annotations"]["note"] == "hello"
    assert meta["labels"]["team"] == "blue"
    assert not [key for key in meta["annotations"] if key.startswith("killswitch-console/")]


async def test_force_ends_pods_without_their_grace() -> None:
    async with running(specs=[agent("slow-1", replicas=2, grace=60.0)]) as sim, opened(sim) as backend:
        (captured,) = await capture(backend, target("slow-1"))
        accepted = await backend.halt(captured, order(profile=Profile.FORCE))
        assert "2 pods told to end" in accepted.detail
        await eventually(lambda: not Admin(sim).pods(), within=10)


async def test_a_force_that_fails_says_so_and_is_still_a_halt(sim: Simulated, backend: Backend, admin: Admin) -> None:
    (captured,) = await capture(backend, ONE)
    sim.faults.add(operation="kubernetes.delete.pods", kind="error", status=403)
    accepted = await backend.halt(captured, order(profile=Profile.FORCE))
    assert "keep their grace" in accepted.detail
    assert admin.deployment("refund-1")["spec"]["replicas"] == 0


async def test_an_unknown_kind_is_unsupported_everywhere(backend: Backend) -> None:
    odd = target("refund-1", kind="KnativeService")
    (before,) = await backend.preflight([odd])
    assert before.unsupported is not None
    assert before.api_calls == 0
    (failure,) = [item async for item in backend.capture([odd], fresh=True)]
    assert isinstance(failure, Failure)
    assert isinstance(failure.problem, Unsupported)
    (captured,) = await capture(backend, ONE)
    async with observing(backend, [accepted_anyhow(replace(captured, target=odd))]) as seen:
        assert (await seen.until(lambda _: True)).sight is Sight.UNKNOWN


async def test_preflight_says_what_would_happen_and_who_may_revive(backend: Backend, admin: Admin) -> None:
    admin.patch("refund-1", {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "x"}}})
    await halted(backend, TWO)
    one, two, gone = await backend.preflight([ONE, TWO, target("nobody-1")])
    assert (one.action, one.api_calls, one.lockout) == ("scale 3 -> 0", 1, None)
    assert [risk.split(":")[0] for risk in one.risks] == ["Argo CD tracks it"]
    assert "H1" in two.action
    assert (gone.target, gone.api_calls) == (target("nobody-1"), 0)


def _autoscaler(name: str, scaled: str, **spec: Any) -> dict[str, Any]:
    labels = {"scaledobject.keda.sh/name": "orders"} if name.startswith("keda-") else {}
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": scaled}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "labels": labels},
        "spec": {"scaleTargetRef": reference, "maxReplicas": 5} | spec,
    }


async def test_preflight_names_the_autoscalers(backend: Backend, admin: Admin) -> None:
    path = "/apis/autoscaling/v2/namespaces/payments/horizontalpodautoscalers"
    admin.call("POST", path, _autoscaler("usual", "refund-1"))
    admin.call("POST", path, _autoscaler("keda-hpa-orders", "refund-2"))
    one, two = await backend.preflight([ONE, TWO])
    assert one.risks == ("HorizontalPodAutoscaler usual scales it; it rests while replicas are 0",)
    assert two.risks == ("KEDA ScaledObject orders scales it from zero when its trigger is active",)


async def test_preflight_without_the_right_to_see_autoscalers_says_so(sim: Simulated, backend: Backend) -> None:
    sim.faults.add(operation="kubernetes.list.horizontalpodautoscalers", kind="error", status=403)
    (one,) = await backend.preflight([ONE])
    assert any("autoscalers are unknown" in risk for risk in one.risks)


async def test_many_are_captured_with_few_requests(sim: Simulated) -> None:
    specs = [agent(f"a-{n}", namespace=f"ns-{n % 3}", replicas=1) for n in range(30)]
    targets = [target(spec.name, namespace=spec.namespace) for spec in specs]
    async with running(specs=specs) as many, opened(many) as backend:
        many.forget_requests()
        assert len(await capture(backend, *targets)) == 30
        asked = {"list.deployments": 3, "list.horizontalpodautoscalers": 3, "discover": 1}
        assert many.counts() == {f"kubernetes.{operation}": count for operation, count in asked.items()}
        async with sighting(backend):
            many.forget_requests()
            assert len(await capture(backend, *targets, fresh=False)) == 30
            assert "kubernetes.list.deployments" not in many.counts()


async def test_a_list_that_expires_between_pages_is_read_anew(sim: Simulated, backend: Backend) -> None:
    sim.faults.add(operation="kubernetes.list.horizontalpodautoscalers", kind="error", status=410, count=1)
    (one,) = await backend.preflight([ONE])
    assert not any("unknown" in risk for risk in one.risks)
    sim.faults.add(operation="kubernetes.list.horizontalpodautoscalers", kind="error", status=410)
    async with opened(sim) as another:
        (one,) = await another.preflight([ONE])
    assert any("expired" in risk for risk in one.risks)
    assert issubclass(Expired, Changed)
