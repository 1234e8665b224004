"""Lambda in one region: its functions, its event source mappings, and the pool of concurrency they share."""

from __future__ import annotations

import re
from dataclasses import dataclass

from killswitch_backends.simulator.aws.behaviour import UNRESERVED_MINIMUM
from killswitch_backends.simulator.aws.calls import Call
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.functions.function import LATEST, Function
from killswitch_backends.simulator.aws.functions.mapping import SourceMapping

_REFERENCE = re.compile(
    r"(?:arn:aws[a-z-]*:lambda:(?P<region>[a-z0-9-]+):)?(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_-]{1,140})(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?"
)
_STANDARD_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Reference:
    """A function as a call names it. ``qualifier`` None: the function as a whole."""

    function: Function
    qualifier: str | None

    @property
    def arn(self) -> str:
        return f"{self.function.arn}:{self.qualifier}" if self.qualifier else self.function.arn


class Region:
    """The state of one region."""

    def __init__(self, *, name: str, account: str) -> None:
        self.name, self.account = name, account
        self.functions: dict[str, Function] = {}
        self.mappings: dict[str, SourceMapping] = {}
        self.concurrency_limit = _STANDARD_LIMIT
        self.unreserved_running = 0
        self._reserved = 0
        self._sorted: list[Function] | None = None

    def arn(self, name: str) -> str:
        return f"arn:aws:lambda:{self.name}:{self.account}:function:{name}"

    def add(self, function: Function) -> None:
        self.functions[function.name] = function
        self._sorted = None

    def remove(self, function: Function) -> None:
        self.reserve(function, None)
        del self.functions[function.name]
        function.deleted, self._sorted = True, None

    def listed(self) -> list[Function]:
        """Every function, sorted by name."""
        if self._sorted is None:
            self._sorted = sorted(self.functions.values(), key=lambda function: function.name)
        return self._sorted

    @property
    def unreserved(self) -> int:
        """What is left of the account's concurrency for functions without a reservation."""
        return self.concurrency_limit - self._reserved

    def reserve(self, function: Function, reserved: int | None) -> None:
        """Set or remove (None) a function's reservation; whether the pool allows it was asked before."""
        self._reserved += (reserved or 0) - (function.reserved or 0)
        function.reserved = reserved

    def leaves_minimum(self, function: Function, reserved: int) -> bool:
        """Whether the pool keeps its minimum when a function reserves this much."""
        return self.unreserved + (function.reserved or 0) - reserved >= UNRESERVED_MINIMUM

    def find(self, call: Call) -> Reference:
        """The function (and qualifier) that a call names, by name, partial ARN or ARN.

        Raises:
            AwsError: ``ResourceNotFoundException``, ``ValidationException``.
        """
        return self.resolve(call.text("FunctionName"), call.params.get("Qualifier"))

    def resolve(self, name: str, qualifier: str | None = None) -> Reference:
        """As ``find``, for a name from anywhere."""
        parts = _REFERENCE.fullmatch(name)
        if parts is None:
            raise AwsError("ValidationError", f"Value '{name}' at 'functionName' failed to satisfy constraint")
        wanted = parts["qualifier"] or qualifier
        elsewhere = parts["region"] not in (None, self.name) or parts["account"] not in (None, self.account)
        function = None if elsewhere else self.functions.get(parts["name"])
        if function is None or (wanted and not function.knows(wanted)):
            missing = name if elsewhere else self.arn(parts["name"]) + (f":{wanted}" if wanted else "")
            raise AwsError("ResourceNotFoundException", f"Function not found: {missing}", status=404)
        return Reference(function, wanted)

    def whole(self, call: Call) -> Function:
        """The function that a call names as a whole.

        Raises:
            AwsError: as ``find``; ``InvalidParameterValueException`` when the call names a version or an alias.
        """
        reference = self.find(call)
        if reference.qualifier not in (None, LATEST) or ":$LATEST" in call.text("FunctionName"):
            raise AwsError(
                "InvalidParameterValueException",
                "This operation is permitted on Lambda functions only. Aliases and versions do not support this "
                "operation. Please specify either a function name or an unqualified function ARN.",
            )
        return reference.function

    def resource(self, call: Call) -> str:
        """The ARN a call on a function is authorised for, whether the function exists or not."""
        parts = _REFERENCE.fullmatch(str(call.params.get("FunctionName", "")))
        return self.arn(parts["name"]) if parts else "*"


class Regions:
    """Lambda's regions, each made when it is first spoken to."""

    def __init__(self, *, account: str) -> None:
        self._account = account
        self._regions: dict[str, Region] = {}

    def __getitem__(self, name: str) -> Region:
        region = self._regions.get(name)
        if region is None:
            region = self._regions[name] = Region(name=name, account=self._account)
        return region

    def of(self, call: Call) -> Region:
        return self[call.region]

    def resource(self, call: Call) -> str:
        """The function's ARN that a call is authorised for."""
        return self.of(call).resource(call)
