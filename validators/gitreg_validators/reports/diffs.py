"""A diff in the registry's terms as text for a terminal, and as Markdown with a graph that GitHub draws.

- What manifests say is only shown: it cannot steer a terminal, open a tag, ping a person or break out of the graph.
- Long lists are folded; the Markdown stays below GitHub's limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from gitreg.cli.output import shown
from gitreg.compatibility import Difference
from gitreg.graph import Consumer
from gitreg_validators.diffing import HAPPENINGS, AliasMove, Diff, RecordDiff
from gitreg_validators.reports._words import counted
from gitreg_validators.reports.markdown import MOST_BODY, code, prose

MARKER: Final = "<!-- gitreg: diff -->"
MOST_FIELDS: Final = 30
MOST_USERS: Final = 20
MOST_NODES: Final = 60
MOST_VALUE: Final = 80
_SIGNS: Final = {"added": "+", "changed": "~", "deprecated": "!", "retired": "x", "removed": "-", "unreadable": "?"}


def write_diff_text(diff: Diff) -> str:
    """Write a diff for a terminal."""
    lines: list[str] = []
    for record in diff.records:
        lines += [*_record_lines(record), ""]
    lines += [f"alias {move.alias} of {move.ref}: {_moved(move)}" for move in diff.aliases]
    lines += [f"other file: {path}" for path in diff.others[:MOST_USERS]]
    if len(diff.others) > MOST_USERS:
        lines.append(f"and {len(diff.others) - MOST_USERS} more files that are no records")
    lines.append(_sum(diff))
    return "\n".join(shown(line) for line in lines) + "\n"


def _record_lines(record: RecordDiff) -> Iterator[str]:
    impact = f" ({record.impact.value})" if record.impact else ""
    against = f", against {record.compared_with}" if record.compared_with not in (None, record.ref) else ""
    yield f"{_SIGNS[record.change]} {record.change} {record.ref}{impact}{against}"
    yield from (f"    {finding.says}" for finding in record.findings)
    yield from (f"    {each.impact.value:<10} {_field(each)}" for each in record.differences[:MOST_FIELDS])
    if len(record.differences) > MOST_FIELDS:
        yield f"    and {len(record.differences) - MOST_FIELDS} more fields"
    if record.deserves and record.deserves.bump != "none":
        yield f"    {_deserves(record)}"
    if record.consumers:
        yield f"    used by {_users(record)}:"
        yield from (f"      {' <- '.join(consumer.path)}" for consumer in record.consumers[:MOST_USERS])
        if len(record.consumers) > MOST_USERS:
            yield f"      and {len(record.consumers) - MOST_USERS} more"


def _field(each: Difference) -> str:
    return f"{each.path}: {_values(each)} ({each.says})"


def _values(each: Difference) -> str:
    return f"{_value(each.before)} -> {_value(each.after)}"


def _value(value: Any) -> str:
    """Give a value in a few words: JSON, cut short."""
    if value is None:
        return "not stated"
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    flat = " ".join(text.split())
    return flat if len(flat) <= MOST_VALUE else f"{flat[: MOST_VALUE - 3]}..."


def _deserves(record: RecordDiff) -> str:
    deserves = record.deserves
    assert deserves is not None, "asked for a record that has one"  # noqa: S101
    return f"deserves a {deserves.bump} version ({deserves.version}); this is a {deserves.given} one"


def _users(record: RecordDiff) -> str:
    number = counted(len(record.consumers), "record")
    return number if record.is_counted else f"more than {number}"


def _moved(move: AliasMove) -> str:
    impact = f" ({move.impact.value})" if move.impact else ""
    return f"{move.before or 'not there'} -> {move.after or 'taken away'}{impact}"


def _sum(diff: Diff) -> str:
    summary: dict[str, Any] = diff.as_data()["summary"]
    parts = [f"{summary[word]:,} {word}" for word in HAPPENINGS if summary[word]]
    parts += [f"{counted(len(diff.aliases), 'alias').replace('aliass', 'aliases')} moved"] if diff.aliases else []
    parts += [f"{summary['breaking']:,} breaking"] if summary["breaking"] else []
    parts += [f"{counted(summary['consumers'], 'record')} affected"] if summary["consumers"] else []
    return ", ".join(parts) or "no record differs"


def write_diff_markdown(diff: Diff) -> str:
    """Write a diff as the body of a comment, with a graph of who uses what."""
    head = [MARKER, "### What this changes", prose(_sum(diff))]
    graph = _mermaid(diff)
    tail = ["```mermaid", *graph, "```"] if graph else []
    room = MOST_BODY - sum(len(part) for part in (*head, *tail)) - 2_000
    body: list[str] = []
    for number, record in enumerate(diff.records):
        part = "\n".join(_record_part(record))
        if len(part) > room:
            body.append(f"and {len(diff.records) - number} more records")
            break
        room -= len(part) + 2
        body.append(part)
    moves = [f"- alias {code(move.alias)} of {code(move.ref)}: {code(_moved(move))}" for move in diff.aliases[:50]]
    blocks = [*head, *body, "\n".join(moves), "\n".join(tail)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _record_part(record: RecordDiff) -> Iterator[str]:
    impact = f", {record.impact.value}" if record.impact else ""
    yield f"**{record.change}{impact}** {code(record.ref)}"
    if record.deserves and record.deserves.bump != "none":
        yield f"{prose(_deserves(record))}"
    rows = [_row(each) for each in record.differences]
    yield from _folded(rows, "fields")
    users = [f"- {' ← '.join(map(code, consumer.path))}" for consumer in record.consumers]
    if users:
        yield f"\nused by {_users(record)}"
        yield from _folded(users, "records")


def _row(each: Difference) -> str:
    return f"- {each.impact.value}: {code(each.path)} {code(_values(each))} {prose(each.says)}"


def _folded(rows: Sequence[str], what: str) -> Iterator[str]:
    """Give a few lines openly, the rest folded, and of very many the number."""
    yield from ("", *rows[:8]) if rows else ()
    more = rows[8:200]
    if more:
        yield f"\n<details><summary>{len(rows) - 8} more {what}</summary>\n"
        yield from more
        if len(rows) > 200:
            yield f"- and {len(rows) - 200} more"
        yield "\n</details>"


def _mermaid(diff: Diff) -> list[str]:
    """Draw what changes and who uses it: an arrow from each user to what it uses."""
    names: dict[str, str] = {}
    edges: dict[tuple[str, str], str] = {}
    changed: dict[str, str] = {}
    for record in diff.records:
        for consumer in record.consumers:
            new = [ref for ref in consumer.path if ref not in names]
            if len(names) + len(new) > MOST_NODES:
                break
            for ref in new:
                names[ref] = f"n{len(names)}"
            changed[record.ref] = "breaking" if record.impact and record.impact.value == "breaking" else record.change
            edges.update({key: _label(consumer, key) for key in _steps(consumer) if key not in edges})
    if not edges:
        return []
    lines = ["flowchart LR"]
    lines += [f'  {names[ref]}["{_quoted(ref)}"]' for ref in names]
    lines += [f"  {names[user]} -->|{label}| {names[used]}" for (user, used), label in edges.items()]
    lines += [f"  class {names[ref]} {word}" for ref, word in changed.items() if ref in names]
    lines.append("  classDef breaking fill:#ffd6d6,stroke:#c00,color:#000")
    others = sorted({*changed.values()} - {"breaking"})
    lines += [f"  classDef {word} fill:#fff3cd,stroke:#a80,color:#000" for word in others]
    return lines


def _steps(consumer: Consumer) -> Iterator[tuple[str, str]]:
    yield from zip(consumer.path[1:], consumer.path, strict=False)


def _label(consumer: Consumer, key: tuple[str, str]) -> str:
    return consumer.relation if key[0] == consumer.address.ref else "uses"


def _quoted(text: str) -> str:
    """Make a text fit for a label: letters, digits and the marks of refs; anything else as an entity."""
    return "".join(char if char.isalnum() or char in ":/@.-_ " else f"#{ord(char)};" for char in text[:MOST_VALUE])
