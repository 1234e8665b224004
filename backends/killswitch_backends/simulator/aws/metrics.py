"""CloudWatch's metrics of AWS/Lambda, per function and whole minute, readable a little after the minute is over.

Only what Lambda emits by FunctionName is here: no expressions, no statistics over all functions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from killswitch_backends.simulator.aws.behaviour import METRIC_DELAY_SECONDS
from killswitch_backends.simulator.aws.calls import Answer, Call, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.functions.metering import Minute
from killswitch_backends.simulator.aws.functions.region import Regions
from killswitch_backends.simulator.clock import Clock

_MINUTE = 60
_QUERIES_MAX = 500

_METRICS: dict[str, Callable[[Minute], int]] = {
    "ConcurrentExecutions": lambda minute: minute.peak,
    "Invocations": lambda minute: minute.invocations,
    "Throttles": lambda minute: minute.throttles,
    "AsyncEventsDropped": lambda minute: minute.events_dropped,
}

_STATISTICS: dict[str, Callable[[Sequence[int]], float]] = {
    "Maximum": lambda values: float(max(values)),
    "Minimum": lambda values: float(min(values)),
    "Sum": lambda values: float(sum(values)),
    "Average": lambda values: sum(values) / len(values),
    "SampleCount": lambda values: float(len(values)),
}

_Points = list[tuple[datetime, list[int]]]
"""The start of each period and the minutes' values in it, oldest first."""


def operations(regions: Regions, *, clock: Clock) -> dict[str, Operation]:
    return {
        "GetMetricData": Operation(run=partial(_data, regions, clock)),
        "GetMetricStatistics": Operation(run=partial(_statistics, regions, clock)),
    }


def _data(regions: Regions, clock: Clock, call: Call) -> Answer:
    queries = call.params.get("MetricDataQueries", [])
    if not 1 <= len(queries) <= _QUERIES_MAX:
        raise AwsError(
            "ValidationError", f"The collection MetricDataQueries must have from 1 to {_QUERIES_MAX} members."
        )
    return {"MetricDataResults": [_result(regions, clock, call, query) for query in queries], "Messages": []}


def _result(regions: Regions, clock: Clock, call: Call, query: Mapping[str, Any]) -> dict[str, Any]:
    stat = query.get("MetricStat")
    if stat is None:
        raise AwsError(
            "ValidationError", f"The simulator evaluates no expressions ({query.get('Id')}): use MetricStat."
        )
    metric = stat["Metric"]
    points = _points(regions, clock, call, metric, period=int(stat["Period"]))
    statistic = _statistic(stat["Stat"])
    if call.params.get("ScanBy", "TimestampDescending") == "TimestampDescending":
        points.reverse()
    return {
        "Id": query["Id"],
        "Label": query.get("Label", metric["MetricName"]),
        "Timestamps": [at for at, _values in points],
        "Values": [statistic(values) for _at, values in points],
        "StatusCode": "Complete",
    }


def _statistics(regions: Regions, clock: Clock, call: Call) -> Answer:
    points = _points(regions, clock, call, call.params, period=call.number("Period", _MINUTE))
    wanted = {name: _statistic(name) for name in call.params.get("Statistics", [])}
    shown = [
        {"Timestamp": at, "Unit": "Count"} | {name: compute(values) for name, compute in wanted.items()}
        for at, values in points
    ]
    return {"Label": call.text("MetricName"), "Datapoints": shown}


def _statistic(name: str) -> Callable[[Sequence[int]], float]:
    if name not in _STATISTICS:
        raise AwsError("ValidationError", f"The simulator does not compute the statistic {name}.")
    return _STATISTICS[name]


def _points(regions: Regions, clock: Clock, call: Call, metric: Mapping[str, Any], *, period: int) -> _Points:
    if period < _MINUTE or period % _MINUTE:
        raise AwsError(
            "ValidationError", "Period must be a multiple of 60: Lambda's metrics have one-minute granularity."
        )
    start, end = (_epoch(call.params.get(member)) for member in ("StartTime", "EndTime"))
    periods: dict[int, list[int]] = defaultdict(list)
    for minute in _minutes(regions, clock, call, metric):
        at = minute.start * _MINUTE
        value = _METRICS[metric["MetricName"]](minute)
        emitted = value or metric["MetricName"] == "ConcurrentExecutions"
        if emitted and start <= at < end and at + _MINUTE + METRIC_DELAY_SECONDS <= clock.now():
            periods[at - at % period].append(value)
    return [(datetime.fromtimestamp(at, UTC), values) for at, values in sorted(periods.items())]


def _minutes(regions: Regions, clock: Clock, call: Call, metric: Mapping[str, Any]) -> Sequence[Minute]:
    dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions", [])}
    function = regions.of(call).functions.get(dimensions.get("FunctionName", ""))
    ours = metric.get("Namespace") == "AWS/Lambda" and metric.get("MetricName") in _METRICS
    if function is None or not ours or dimensions.keys() != {"FunctionName"}:
        return ()
    return function.meter.history(clock.now(), running=function.running)


def _epoch(moment: Any) -> float:
    """A CBOR or JSON timestamp in seconds."""
    if isinstance(moment, datetime):
        return moment.timestamp()
    if isinstance(moment, (int, float)):
        return float(moment)
    raise AwsError("MissingParameter", "The parameters StartTime and EndTime are required.")
