"""Each vertex of a directed graph gets a layer, so that every edge runs from a lower layer to a higher one.

- Vertices are 0..n-1 and edges are pairs of them; there are no loops. The same graph gives the same layers.
- Edges that close a circle are turned around first; which they are depends on the order of vertices and edges alone.
- Nothing recurses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import ceil, sqrt

Edge = tuple[int, int]


def neighbours(n: int, edges: Sequence[Edge]) -> tuple[list[list[int]], list[list[int]]]:
    """Give for each vertex where its edges come from, and where they lead."""
    before: list[list[int]] = [[] for _ in range(n)]
    after: list[list[int]] = [[] for _ in range(n)]
    for tail, head in edges:
        after[tail].append(head)
        before[head].append(tail)
    return before, after


def closing(n: int, edges: Sequence[Edge]) -> set[Edge]:
    """Find edges without which there is no circle: those that lead back on a walk in depth, from the sources on."""
    before, after = neighbours(n, edges)
    seen, finished = [False] * n, [False] * n
    back: set[Edge] = set()
    for start in sorted(range(n), key=lambda vertex: len(before[vertex]) > 0):
        if seen[start]:
            continue
        seen[start] = True
        walk = [(start, iter(after[start]))]
        while walk:
            vertex, rest = walk[-1]
            following = next(rest, None)
            if following is None:
                finished[vertex] = True
                walk.pop()
            elif not seen[following]:
                seen[following] = True
                walk.append((following, iter(after[following])))
            elif not finished[following]:
                back.add((vertex, following))
    return back


def order_of(before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> list[int]:
    """Give the vertices of a graph without circles so that every edge leads onward."""
    waiting = [len(tails) for tails in before]
    order = [vertex for vertex, count in enumerate(waiting) if not count]
    for vertex in order:
        for head in after[vertex]:
            waiting[head] -= 1
            if not waiting[head]:
                order.append(head)
    return order


def layers_of(n: int, edges: Sequence[Edge]) -> list[int]:
    """Give each vertex of a graph without circles its layer from 0 on: the longest way to it, then drawn closer."""
    before, after = neighbours(n, edges)
    order = order_of(before, after)
    layers = [0] * n
    for vertex in order:
        for head in after[vertex]:
            layers[head] = max(layers[head], layers[vertex] + 1)
    for _ in range(8):
        moved = [_draw_closer(vertex, layers, before, after) for vertex in (*reversed(order), *order)]
        if not any(moved):
            break
    layers = _closed_up(layers)
    _spread(layers, before, after)
    return _closed_up(layers)


def _draw_closer(
    vertex: int, layers: list[int], before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]
) -> bool:
    """Move a vertex to the side where it has more edges, as far as they let it; tell whether it moved."""
    tails, heads = before[vertex], after[vertex]
    if len(heads) > len(tails):
        wanted = min(layers[head] for head in heads) - 1
    elif len(tails) > len(heads):
        wanted = max(layers[tail] for tail in tails) + 1
    else:
        return False
    is_moved = wanted != layers[vertex]
    layers[vertex] = wanted
    return is_moved


def _spread(layers: list[int], before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> None:
    """Move what is too much for one layer to the layers before it, from the last one on, so that none is too high.

    Of vertices that lead to the same ones, some stay and some move, so that these lie in a block beside them.
    """
    most = max(10, ceil(2 * sqrt(len(layers))))
    members: dict[int, set[int]] = defaultdict(set)
    for vertex, layer in enumerate(layers):
        members[layer].add(vertex)
    number = max(layers, default=0)
    while members[number]:
        for vertex in _surplus(members[number], most, before, after):
            _move_back(vertex, layers, members, before)
        number -= 1


def _surplus(
    members: set[int], most: int, before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]
) -> list[int]:
    """Choose what moves: of what nothing leads to, if this is enough, since it takes nothing along."""
    free = [vertex for vertex in members if not before[vertex]]
    bound = len(members) - len(free)
    chosen = free if bound <= most // 2 else [*members]
    columns = ceil(len(members) / most)
    chosen.sort(key=lambda vertex: (sorted(after[vertex]), vertex))
    return [vertex for n, vertex in enumerate(chosen) if n % columns]


def _move_back(vertex: int, layers: list[int], members: dict[int, set[int]], before: Sequence[Sequence[int]]) -> None:
    """Move a vertex to the layer before its own, and those before it out of the way."""
    waiting = [(vertex, layers[vertex] - 1)]
    while waiting:
        moving, layer = waiting.pop()
        if layers[moving] > layer:
            members[layers[moving]].discard(moving)
            members[layer].add(moving)
            layers[moving] = layer
            waiting.extend((tail, layer - 1) for tail in before[moving])


def _closed_up(layers: Sequence[int]) -> list[int]:
    """Number the layers that have a vertex from 0 on."""
    numbers = {layer: n for n, layer in enumerate(sorted(set(layers)))}
    return [numbers[layer] for layer in layers]
