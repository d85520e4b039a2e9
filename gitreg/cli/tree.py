"""The commands: found through the entry-point group `gitreg.commands`, imported only when one is asked for.

- An entry point names a function or a `typer.Typer`: `search = "gitreg_indexer.commands:search"`.
- gitreg's own commands are entry points like any plugin's; their lines for `gitreg --help` stand in the table
  here, so that asking for help imports none of them. A plugin's line is its distribution's summary.
- Other distributions' entry points are read only for a command that is not our own, and for help.
- A plugin cannot take the name of one of our commands. One that cannot be imported fails when it is called, and
  nothing else does.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from importlib import metadata
from typing import Annotated, Any, Final, TypeAlias

import typer
from typer.core import TyperGroup
from typer.main import get_command as made_command

from gitreg.errors import GitregError, UsageError

PROGRAM: Final = "gitreg"
DISTRIBUTION: Final = "llm-gitreg"
GROUP: Final = "gitreg.commands"
EXTRAS: Final = {"serve": "api", "demo": "api"}
SECTIONS: Final[dict[str, dict[str, str]]] = {
    "Write": {
        "init": "Make a registry in a new or empty folder.",
        "register": "Put manifests into the registry: one commit, or nothing.",
        "propose": "Put manifests forward as a proposal, for others to decide on.",
        "proposals": "List, check, approve and merge what was proposed.",
        "update": "Change fields of a record in place.",
        "import": "Take in another catalogue's entries.",
        "fmt": "Write manifests in their canonical form.",
    },
    "Gate": {
        "validate": "Judge a change, or a whole registry, by all rules.",
        "diff": "Tell what differs between two states, in the registry's terms.",
        "rules": "List the rules of the gate, or print the page of one.",
        "codeowners": "Generate CODEOWNERS from the namespaces' owners.",
    },
    "Read": {
        "get": "Print a record.",
        "list": "List the records.",
        "search": "Find records by text and filters.",
        "similar": "Find the records most like one.",
        "versions": "List the versions of a name.",
        "aliases": "Tell the aliases of a name, and what each means.",
        "history": "Tell which commits touched a record, and what each changed.",
        "changes": "Tell what each commit did to records, since a seq.",
        "blame": "Tell which commit gave a field its value.",
        "resolve": "Tell which version a ref means.",
    },
    "Graph": {
        "lineage": "Show what a record comes from, and what comes from it.",
        "path": "Show the ways from one record to another.",
        "impact": "Tell who is affected by a change, and plan how they move on.",
        "orphans": "List what nothing comes after, and references that lead nowhere.",
        "graph": "Compare the graph at two moments; tell what may depend on what.",
        "pipeline": "Show, lock and compare pipelines, and begin new lines of them.",
        "template": "Show, fill in, instantiate and check pipeline templates.",
    },
    "Serve": {
        "index": "Bring the search index up to date, or keep it so.",
        "publish": "Publish the registry as static files, for any web server.",
        "serve": "Answer over HTTP: the read API and the web pages.",
        "demo": "Make a sample registry, index it and serve it.",
    },
    "Know": {
        "schema": "Print the JSON Schema or an example of a kind.",
        "version": "Ask about versions and ranges.",
    },
}
BUILT_IN: Final[dict[str, str]] = {name: line for part in SECTIONS.values() for name, line in part.items()}

_Context: TypeAlias = Any  # typer's own click is not exported
_Formatter: TypeAlias = Any
Command: TypeAlias = Any


class CommandTree(TyperGroup):
    """The top level: knows the names of all commands, and imports the one that is asked for."""

    def list_commands(self, ctx: _Context) -> list[str]:  # noqa: ARG002 - click's signature
        """List the names of all commands: our own as the help has them, then the plugins'."""
        return [*BUILT_IN, *_plugins()]

    def get_command(self, ctx: _Context, cmd_name: str) -> Command:  # noqa: ARG002
        """Import a command; `UsageError` with the nearest name where there is none."""
        return load_command(cmd_name)

    def format_commands(self, ctx: _Context, formatter: _Formatter) -> None:  # noqa: ARG002
        """Write the lines of all commands, importing none."""
        names = [*BUILT_IN, *_plugins()]
        width = max(map(len, names))
        sections = {**SECTIONS, "Plugins": {name: _plugin_line(name, found) for name, found in _plugins().items()}}
        for title, lines in sections.items():
            if lines:
                with formatter.section(title):
                    formatter.write_dl([(name.ljust(width), line) for name, line in lines.items()])


def command_tree() -> CommandTree:
    """Make the top level."""
    app = typer.Typer(
        name=PROGRAM,
        cls=CommandTree,
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_top)
    made = made_command(app)
    assert isinstance(made, CommandTree)  # noqa: S101 - typer makes what `cls` says
    return made


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROGRAM} {metadata.version(DISTRIBUTION)}")
        raise typer.Exit


