"""A whole graph laid out from left to right: where each box stands and which way each edge goes, in px.

- Boxes stand in columns. Edges bend between columns only, and cross a column in a lane of their own, so none runs
  through a box that is not its end.
- Parts that nothing joins are laid out apart and put below and beside each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Final

from gitreg.pictures._lanes import Lanes, lanes_of
from gitreg.pictures._layers import closing, layers_of
from gitreg.pictures._ordering import Order, ordered
from gitreg.pictures._picture import too_large
from gitreg.pictures._places import centres_of

Point = tuple[float, float]
MOST_STEPS: Final = 25_000
"""Steps from one column to the next that all edges together may make; ordering them takes about 0.15 ms each."""
_LANE = 2.0
_PART_GAP = 36.0
_PORT_GAP = 12.0
_ARROW_ROOM = 46.0


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge between the numbers of two boxes; edges of one style share ports and lanes; room in px for a label."""

    tail: int
    head: int
    style: int
    label_room: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a box stands."""

    x: float
    y: float
    width: float
    height: float

    def moved(self, x: float, y: float) -> Place:
        """Give the place moved to the right and down."""
        return Place(self.x + x, self.y + y, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Route:
    """The way of an edge from left to right, through these points: straight where two are on one height, else bent.

    A turned one has its arrow head at its left end. A loop has the two points of its box
    where it hangs, and where its label stands.
    """

    points: tuple[Point, ...]
    is_turned: bool = False

    def moved(self, x: float, y: float) -> Route:
        """Give the way moved to the right and down."""
        return Route(tuple((a + x, b + y) for a, b in self.points), self.is_turned)


@dataclass(frozen=True, slots=True)
class Layout:
    """Places by the number of the box, routes by the number of the edge, and the size of it all."""

    places: dict[int, Place]
    routes: dict[int, Route]
    width: float
    height: float


def laid_out(sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]) -> Layout:
    """Lay out boxes of these widths and heights, which may grow where many edges end.

    Raise UsageError where the edges are too many and too long for it to be done in seconds.
    """
    joined = [_joined(boxes, numbers, edges) for boxes, numbers in _parts(len(sizes), edges)]
    steps = sum(len(part.lanes.steps) for part in joined)
    if steps > MOST_STEPS:
        raise too_large(f"arrows that make {steps} steps from column to column", f"at most {MOST_STEPS}")
    parts = [_part(part, [sizes[box] for box in part.boxes]) for part in joined]
    area = sum((part.width + _PART_GAP) * (part.height + _PART_GAP) for part in parts)
    most = max([sqrt(area) * 1.3, *(part.width for part in parts)])
    places: dict[int, Place] = {}
    routes: dict[int, Route] = {}
    x = y = shelf = width = 0.0
    for part in parts:
        if x + part.width > most:
            x, y, shelf = 0.0, y + shelf + _PART_GAP, 0.0
        places |= {box: place.moved(x, y) for box, place in part.places.items()}
        routes |= {edge: route.moved(x, y) for edge, route in part.routes.items()}
        x, shelf, width = x + part.width + _PART_GAP, max(shelf, part.height), max(width, x + part.width)
    return Layout(places, routes, width, y + shelf)


def _parts(boxes: int, edges: Sequence[Edge]) -> list[tuple[list[int], list[int]]]:
    """Give the boxes and the edges of each part that hangs together, the largest first."""
    joined: list[list[int]] = [[] for _ in range(boxes)]
    for edge in edges:
        joined[edge.tail].append(edge.head)
        joined[edge.head].append(edge.tail)
    part_of = [-1] * boxes
    parts: list[tuple[list[int], list[int]]] = []
    for start in range(boxes):
        if part_of[start] < 0:
            part_of[start] = len(parts)
            found = [start]
            for box in found:
                for other in joined[box]:
                    if part_of[other] < 0:
                        part_of[other] = len(parts)
                        found.append(other)
            parts.append((sorted(found), []))
    for number, edge in enumerate(edges):
        parts[part_of[edge.tail]][1].append(number)
    return sorted(parts, key=lambda part: -len(part[0]))


@dataclass(frozen=True, slots=True)
class _Joints:
    """The proper edges of a part by number: their ends from left to right, style and whether turned, label room."""

    numbers: list[int]
    pairs: list[tuple[int, int]]
    styles: list[tuple[int, bool]]
    rooms: list[float]


@dataclass(frozen=True, slots=True)
class _Joined:
    """A part before it is laid out: its boxes, its proper edges and their lanes, its loops by number."""

    boxes: Sequence[int]
    joints: _Joints
    lanes: Lanes
    loops: dict[int, Edge]


def _joined(boxes: Sequence[int], numbers: Sequence[int], edges: Sequence[Edge]) -> _Joined:
    local = {box: n for n, box in enumerate(boxes)}
    inner = {n: replace(edges[n], tail=local[edges[n].tail], head=local[edges[n].head]) for n in numbers}
    joints = _joints(len(boxes), {n: edge for n, edge in inner.items() if edge.tail != edge.head})
    lanes = lanes_of(layers_of(len(boxes), joints.pairs), joints.pairs, joints.styles)
    return _Joined(boxes, joints, lanes, {n: edge for n, edge in inner.items() if edge.tail == edge.head})


def _part(part: _Joined, sizes: Sequence[tuple[float, float]]) -> Layout:
    boxes, joints, lanes, loops = part.boxes, part.joints, part.lanes, part.loops
    order = ordered(lanes.layers, lanes.steps)
    heights = _heights([height for _, height in sizes], joints)
    centres = centres_of(order, lanes.steps, [*heights, *[_LANE] * (len(lanes.layers) - len(boxes))], len(boxes))
    gaps = _gaps(centres, lanes, joints.rooms, loops)
    columns = _columns(order, [width for width, _ in sizes], gaps)
    places = [
        Place(columns[layer][0], centres[n] - height / 2, columns[layer][1] - columns[layer][0], height)
        for n, (layer, height) in enumerate(zip(lanes.layers, heights, strict=False))
    ]
    routes = _routes(joints, lanes, places, columns, centres) | _loops(loops, places)
    width = columns[-1][1] + (gaps[len(order)] if loops else 0.0)
    height = max([*(place.y + place.height for place in places), *centres, *(routes[n].points[-1][1] for n in loops)])
    return Layout(dict(zip(boxes, places, strict=True)), routes, width, height)


def _joints(boxes: int, edges: dict[int, Edge]) -> _Joints:
    pairs = [(edge.tail, edge.head) for edge in edges.values()]
    back = closing(boxes, pairs)
    onward = [pair[::-1] if pair in back else pair for pair in pairs]
    styles = [(edge.style, pair in back) for edge, pair in zip(edges.values(), pairs, strict=True)]
    return _Joints([*edges], onward, styles, [edge.label_room for edge in edges.values()])


def _heights(heights: Sequence[float], joints: _Joints) -> list[float]:
    """Let boxes grow so that the ports of one side have room."""
    ports: dict[tuple[int, bool], set[tuple[int, bool]]] = defaultdict(set)
    for pair, style in zip(joints.pairs, joints.styles, strict=True):
        for box, is_left in zip(pair, (False, True), strict=True):
            ports[box, is_left].add(style)
    most: dict[int, int] = defaultdict(int)
    for (box, _), styles in ports.items():
        most[box] = max(most[box], len(styles))
    return [max(height, most[box] * _PORT_GAP + 4) for box, height in enumerate(heights)]


def _gaps(centres: Sequence[float], lanes: Lanes, rooms: Sequence[float], loops: dict[int, Edge]) -> dict[int, float]:
    """Give the room before each column: for arrow heads, for bends (more where they are steep) and for labels."""
    bends: dict[int, float] = defaultdict(float)
    counts: dict[int, int] = defaultdict(int)
    for one, two in lanes.steps:
        layer = lanes.layers[two]
        bends[layer] = max(bends[layer], abs(centres[one] - centres[two]))
        counts[layer] += 1
    labels: dict[int, float] = defaultdict(float)
    ends = [(way[-1], room) for way, room in zip(lanes.ways, rooms, strict=True)]
    for layer, room in [
        *((lanes.layers[end], room) for end, room in ends),
        *((lanes.layers[edge.tail] + 1, edge.label_room) for edge in loops.values()),
    ]:
        labels[layer] = max(labels[layer], room)
    return {
        layer: _ARROW_ROOM + min(90.0, bends[layer] * 0.12 + counts[layer] * 0.4) + labels[layer]
        for layer in range(1, max(lanes.layers) + 2)
    }


def _columns(order: Order, widths: Sequence[float], gaps: dict[int, float]) -> list[tuple[float, float]]:
    """Give each layer the left and the right side of its column."""
    columns: list[tuple[float, float]] = []
    x = 0.0
    for number, layer in enumerate(order):
        x += gaps[number] if number else 0.0
        width = max((widths[vertex] for vertex in layer if vertex < len(widths)), default=0.0)
        columns.append((x, x + width))
        x += width
    return columns


def _routes(
    joints: _Joints,
    lanes: Lanes,
    places: Sequence[Place],
    columns: Sequence[tuple[float, float]],
    centres: Sequence[float],
) -> dict[int, Route]:
    ports = _ports(joints, lanes, places, centres)
    routes: dict[int, Route] = {}
    joined = zip(joints.numbers, lanes.ways, joints.styles, joints.rooms, strict=True)
    for number, way, style, room in joined:
        points = [(columns[lanes.layers[way[0]]][1], ports[way[0], False, style])]
        for lane in way[1:-1]:
            points += [(x, centres[lane]) for x in columns[lanes.layers[lane]]]
        end = (columns[lanes.layers[way[-1]]][0], ports[way[-1], True, style])
        if room:
            points.append((end[0] - room, end[1]))
        points.append(end)
        routes[number] = Route(tuple(points), style[1])
    return routes


def _ports(
    joints: _Joints, lanes: Lanes, places: Sequence[Place], centres: Sequence[float]
) -> dict[tuple[int, bool, tuple[int, bool]], float]:
    """Give each box, side (is it the left one?) and style the height where edges end, ordered by where they lead."""
    far: dict[tuple[int, bool], dict[tuple[int, bool], list[float]]] = defaultdict(lambda: defaultdict(list))
    for way, style in zip(lanes.ways, joints.styles, strict=True):
        far[way[0], False][style].append(centres[way[1]])
        far[way[-1], True][style].append(centres[way[-2]])
    ports: dict[tuple[int, bool, tuple[int, bool]], float] = {}
    for (box, is_left), styles in far.items():
        gap = min(_PORT_GAP, (places[box].height - 4) / len(styles))
        top = centres[box] - gap * (len(styles) - 1) / 2
        for n, style in enumerate(sorted(styles, key=lambda style: (_mean(styles[style]), style))):
            ports[box, is_left, style] = top + gap * n
    return ports


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _loops(loops: dict[int, Edge], places: Sequence[Place]) -> dict[int, Route]:
    """Hang each loop at the right side of its box, those of one box within each other, its label below."""
    routes: dict[int, Route] = {}
    counts: dict[int, int] = defaultdict(int)
    for number, edge in loops.items():
        place, n = places[edge.tail], counts[edge.tail]
        counts[edge.tail] += 1
        step = min(3.0 * n, place.height / 4)
        right, bottom = place.x + place.width, place.y + place.height
        routes[number] = Route(
            ((right, place.y + 6 + step), (right, bottom - 6 - step), (right + 8, bottom + 7 + 11 * n))
        )
    return routes
