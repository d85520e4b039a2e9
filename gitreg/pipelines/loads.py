"""What compute stages ask for: the most that one batch asks for together, and the most that one stage does.

- Sums are exact. Accelerators are counted by type (`gpu:nvidia-h100`); their memory is that of each, and is not summed.
- Only what is stated is summed; stages that state no resources are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from gitreg.kinds.pipeline import Node
from gitreg.pipelines.order import RunOrder
from gitreg.pipelines.quantities import amounts_of


@dataclass(frozen=True, slots=True)
class Load:
    """Of each resource: the batch (from 0) that asks for the most and how much, and the stage that does."""

    peak: Mapping[str, tuple[Fraction, int]]
    largest: Mapping[str, tuple[Fraction, str]]
    unstated: tuple[str, ...]


def load_of(nodes: Mapping[str, Node], order: RunOrder) -> Load:
    """Sum what is asked for side by side, and find the largest stage; of equals the first."""
    asked = {stage: asked_by(node) for stage, node in nodes.items()}
    peak: dict[str, tuple[Fraction, int]] = {}
    largest: dict[str, tuple[Fraction, str]] = {}
    for n, batch in enumerate(order.batches):
        for what, amount in _sum(asked[stage] for stage in batch).items():
            if what not in peak or amount > peak[what][0]:
                peak[what] = amount, n
        for stage in batch:
            for what, amount in asked[stage].items():
                if what not in largest or amount > largest[what][0]:
                    largest[what] = amount, stage
    return Load(peak, largest, tuple(stage for stage in nodes if not asked[stage]))


def asked_by(node: Node) -> dict[str, Fraction]:
    """Give the amounts that can be summed of what a stage asks for."""
    found = {what: amount for what, (amount, _) in amounts_of(node.resources).items() if not what.startswith("gpu.")}
    gpu = node.resources.gpu if node.resources else None
    return found | ({f"gpu:{gpu.type}": Fraction(gpu.count)} if gpu else {})


def _sum(amounts: Iterable[Mapping[str, Fraction]]) -> dict[str, Fraction]:
    total: dict[str, Fraction] = {}
    for each in amounts:
        for what, amount in each.items():
            total[what] = total.get(what, Fraction(0)) + amount
    return total