def _top(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """A GitOps registry for LLM models: YAML manifests in Git, answers from an index.

    REF is [kind:]namespace/name[@selector], where the selector is a version, an npm-style range or an alias:
    acme/summarizer@^2, pipeline:acme/triage@production. Without a kind it means a model.

    Most commands take --repo DIR (or $GITREG_REPO, or the current folder) and --json.

    Exit codes: 0 fine, 1 faults found, 2 could not run, 42 a human must decide.
    """


def load_command(name: str) -> Command:
    """Import one command, one of our own or a plugin's, and make it a click command without a life of its own."""
    entry = _own_entry(name) if name in BUILT_IN else _plugin_entry(name)
    loaded = load_entry(entry, "command")
    if isinstance(loaded, typer.Typer):
        app = loaded
        app.rich_markup_mode = None
        app._add_completion = False  # noqa: SLF001 - what a `Typer` of its own would do, a part of a tree must not
    elif callable(loaded):
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name)(loaded)
    else:
        fault = TypeError(f"{entry.value} is neither a function nor a typer.Typer")
        raise _cannot_load(entry, "command", fault)
    made = made_command(app)
    made.name = name
    return made


def load_entry(entry: metadata.EntryPoint, what: str) -> Any:
    """Import what an entry point names; a `GitregError` names its distribution where that fails."""
    try:
        return entry.load()
    except Exception as error:
        raise _cannot_load(entry, what, error) from error


def _own_entry(name: str) -> metadata.EntryPoint:
    try:
        found = metadata.distribution(DISTRIBUTION).entry_points.select(group=GROUP, name=name)
    except metadata.PackageNotFoundError:
        found = metadata.EntryPoints()
    for entry in found:
        return entry
    raise GitregError(
        f"the command {name!r} is not installed",
        where=f"the entry points of {DISTRIBUTION}",
        mend=f"install {DISTRIBUTION} again (in a checkout: `pip install -e .`)",
    )


def _plugins() -> dict[str, list[metadata.EntryPoint]]:
    """Find the commands of other distributions, by name; names of our own are not theirs to take."""
    found: dict[str, list[metadata.EntryPoint]] = {}
    for entry in metadata.entry_points(group=GROUP):
        if entry.name not in BUILT_IN:
            found.setdefault(entry.name, []).append(entry)
    return dict(sorted(found.items()))


def _plugin_entry(name: str) -> metadata.EntryPoint:
    plugins = _plugins()
    entries = plugins.get(name, [])
    if len(entries) == 1:
        return entries[0]
    if entries:
        raise GitregError(
            f"the command {name!r} is claimed by {len(entries)} distributions",
            got=", ".join(distribution_of(entry) for entry in entries),
            mend="uninstall all but one",
        )
    near = get_close_matches(name, [*BUILT_IN, *plugins], n=1)
    raise UsageError(
        f"there is no command {name!r}",
        expected=", ".join([*BUILT_IN, *plugins]),
        mend=f"did you mean `{PROGRAM} {near[0]}`?" if near else f"`{PROGRAM} --help` lists the commands",
    )


def distribution_of(entry: metadata.EntryPoint) -> str:
    """Name the distribution that an entry point came with."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown distribution"


def _plugin_line(name: str, entries: list[metadata.EntryPoint]) -> str:
    if len(entries) > 1:
        return f"(claimed by {', '.join(map(distribution_of, entries))})"
    dist = entries[0].dist
    summary = dist.metadata["Summary"] if dist and "Summary" in dist.metadata else None
    return f"{summary or name} ({distribution_of(entries[0])})"


def _cannot_load(entry: metadata.EntryPoint, what: str, error: Exception) -> GitregError:
    return GitregError(
        f"the {what} {entry.name!r} cannot be imported",
        where=f"{distribution_of(entry)}, entry point {entry.name} = {entry.value}",
        got=f"{type(error).__name__}: {error}",
        mend=_mend_of_loading(entry, error),
    )


def _mend_of_loading(entry: metadata.EntryPoint, error: Exception) -> str:
    is_ours = entry.dist is not None and entry.dist.name == DISTRIBUTION
    absent = isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("gitreg")
    if is_ours and absent and entry.name in EXTRAS:
        return f"install what it needs: `pip install '{DISTRIBUTION}[{EXTRAS[entry.name]}]'`"
    if is_ours:
        return f"install {DISTRIBUTION} again (in a checkout: `pip install -e .`)"
    return "update or uninstall that distribution; GITREG_DEBUG=1 shows the traceback"


def usage_of(command: Command, context: _Context) -> str:
    """Give a command's usage on one line, whatever the terminal's width."""
    pieces = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    return re.sub(r"\{(\S+?)\}", r"\1", pieces)
