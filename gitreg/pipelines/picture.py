"""A pipeline's graph as a picture: a box for each stage, an arrow for each flow, its input and output at the ends.

- A dashed arrow is a flow that is not proved to fit. A stage whose model means nothing is faded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from gitreg.pictures import Arrow, Box, Picture

INPUT: Final = "(input)"
OUTPUT: Final = "(output)"
"""Ids that no stage can have."""
_VERDICTS: Final = {"fits": "", "does-not": "does not fit", "unknown": "not known to fit"}


def picture_of(data: Mapping[str, Any], href: Callable[[str], str | None] = lambda _: None) -> Picture:
    """Draw what `dag_data` tells; `href` gives the link to the record of a ref."""
    return Picture(
        title=data["ref"],
        boxes=tuple(_boxes(data, href)),
        arrows=tuple(_arrows(data)),
        caption=_caption(data),
        dashed="not proved to fit",
    )


def _boxes(data: Mapping[str, Any], href: Callable[[str], str | None]) -> Iterator[Box]:
    if data["inputs"]:
        yield Box(INPUT, "input")
    for stage in data["stages"]:
        means = stage["means"]
        yield Box(
            id=stage["id"],
            title=stage["id"],
            lines=tuple(_lines(stage)),
            kind="Model" if stage["type"] == "model" else stage["type"],
            href=href(means) if means else None,
            is_faded=bool(stage["model"]) and means is None,
        )
    if data["outputs"]:
        yield Box(OUTPUT, "output")


def _lines(stage: Mapping[str, Any]) -> Iterator[str]:
    if stage["model"]:
        yield stage["model"].rpartition("/")[2]
        yield f"means {stage['means'].rpartition('@')[2]}" if stage["means"] else "means nothing"
    if stage["worstTime"] is not None:
        yield f"at most {stage['worstTime']:,} ms"


def _arrows(data: Mapping[str, Any]) -> Iterator[Arrow]:
    for end in data["inputs"]:
        yield _arrow(INPUT, end["node"], end["port"] or "", end)
    for flow in data["flows"]:
        one, other = flow["from"], flow["to"]
        ports = one["port"] if one["port"] == other["port"] else f"{one['port']} -> {other['port']}"
        yield _arrow(one["node"], other["node"], ports, flow)
    for end in data["outputs"]:
        yield _arrow(end["node"], OUTPUT, end["port"] or "", end)


def _arrow(source: str, target: str, ports: str, judged: Mapping[str, Any]) -> Arrow:
    label = ": ".join(word for word in (ports, _VERDICTS[judged["verdict"]]) if word)
    return Arrow(source, target, label, is_dashed=judged["verdict"] != "fits")


def _caption(data: Mapping[str, Any]) -> str:
    path = data["criticalPath"]
    stages = f"{len(path['stages'])} stage{'s' * (len(path['stages']) != 1)}"
    told = f"{path['milliseconds']:,} ms at the worst" if path["by"] == "time" else stages
    return f"{_VERDICTS[data['verdict']] or 'fits'} from end to end; the longest way takes {told}"
