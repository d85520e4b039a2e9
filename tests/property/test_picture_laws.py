"""Whatever the graph and its texts: all of it is drawn, nothing overlaps, the order of telling does not matter."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import combinations, pairwise
from xml.etree import ElementTree as ET

from effort import tries
from hypothesis import given, settings
from hypothesis import strategies as st

from gitreg.pictures import Arrow, Box, Picture, dot, mermaid, svg
from gitreg.pictures._lanes import lanes_of
from gitreg.pictures._layers import closing, layers_of, neighbours
from gitreg.pictures._layout import Edge, Layout, Place, Point, laid_out
from gitreg.pictures._ordering import crossings, first_orders, ordered
from gitreg.pictures._places import BOX_GAP, centres_of
from gitreg.pictures._text import cut, width_of

SVG = "{http://www.w3.org/2000/svg}"
laws = settings(max_examples=tries(40, 600), deadline=None)

texts = st.text(st.characters(exclude_categories=()), max_size=12)
pairs = st.tuples(st.integers(0, 13), st.integers(0, 13))


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    ids = draw(st.lists(texts, unique=True, min_size=1, max_size=10))
    boxes = tuple(
        Box(id_, draw(texts), tuple(draw(st.lists(texts, max_size=3))), draw(texts), draw(st.none() | texts), *flags)
        for id_ in ids
        for flags in [draw(st.tuples(st.booleans(), st.booleans()))]
    )
    ends = st.sampled_from(ids)
    labels = st.sampled_from(["", "uses", "validates", draw(texts)])
    arrows = draw(st.lists(st.builds(Arrow, ends, ends, labels, st.booleans()), max_size=24, unique=True))
    return Picture(draw(texts), boxes, tuple(arrows), draw(texts), draw(texts))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """Draw graphs without loops; circles and several edges between the same two are there."""
    edges = draw(st.lists(pairs, max_size=40))
    return 14, [edge for edge in edges if edge[0] != edge[1]]


@st.composite
def trees(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Draw trees that grow away from vertex 0, their vertices renamed."""
    size = draw(st.integers(1, 60))
    names = draw(st.permutations(range(size)))
    return [(names[draw(st.integers(0, n - 1))], names[n]) for n in range(1, size)]


