"""How long a pipeline may take at the worst: every try of a stage runs into its timeout, with every delay between them.

- A stage's timeout is that of one try; a retry policy (spec 5.2) says how many tries there are and what lies between.
- Nothing is guessed: where a stage on the graph states no timeout, no time is given, and the stages are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from gitreg.kinds._base import RetryPolicy
from gitreg.kinds.pipeline import Node
from gitreg.pipelines.flows import Way
from gitreg.pipelines.order import RunOrder, longest_way


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """The way that takes the longest: by worst-case time where every stage has one, else by the number of stages.

    `milliseconds` is None where it goes by stages; `unstated` are the stages without a timeout.
    """

    by: Literal["time", "stages"]
    stages: tuple[str, ...]
    milliseconds: int | None
    unstated: tuple[str, ...] = ()


def critical_path(nodes: Mapping[str, Node], order: RunOrder, ways: Iterable[Way]) -> CriticalPath:
    """Find the way through a pipeline that takes the longest."""
    times = {stage: worst_time(nodes[stage]) for batch in order.batches for stage in batch}
    unstated = tuple(stage for stage in nodes if stage in times and times[stage] is None)
    if unstated:
        way, _ = longest_way(order, ways, dict.fromkeys(times, 1))
        return CriticalPath("stages", way, None, unstated)
    way, total = longest_way(order, ways, {stage: time or 0 for stage, time in times.items()})
    return CriticalPath("time", way, total)


def worst_time(node: Node) -> int | None:
    """Give the longest that a stage may take, in milliseconds; None where it states no timeout."""
    if node.timeout is None:
        return None
    if node.retry is None:
        return node.timeout
    return node.timeout * node.retry.max_attempts + sum(delays(node.retry))


def delays(retry: RetryPolicy) -> list[int]:
    """Give the delay before each try but the first, in milliseconds."""
    return [min(_delay(retry, n), retry.max_delay) for n in range(1, retry.max_attempts)]


def _delay(retry: RetryPolicy, n: int) -> int:
    match retry.backoff:
        case "constant":
            return retry.initial_delay
        case "linear":
            return retry.initial_delay * n
        case "exponential":
            return retry.initial_delay << (n - 1)
