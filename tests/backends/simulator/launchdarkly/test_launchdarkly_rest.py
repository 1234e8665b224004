"""The simulated REST API v2, as a person's script sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from killswitch_backends.simulator.launchdarkly import READ_ONLY_TOKEN
from launchdarkly_simulated import Simulated, agent, serving, until

FLAG = "/api/v2/flags/agents/agent-refund-1"
OFF = {"environmentKey": "production", "instructions": [{"kind": "turnFlagOff"}]}


@pytest.fixture
async def simulated() -> AsyncIterator[Simulated]:
    async with serving([agent(1), agent(2), agent(3, agent_class="billing")]) as served:
        yield served


async def test_the_list_filters_by_tag_and_pages(simulated: Simulated) -> None:
    status, body, headers = await simulated.call("GET", "/api/v2/flags/agents?tag=agent&limit=2&env=production")
    assert status == 200
    assert headers["LD-API-Version"] == "20240415"
    assert [item["key"] for item in body["items"]] == ["agent-refund-1", "agent-refund-2"]
    assert body["totalCount"] == 3
    assert "next" in body["_links"]
    assert body["items"][0]["tags"] == ["agent", "agent:refund-1", "agent-class:refund", "agent-tenant:acme"]
    _, rest, _ = await simulated.call("GET", "/api/v2/flags/agents?tag=agent&limit=2&offset=2&env=production")
    assert [item["key"] for item in rest["items"]] == ["agent-billing-3"]


async def test_a_list_shows_environments_and_targeting_only_when_asked(simulated: Simulated) -> None:
    _, bare, _ = await simulated.call("GET", "/api/v2/flags/agents")
    assert "environments" not in bare["items"][0]
    _, short, _ = await simulated.call("GET", "/api/v2/flags/agents?filter=filterEnv:production,query:refund-1")
    assert [item["key"] for item in short["items"]] == ["agent-refund-1"]
    assert "rules" not in short["items"][0]["environments"]["production"]
    _, whole, _ = await simulated.call("GET", "/api/v2/flags/agents?env=production&summary=0&tag=agent")
    assert whole["items"][0]["environments"]["production"]["fallthrough"] == {"variation": 0}
    assert whole["items"][0]["environments"]["production"]["offVariation"] == 1


async def test_a_seed_has_flags_that_are_nobodys(simulated: Simulated) -> None:
    _, body, _ = await simulated.call("GET", "/api/v2/flags/agents?limit=100")
    assert len([item for item in body["items"] if "agent" not in item["tags"]]) >= 3


async def test_turning_off_changes_on_and_version_and_keeps_the_comment(simulated: Simulated) -> None:
    before = (await simulated.call("GET", FLAG))[1]["environments"]["production"]
    after = await simulated.patch("agent-refund-1", {"kind": "turnFlagOff"}, comment="halt H1")
    assert after["environments"]["production"] == {
        **before,
        "on": False,
        "version": before["version"] + 1,
        "lastModified": after["environments"]["production"]["lastModified"],
    }
    spec = "proj/agents:env/production:flag/agent-refund-1"
    _, log, _ = await simulated.call("GET", f"/api/v2/auditlog?limit=20&spec={spec}")
    assert [(entry["comment"], entry["accesses"][0]["action"]) for entry in log["items"]] == [("halt H1", "updateOn")]


async def test_what_is_already_so_changes_nothing(simulated: Simulated) -> None:
    first = await simulated.patch("agent-refund-1", {"kind": "turnFlagOff"})
    again = await simulated.patch("agent-refund-1", {"kind": "turnFlagOff"})
    assert again == first
    assert len((await simulated.call("GET", "/api/v2/auditlog"))[1]["items"]) == 1


async def test_one_invalid_instruction_makes_the_whole_patch_do_nothing(simulated: Simulated) -> None:
    before = (await simulated.call("GET", FLAG))[1]
    body = {"environmentKey": "production", "instructions": [{"kind": "turnFlagOff"}, {"kind": "explode"}]}
    status, error, _ = await simulated.call("PATCH", FLAG, body, semantic=True)
    assert (status, error["code"]) == (400, "invalid_request")
    assert (await simulated.call("GET", FLAG))[1] == before


@pytest.mark.parametrize(
    ("body", "semantic"),
    [
        (OFF, False),
        ({"instructions": [{"kind": "turnFlagOff"}]}, True),
        ({"environmentKey": "nowhere", "instructions": [{"kind": "turnFlagOff"}]}, True),
        ({"environmentKey": "production"}, True),
        ({"environmentKey": "production", "instructions": []}, True),
        ({"environmentKey": "production", "instructions": ["turnFlagOff"]}, True),
        (b"{", True),
        ([{"op": "replace", "path": "/environments/production/nothing", "value": 1}], False),
        ([{"op": "test", "path": "/environments/production/version", "value": 99}], False),
        ([{"op": "replace", "path": "/environments/production/on", "value": "no"}], False),
        ([{"op": "replace", "path": "/_version", "value": 9}], False),
    ],
)
async def test_a_patch_that_cannot_be_understood_is_a_400(simulated: Simulated, body: object, semantic: bool) -> None:
    before = (await simulated.call("GET", FLAG))[1]
    status, error, _ = await simulated.call("PATCH", FLAG, body, semantic=semantic)
    assert (status, error["code"]) == (400, "invalid_request")
    assert (await simulated.call("GET", FLAG))[1] == before


async def test_json_patch_and_merge_patch_work_for_scripts(simulated: Simulated) -> None:
    operations = [{"op": "replace", "path": "/environments/production/on", "value": False}]
    status, body, _ = await simulated.call("PATCH", FLAG, {"comment": "by script", "patch": operations})
    assert (status, body["environments"]["production"]["on"]) == (200, False)
    status, body, _ = await simulated.call("PATCH", FLAG, {"merge": {"description": "gates refunds"}})
    assert (status, body["description"]) == (200, "gates refunds")
    assert body["environments"]["production"]["on"] is False
    assert (await simulated.call("GET", "/api/v2/auditlog"))[1]["items"][1]["comment"] == "by script"


async def test_a_dry_run_shows_and_does_not_apply(simulated: Simulated) -> None:
    before = (await simulated.call("GET", FLAG))[1]
    status, body, _ = await simulated.call("PATCH", FLAG + "?dryRun=true", OFF, semantic=True)
    assert (status, body["environments"]["production"]["on"]) == (200, False)
    assert (await simulated.call("GET", FLAG))[1] == before


async def test_strangers_readers_and_wrong_names_are_refused(simulated: Simulated) -> None:
    assert (await simulated.call("GET", FLAG, token="api-wrong"))[0] == 401
    assert (await simulated.call("PATCH", FLAG, OFF, semantic=True, token=READ_ONLY_TOKEN))[0] == 403
    assert (await simulated.call("GET", FLAG, token=READ_ONLY_TOKEN))[0] == 200
    assert (await simulated.call("GET", "/api/v2/flags/agents/none"))[0] == 404
    assert (await simulated.call("GET", "/api/v2/flags/elsewhere/agent-refund-1"))[0] == 404
    status, body, _ = await simulated.call("GET", "/api/v2/nothing")
    assert (status, body["code"]) == (404, "not_found")
    assert (await simulated.call("GET", FLAG, **{"LD-API-Version": "20160426"}))[0] == 400


async def test_approvals_refuse_changes_of_targeting_with_405(simulated: Simulated) -> None:
    await simulated.require_approvals()
    status, body, _ = await simulated.call("PATCH", FLAG, OFF, semantic=True)
    assert (status, body["message"]) == (405, "Approval is required to make this request")
    await simulated.require_approvals("agent-class:billing")
    assert (await simulated.call("PATCH", FLAG, OFF, semantic=True))[0] == 200
    status, _, _ = await simulated.call("PATCH", "/api/v2/flags/agents/agent-billing-3", OFF, semantic=True)
    assert status == 405
    _, settings, _ = await simulated.call("GET", "/api/v2/projects/agents/environments/production")
    assert settings["approvalSettings"]["required"] is True


async def test_two_changes_of_one_flag_at_once_conflict(simulated: Simulated) -> None:
    answers = await asyncio.gather(*(simulated.call("PATCH", FLAG, OFF, semantic=True) for _ in range(2)))
    assert sorted(status for status, _, _ in answers) == [200, 409]
    assert [body["code"] for status, body, _ in answers if status == 409] == ["optimistic_locking_error"]


async def test_a_used_up_window_is_a_429_that_says_when_it_ends(simulated: Simulated) -> None:
    simulated.face.limits.routes["launchdarkly.patch"] = 0
    status, body, headers = await simulated.call("PATCH", FLAG, OFF, semantic=True)
    assert (status, body["code"]) == (429, "rate_limited")
    assert headers["X-Ratelimit-Route-Remaining"] == "0"
    assert int(headers["X-Ratelimit-Global-Remaining"]) > 0
    assert time.time() * 1000 < int(headers["X-Ratelimit-Reset"]) <= (time.time() + 10) * 1000
    assert (await simulated.call("GET", FLAG))[1]["environments"]["production"]["on"] is True


async def test_an_archived_flag_leaves_the_list_and_the_sdks(simulated: Simulated) -> None:
    await simulated.patch("agent-refund-1", {"kind": "archiveFlag"})
    _, body, _ = await simulated.call("GET", "/api/v2/flags/agents?tag=agent")
    assert [item["key"] for item in body["items"]] == ["agent-refund-2", "agent-billing-3"]
    _, archived, _ = await simulated.call("GET", "/api/v2/flags/agents?filter=state:archived")
    assert [item["key"] for item in archived["items"]] == ["agent-refund-1"]
    await until(lambda: simulated.face.capability.evaluate("agent-refund-1") == (False, 0))


async def test_prerequisites_have_dependants_and_hold_the_archive_back(simulated: Simulated) -> None:
    variation = (await simulated.call("GET", FLAG))[1]["variations"][0]["_id"]
    await simulated.patch(
        "agent-refund-2", {"kind": "addPrerequisite", "key": "agent-refund-1", "variationId": variation}
    )
    _, body, _ = await simulated.call("GET", "/api/v2/flags/agents/production/agent-refund-1/dependent-flags")
    assert [item["key"] for item in body["items"]] == ["agent-refund-2"]
    body = {"instructions": [{"kind": "archiveFlag"}]}
    assert (await simulated.call("PATCH", FLAG, body, semantic=True))[0] == 400
    await simulated.patch("agent-refund-1", {"kind": "turnFlagOff"})
    await until(lambda: not simulated.face.capability.evaluate("agent-refund-2")[0])


async def test_rules_targets_and_rollouts_can_be_changed(simulated: Simulated) -> None:
    on, off = [variation["_id"] for variation in (await simulated.call("GET", FLAG))[1]["variations"]]
    clause = {"attribute": "country", "op": "in", "values": ["DE"], "contextKind": "user"}
    body = await simulated.patch(
        "agent-refund-1",
        {"kind": "addRule", "variationId": off, "clauses": [clause]},
        {"kind": "addTargets", "variationId": off, "values": ["mallory"]},
        {"kind": "updateFallthroughVariationOrRollout", "rolloutWeights": {on: 90_000, off: 10_000}},
        {"kind": "addTags", "values": ["watched"]},
        {"kind": "addCustomProperties", "key": "ticket", "name": "Ticket", "values": ["T-1", "T-2"]},
    )
    targeting = body["environments"]["production"]
    assert targeting["rules"][0]["variation"] == 1
    assert targeting["targets"] == [{"variation": 1, "values": ["mallory"], "contextKind": "user"}]
    assert sum(share["weight"] for share in targeting["fallthrough"]["rollout"]["variations"]) == 100_000
    assert "watched" in body["tags"]
    assert body["customProperties"] == {"ticket": {"name": "Ticket", "value": ["T-1", "T-2"]}}
    body = await simulated.patch(
        "agent-refund-1",
        {"kind": "removeRule", "ruleId": targeting["rules"][0]["_id"]},
        {"kind": "removeCustomProperties", "key": "ticket", "values": ["T-1", "T-2"]},
    )
    assert (body["environments"]["production"]["rules"], body["customProperties"]) == ([], {})


@pytest.mark.parametrize(("limit", "status"), [(0, 400), (1, 200), (20, 200), (21, 400)])
async def test_the_audit_log_gives_one_to_twenty(simulated: Simulated, limit: int, status: int) -> None:
    assert (await simulated.call("GET", f"/api/v2/auditlog?limit={limit}"))[0] == status


async def test_the_caller_learns_who_it_is(simulated: Simulated) -> None:
    _, body, _ = await simulated.call("GET", "/api/v2/caller-identity")
    assert body["tokenName"] == "killswitch-console"
    assert body["serviceToken"] is True


async def test_a_scheduled_change_is_listed_and_carried_out(simulated: Simulated) -> None:
    await simulated.patch("agent-refund-1", {"kind": "turnFlagOff"})
    path = "/api/v2/projects/agents/flags/agent-refund-1/environments/production/scheduled-changes"
    due = int(time.time() * 1000) + 300
    status, _, _ = await simulated.call("POST", path, {"executionDate": due, "instructions": [{"kind": "turnFlagOn"}]})
    assert status == 201
    _, body, _ = await simulated.call("GET", path)
    assert [item["instructions"] for item in body["items"]] == [[{"kind": "turnFlagOn"}]]
    await until(lambda: simulated.face.capability.evaluate("agent-refund-1") == (True, 3))


async def test_a_flag_can_be_created_and_deleted(simulated: Simulated) -> None:
    status, body, _ = await simulated.call("POST", "/api/v2/flags/agents", {"key": "new", "tags": ["agent"]})
    assert (status, body["environments"]["production"]["on"]) == (201, False)
    assert (await simulated.call("POST", "/api/v2/flags/agents", {"key": "new"}))[0] == 409
    assert (await simulated.call("DELETE", "/api/v2/flags/agents/new"))[0] == 204
    assert (await simulated.call("GET", "/api/v2/flags/agents/new"))[0] == 404


async def test_faults_strike_before_and_after_a_change(simulated: Simulated) -> None:
    simulated.faults.before["launchdarkly.patch"] = [503]
    assert (await simulated.call("PATCH", FLAG, OFF, semantic=True))[0] == 503
    assert (await simulated.call("GET", FLAG))[1]["environments"]["production"]["on"] is True
    simulated.faults.applied["launchdarkly.patch"] = [503]
    assert (await simulated.call("PATCH", FLAG, OFF, semantic=True))[0] == 503
    assert (await simulated.call("GET", FLAG))[1]["environments"]["production"]["on"] is False


async def test_the_same_seed_makes_the_same_flags() -> None:
    seen = []
    for _ in range(2):
        async with serving([agent(1), agent(2)], seed=7) as served:
            seen.append(
                [(flag.key, flag.variations, flag.environments["production"].salt) for flag in served.face.flags]
            )
    assert seen[0] == seen[1]


async def test_agents_that_share_a_flag_are_all_named_on_it() -> None:
    async with serving([agent(1, flag="shared"), agent(2, flag="shared")]) as served:
        _, body, _ = await served.call("GET", "/api/v2/flags/agents/shared")
        assert {"agent:refund-1", "agent:refund-2"} <= set(body["tags"])