def onward(n: int, edges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    back = closing(n, edges)
    return [edge[::-1] if edge in back else edge for edge in edges]


@laws
@given(pictures())
def test_every_box_and_every_arrow_is_drawn_and_the_text_is_xml(picture: Picture) -> None:
    root = ET.fromstring(svg(picture).encode())  # noqa: S314 - our own XML
    body = root.findall(f"{SVG}g")[-1]
    groups = [group for group in body.iter(f"{SVG}g") if group.find(f"{SVG}title") is not None]
    arrows = [group for group in groups if (group.get("class") or "").startswith("w ")]
    assert len(arrows) == len(picture.arrows)
    assert len(groups) - len(arrows) == len(picture.boxes)


@laws
@given(pictures())
def test_every_box_and_every_arrow_is_one_line_of_mermaid_and_of_dot(picture: Picture) -> None:
    flowchart, digraph = mermaid(picture).splitlines(), dot(picture).splitlines()
    assert sum(bool(re.match(r'    n\d+\["', line)) for line in flowchart) == len(picture.boxes)
    assert sum(bool(re.match(r"    n\d+ -", line)) for line in flowchart) == len(picture.arrows)
    assert sum(bool(re.match(r"    n\d+ \[label=", line)) for line in digraph) == len(picture.boxes)
    assert sum(bool(re.match(r"    n\d+ -> n\d+ \[", line)) for line in digraph) == len(picture.arrows)
    assert all(re.fullmatch(r'([^"]|"([^"\\]|\\.)*")*', line) for line in digraph)


@laws
@given(pictures(), st.randoms(use_true_random=False))
def test_the_order_of_telling_does_not_matter(picture: Picture, chance: random.Random) -> None:
    boxes, arrows = [*picture.boxes], [*picture.arrows]
    chance.shuffle(boxes)
    chance.shuffle(arrows)
    other = Picture(picture.title, tuple(boxes), tuple(arrows), picture.caption, picture.dashed)
    assert [draw(other) for draw in (svg, mermaid, dot)] == [draw(picture) for draw in (svg, mermaid, dot)]


@laws
@given(graphs())
def test_every_edge_runs_to_a_higher_layer_but_those_that_close_a_circle(
    graph: tuple[int, list[tuple[int, int]]],
) -> None:
    n, edges = graph
    turned = onward(n, edges)
    layers = layers_of(n, turned)
    assert all(layers[tail] < layers[head] for tail, head in turned)
    assert sorted(set(layers)) == list(range(max(layers) + 1))


@laws
@given(graphs())
def test_a_graph_without_circles_has_no_edge_turned_around(graph: tuple[int, list[tuple[int, int]]]) -> None:
    n, edges = graph
    assert closing(n, [(min(edge), max(edge)) for edge in edges]) == set()


@laws
@given(graphs())
def test_the_order_never_has_more_crossings_than_the_first_one(graph: tuple[int, list[tuple[int, int]]]) -> None:
    n, edges = graph
    edges = onward(n, edges)
    lanes = lanes_of(layers_of(n, edges), edges, [0] * len(edges))
    _, after = neighbours(len(lanes.layers), lanes.steps)
    order = ordered(lanes.layers, lanes.steps)
    assert sorted(vertex for layer in order for vertex in layer) == list(range(len(lanes.layers)))
    assert crossings(order, after) == crossings_by_pairs(order, lanes.steps)
    assert crossings(order, after) <= min(crossings(first, after) for first in first_orders(lanes.layers, lanes.steps))


def crossings_by_pairs(order: Sequence[Sequence[int]], steps: Sequence[tuple[int, int]]) -> int:
    """Count crossings the plain way."""
    spot = {vertex: (number, place) for number, layer in enumerate(order) for place, vertex in enumerate(layer)}
    spans = [(*spot[tail], spot[head][1]) for tail, head in steps]
    return sum(one[0] == two[0] and (one[1] - two[1]) * (one[2] - two[2]) < 0 for one, two in combinations(spans, 2))


@laws
@given(graphs(), st.lists(st.integers(0, 2), min_size=40, max_size=40))
def test_a_lane_is_of_one_end_and_one_style(graph: tuple[int, list[tuple[int, int]]], styles: list[int]) -> None:
    n, edges = graph
    edges = onward(n, edges)
    lanes = lanes_of(layers_of(n, edges), edges, styles[: len(edges)])
    users: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for (tail, head), style, way in zip(edges, styles, lanes.ways, strict=False):
        assert way[0] == tail
        assert way[-1] == head
        for lane in way[1:-1]:
            users[lane].append((tail, head, style))
    for tails, heads, styles_ in (map(set, zip(*edges_, strict=True)) for edges_ in users.values()):
        assert len(styles_) == 1
        assert len(tails) == 1 or len(heads) == 1


def test_long_edges_to_one_box_or_from_one_run_together() -> None:
    chain = list(pairwise(range(6)))
    for hub in ([(n, 5) for n in range(6, 30)], [(0, n) for n in range(6, 30)]):
        edges = [*chain, *hub]
        lanes = lanes_of([0, 1, 2, 3, 4, 5] + [0 if hub[0][1] == 5 else 5] * 24, edges, [0] * len(edges))
        assert len(lanes.layers) == 30 + 4


def test_edges_of_different_styles_meet_a_box_apart() -> None:
    layout = laid_out([(80.0, 20.0)] * 2, [Edge(0, 1, style) for style in range(6)])
    heights = sorted(route.points[-1][1] for route in layout.routes.values())
    assert all(two - one > 10 for one, two in pairwise(heights))


@laws
@given(trees())
def test_a_tree_has_no_crossings_whichever_way_it_grows(tree: list[tuple[int, int]]) -> None:
    for edges in (tree, [edge[::-1] for edge in tree]):
        n = len(edges) + 1
        lanes = lanes_of(layers_of(n, edges), edges, [0] * len(edges))
        assert crossings(ordered(lanes.layers, lanes.steps), neighbours(len(lanes.layers), lanes.steps)[1]) == 0


def a_layout(graph: tuple[int, list[tuple[int, int]]], styles: int) -> tuple[Layout, list[Edge]]:
    n, pairs_ = graph
    edges = [Edge(tail, head, k % styles, 30.0 * (k % 3)) for k, (tail, head) in enumerate(pairs_)]
    return laid_out([(60.0 + 20 * (box % 4), 34.0 + 12 * (box % 3)) for box in range(n)], edges), edges


def is_apart(one: Place, two: Place) -> bool:
    return (
        one.x + one.width <= two.x
        or two.x + two.width <= one.x
        or one.y + one.height <= two.y
        or two.y + two.height <= one.y
    )


@laws
@given(graphs(), st.integers(1, 3))
def test_boxes_do_not_overlap_and_stay_within_the_picture(
    graph: tuple[int, list[tuple[int, int]]], styles: int
) -> None:
    layout, _ = a_layout(graph, styles)
    assert len(layout.places) == graph[0]
    assert all(is_apart(one, two) for one, two in combinations(layout.places.values(), 2))
    for place in layout.places.values():
        assert -0.01 <= place.x <= place.x + place.width <= layout.width + 0.01
        assert -0.01 <= place.y <= place.y + place.height <= layout.height + 0.01


def bend(one: Point, two: Point, t: float) -> Point:
    """Give the point of the curve that is drawn between two points of a route."""
    rise = 3 * t * t * (1 - t) + t**3
    run = 1.5 * t * (1 - t) ** 2 + 1.5 * t * t * (1 - t) + t**3
    return one[0] + (two[0] - one[0]) * run, one[1] + (two[1] - one[1]) * rise


def is_inside(point: Point, place: Place) -> bool:
    return (
        place.x + 0.5 < point[0] < place.x + place.width - 0.5
        and place.y + 0.5 < point[1] < place.y + place.height - 0.5
    )


@laws
@given(graphs(), st.integers(1, 3))
def test_no_edge_runs_through_a_box(graph: tuple[int, list[tuple[int, int]]], styles: int) -> None:
    layout, edges = a_layout(graph, styles)
    assert len(layout.routes) == len(edges)
    for route in layout.routes.values():
        drawn = [bend(one, two, n / 10) for one, two in pairwise(route.points) for n in range(11)]
        assert not any(is_inside(point, place) for point in drawn for place in layout.places.values())
        assert all(one[0] <= two[0] + 0.01 for one, two in pairwise(drawn))


@laws
@given(graphs(), st.integers(1, 3))
def test_every_edge_meets_the_sides_of_its_two_boxes(graph: tuple[int, list[tuple[int, int]]], styles: int) -> None:
    layout, edges = a_layout(graph, styles)
    for number, route in layout.routes.items():
        ends = [layout.places[edges[number].tail], layout.places[edges[number].head]]
        left, right = ends[::-1] if route.is_turned else ends
        (x1, y1), (x2, y2) = route.points[0], route.points[-1]
        assert abs(left.x + left.width - x1) < 0.01
        assert left.y < y1 < left.y + left.height
        assert abs(right.x - x2) < 0.01
        assert right.y < y2 < right.y + right.height


@laws
@given(graphs())
def test_vertices_of_a_layer_keep_their_order_and_their_gaps(graph: tuple[int, list[tuple[int, int]]]) -> None:
    n, edges = graph
    edges = onward(n, edges)
    lanes = lanes_of(layers_of(n, edges), edges, [0] * len(edges))
    order = ordered(lanes.layers, lanes.steps)
    sizes = [20.0 + 5 * (vertex % 3) if vertex < n else 2.0 for vertex in range(len(lanes.layers))]
    centres = centres_of(order, lanes.steps, sizes, n)
    for layer in order:
        for one, two in pairwise(layer):
            gap = centres[two] - sizes[two] / 2 - centres[one] - sizes[one] / 2
            assert gap > (BOX_GAP if one < n and two < n else 0.0) - 0.01


@laws
@given(texts, st.floats(20, 200))
def test_a_cut_text_fits_and_a_short_one_is_whole(text: str, room: float) -> None:
    shown = cut(text * 3, 12, room)
    assert width_of(shown, 12) <= room + 0.01
    assert shown == text * 3 or width_of(text * 3, 12) > room


def test_a_chain_of_ten_thousand_and_a_circle_of_them_are_put_in_layers() -> None:
    n = 10_000
    chain = list(pairwise(range(n)))
    circle = [*chain, (n - 1, 0)]
    assert layers_of(n, onward(n, chain)) == list(range(n))
    assert closing(n, circle) == {(n - 1, 0)}
    lanes = lanes_of(layers_of(n, chain), chain, [0] * len(chain))
    order = ordered(lanes.layers, lanes.steps)
    assert len(set(centres_of(order, lanes.steps, [34.0] * n, n))) == 1


def test_the_many_neighbours_of_one_box_are_spread_over_several_layers() -> None:
    star = [(0, n) for n in range(1, 200)]
    for edges in (star, [edge[::-1] for edge in star]):
        layers = layers_of(200, edges)
        assert max(Counter(layers).values()) < 40
        assert all(layers[tail] < layers[head] for tail, head in edges)


def test_a_long_edge_is_straight_where_nothing_is_in_its_way() -> None:
    edges = [Edge(n, n + 1, 0) for n in range(6)] + [Edge(0, 6, 1)]
    layout = laid_out([(80.0, 34.0)] * 7, edges)
    assert len({round(y, 3) for _, y in layout.routes[6].points[1:-1]}) == 1


def test_coordinates_have_one_decimal_at_most() -> None:
    picture = Picture("", (), tuple(Arrow(f"a{n}", f"a{n * n % 17}") for n in range(17)))
    assert not re.search(r"\d\.\d\d", svg(picture).split("</style>")[1])
