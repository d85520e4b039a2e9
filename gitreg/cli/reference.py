"""The command line's reference as Markdown, made from the commands themselves.

- The same code gives the same text, whatever the terminal, the environment and the plugins are: only our own
  commands are told of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import typer

from gitreg.cli.tree import BUILT_IN, PROGRAM, Command, command_tree, load_command, usage_of

_HEAD: Final = "# The command line\n"
_VERBATIM: Final = "\b"


def cli_reference(names: Iterable[str] = BUILT_IN) -> str:
    """Write the reference of our own commands, in the order of `gitreg --help`."""
    tree = command_tree()
    top = typer.Context(tree, info_name=PROGRAM)
    parts = [_HEAD, *_help(tree), *_parameters(tree, top)]
    for name in names:
        parts.extend(_command(load_command(name), name, top, "##"))
    return "\n".join(parts)


def _command(command: Command, name: str, parent: Any, mark: str) -> Iterator[str]:
    context = typer.Context(command, info_name=name, parent=parent)
    yield f"{mark} {context.command_path}\n"
    yield f"```\n{usage_of(command, context)}\n```\n"
    yield from _help(command)
    yield from _parameters(command, context)
    for below, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from _command(inner, below, context, f"{mark}#")


def _help(command: Command) -> Iterator[str]:
    """Give a help text's paragraphs, each on one line; examples as code."""
    for paragraph in (command.help or "").split("\n\n"):
        if paragraph.startswith(_VERBATIM):
            title, *lines = paragraph.removeprefix(_VERBATIM).strip("\n").split("\n")
            code = "\n".join(line.strip() for line in lines)
            yield f"{title}\n\n```\n{code}\n```\n"
        elif paragraph.strip():
            yield " ".join(paragraph.split()) + "\n"


def _parameters(command: Command, context: Any) -> Iterator[str]:
    rows = [_row(parameter, context) for parameter in command.params if not parameter.hidden]
    if rows:
        yield "| | |\n| --- | --- |\n" + "\n".join(rows) + "\n"


def _row(parameter: Any, context: Any) -> str:
    name, text = parameter.get_help_record(context)
    if parameter.param_type_name == "argument":
        name = parameter.display_name_raw
    cells = (f"`{name}`", " ".join(text.split()))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
