"""What commands print: JSON and tables on stdout, remarks and progress on stderr.

- JSON is the same bytes wherever it goes: UTF-8, two spaces, keys in the order given, a final newline.
- A table is laid out on a terminal; in a pipe it is one line a row, cells by tabs, no header.
- Colours and progress only on a terminal; nothing that a manifest says can steer the terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TextIO

import orjson
import typer

from gitreg.errors import GitregError

Step = Callable[[int], None]


def print_json(data: object) -> None:
    """Print data as JSON."""
    print_bytes(json_bytes(data))


def json_bytes(data: object) -> bytes:
    """Write data as JSON."""
    try:
        return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:  # a lone surrogate: a file name that is not UTF-8
        return orjson.dumps(_encodable(data), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def print_bytes(raw: bytes) -> None:
    """Print bytes as they are, whatever encoding the terminal claims."""
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:
        sys.stdout.write(raw.decode("utf-8", "backslashreplace"))
        return
    sys.stdout.flush()
    binary.write(raw)
    binary.flush()


def print_line(text: str = "") -> None:
    """Print one line."""
    sys.stdout.write(f"{shown(text)}\n")


def print_text(text: str) -> None:
    """Print text of several lines."""
    for line in text.split("\n"):
        print_line(line)


def remark(text: str) -> None:
    """Say something beside the answer: on stderr."""
    sys.stderr.write(f"{shown(text)}\n")


def remark_block(text: str) -> None:
    """Say several lines that are fit to be shown already."""
    sys.stderr.write(f"{text}\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under the names of their columns; None is an empty cell."""
    cells = ([shown("" if cell is None else str(cell)) for cell in row] for row in rows)
    if not is_terminal(sys.stdout):
        for row in cells:
            sys.stdout.write("\t".join(row) + "\n")
        return
    # 60 ms that a pipe need not pay
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.upper(), overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    Console(file=sys.stdout, highlight=False).print(table)


@contextmanager
def progress(label: str, *, total: int | None = None, silent: bool = False) -> Iterator[Step]:
    """Show on a terminal's stderr how far a long work is; gives the function that counts steps.

    `silent` is for --json and --quiet; in a pipe nothing is shown either.
    """
    if silent or not is_terminal(sys.stderr):
        yield _no_step
        return
    # as above
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda steps: bar.advance(task, steps)


def _no_step(steps: int) -> None:
    """Count nothing."""


def is_terminal(stream: TextIO) -> bool:
    """Tell whether a person reads the stream."""
    try:
        return stream.isatty()
    except ValueError:  # it is closed
        return False


def shown(text: str) -> str:
    """Escape what a terminal would obey instead of show: controls, tabs and line ends, bytes that are no text."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "backslashreplace").decode("ascii")


def coloured_explanation(error: GitregError) -> str:
    """Give an error's explanation fit for stderr; with colours where that is a terminal."""
    lines = [shown(line) for line in error.explain().split("\n")]
    if not is_terminal(sys.stderr) or os.environ.get("NO_COLOR"):
        return "\n".join(lines)
    return "\n".join(_coloured(line) for line in lines)


def _coloured(line: str) -> str:
    if line.lstrip().startswith("mend:"):
        return typer.style(line, fg="green")
    return line if line.startswith(" ") else typer.style(line, fg="red")


def _encodable(data: object) -> object:
    if isinstance(data, str):
        return data.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(data, Mapping):
        return {_encodable(key): _encodable(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_encodable(item) for item in data]
    return data
