"""Event source mappings: listed account-wide or by function, switched on and off, made and deleted."""

from __future__ import annotations

import uuid
from random import Random

from killswitch_backends.simulator.aws.behaviour import Behaviour
from killswitch_backends.simulator.aws.calls import Answer, Call, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.functions.mapping import SourceMapping
from killswitch_backends.simulator.aws.functions.region import Reference, Region, Regions
from killswitch_backends.simulator.aws.functions.rendering import mapping
from killswitch_backends.simulator.aws.pages import page
from killswitch_backends.simulator.clock import Clock

PAGE = 100


class EventSources:
    """The operations on event source mappings."""

    def __init__(self, regions: Regions, *, clock: Clock, rng: Random, behaviour: Behaviour) -> None:
        self._regions, self._clock, self._rng, self._behaviour = regions, clock, rng, behaviour

    def operations(self) -> dict[str, Operation]:
        on = self._resource
        return {
            "CreateEventSourceMapping": Operation(run=self.create, mutates=True, status=202),
            "GetEventSourceMapping": Operation(run=self.get, resource=on),
            "ListEventSourceMappings": Operation(run=self.listing),
            "UpdateEventSourceMapping": Operation(run=self.update, resource=on, mutates=True, status=202),
            "DeleteEventSourceMapping": Operation(run=self.delete, resource=on, mutates=True, status=202),
        }

    def _resource(self, call: Call) -> str:
        region = self._regions.of(call)
        return _arn(region, str(call.params.get("UUID")))

    def create(self, call: Call) -> Answer:
        region = self._regions.of(call)
        made = self.make(
            region,
            region.find(call),
            source_arn=call.text("EventSourceArn"),
            batch_size=call.number("BatchSize", 10),
        )
        enabled = call.params.get("Enabled", True)
        until = self._clock.elapsed() + self._behaviour.mapping_transition
        made.turn(through="Creating", goal="Enabled" if enabled else "Disabled", until=until)
        return self._shown(made)

    def make(self, region: Region, reference: Reference, *, source_arn: str, batch_size: int = 10) -> SourceMapping:
        """Add an enabled mapping to a region.

        Raises:
            AwsError: ``ResourceConflictException`` when that source is mapped to that function already.
        """
        for known in region.mappings.values():
            if known.source_arn == source_arn and known.function is reference.function:
                raise AwsError(
                    "ResourceConflictException",
                    f'The event source arn (" {source_arn} ") and function (" {reference.function.name} ") provided '
                    f"mapping already exists. Please update or delete the existing mapping with UUID {known.uuid}",
                    status=409,
                )
        identifier = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        made = SourceMapping(
            identifier,
            _arn(region, identifier),
            reference.function,
            reference.arn,
            source_arn,
            batch_size,
            self._clock.now(),
        )
        region.mappings[identifier] = made
        return made

    def get(self, call: Call) -> Answer:
        return self._shown(self._find(call))

    def listing(self, call: Call) -> Answer:
        region = self._regions.of(call)
        found = [known for known in list(region.mappings.values()) if not self._swept(region, known)]
        if "FunctionName" in call.params:
            wanted = region.find(call)
            found = [known for known in found if known.function_arn == wanted.arn]
        if "EventSourceArn" in call.params:
            found = [known for known in found if known.source_arn == call.params["EventSourceArn"]]
        found.sort(key=lambda known: known.uuid)
        size = min(call.number("MaxItems", PAGE), PAGE)
        chunk, marker = page(found, key=lambda known: known.uuid, marker=call.params.get("Marker"), size=size)
        shown = [self._shown(known) for known in chunk]
        return {"EventSourceMappings": shown} | ({"NextMarker": marker} if marker else {})

    def update(self, call: Call) -> Answer:
        """Switch on or off, or change the batch size; answers with the state it is going through."""
        known = self._idle(call)
        was = known.state_at(self._clock.elapsed())
        goal = {True: "Enabled", False: "Disabled", None: was}[call.params.get("Enabled")]
        known.batch_size = call.number("BatchSize", known.batch_size)
        known.modified = self._clock.now()
        if goal != was:
            through = "Enabling" if goal == "Enabled" else "Disabling"
            until = self._clock.elapsed() + self._behaviour.mapping_transition
            known.turn(through=through, goal=goal, until=until)
        return self._shown(known)

    def delete(self, call: Call) -> Answer:
        known = self._idle(call)
        until = self._clock.elapsed() + self._behaviour.mapping_transition
        known.turn(through="Deleting", goal="Deleted", until=until)
        return self._shown(known)

    def _find(self, call: Call) -> SourceMapping:
        region = self._regions.of(call)
        known = region.mappings.get(call.text("UUID"))
        if known is None or self._swept(region, known):
            raise AwsError("ResourceNotFoundException", "The resource you requested does not exist.", status=404)
        return known

    def _idle(self, call: Call) -> SourceMapping:
        known = self._find(call)
        if known.in_transition(self._clock.elapsed()):
            raise AwsError("ResourceInUseException", "Cannot update the event source mapping because it is in use.")
        return known

    def _swept(self, region: Region, known: SourceMapping) -> bool:
        """Whether it is gone; one whose deletion is over is forgotten here."""
        if known.state_at(self._clock.elapsed()) != "Deleted":
            return False
        region.mappings.pop(known.uuid, None)
        return True

    def _shown(self, known: SourceMapping) -> dict[str, object]:
        return dict(mapping(known, now=self._clock.elapsed()))


def _arn(region: Region, identifier: str) -> str:
    return f"arn:aws:lambda:{region.name}:{region.account}:event-source-mapping:{identifier}"
