"""Run one command line, and turn every way in which it can end into a message and an exit code.

- A `GitregError` explains itself; what the parser refuses is told in the same shape; anything else is our bug.
- Nothing here knows a command: they are found in `gitreg.cli.tree`.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Final

import typer

from gitreg.cli.output import coloured_explanation, print_json
from gitreg.cli.tree import BUILT_IN, PROGRAM, command_tree, usage_of
from gitreg.errors import Exit, GitregError, UsageError

INTERRUPTED: Final = 130
NOBODY_READS: Final = 141
DEBUG: Final = "GITREG_DEBUG"

_REFUSALS: Final = {
    errno.ENOSPC: "free some space on that disk, then try again",
    errno.EDQUOT: "raise the disk quota or free some space, then try again",
    errno.EROFS: "mount the file system read-write, or work on a writable clone",
    errno.EACCES: "give the user that runs gitreg the right to it",
    errno.EPERM: "give the user that runs gitreg the right to it",
    errno.EIO: "check the disk",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
    errno.ENFILE: "raise the limit of open files of the machine",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run gitreg with the words of a command line, without the program's name; give the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    _open_closed_streams()
    with _encodable(sys.stdout), _encodable(sys.stderr):
        try:
            return int(_run(words))
        except BrokenPipeError:
            _drop_output()
            return NOBODY_READS
        except KeyboardInterrupt:
            _say("interrupted")
            return INTERRUPTED


def _run(words: list[str]) -> int:
    try:
        code = _invoke(words)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the one place where everything ends
        return _report(error, words=words)
    return code


def _invoke(words: list[str]) -> int:
    try:
        tree = command_tree()
        with tree.make_context(PROGRAM, words) as context:
            tree.invoke(context)
    except typer.Exit as ending:
        return ending.exit_code
    except typer.Abort as abort:
        raise KeyboardInterrupt from abort
    return Exit.FINE


def _options(words: list[str]) -> list[str]:
    return words[: words.index("--")] if "--" in words else words


def _report(error: Exception, *, words: list[str]) -> int:
    """Tell of a failure, and give its exit code."""
    if os.environ.get(DEBUG):
        traceback.print_exception(error, file=sys.stderr)
    if _is_help(error):
        _say(str(error))
        return Exit.COULD_NOT_RUN
    known = _explained(error, words)
    _say(coloured_explanation(known))
    if "--json" in _options(words):
        print_json({"error": known.as_data()})
        sys.stdout.flush()
    return known.exit_code


def _is_help(error: Exception) -> bool:
    """Tell whether the parser answers a command without words, whose message is the help."""
    return isinstance(error, typer.TyperException) and type(error).__name__ == "NoArgsIsHelpError"


def _explained(error: Exception, words: list[str]) -> GitregError:
    if isinstance(error, GitregError):
        return error
    if isinstance(error, typer.TyperException):
        return _misuse(error, words)
    if isinstance(error, OSError) and error.errno in _REFUSALS:
        return RefusedError(error)
    return BugError(error)


def _misuse(error: typer.TyperException, words: list[str]) -> UsageError:
    """Say what the parser refused in the words of every other error."""
    context = getattr(error, "ctx", None)
    if context is None:
        command = f"{PROGRAM} {words[0]}" if words and words[0] in BUILT_IN else PROGRAM
        return UsageError(error.format_message(), mend=f"`{command} --help` says how to use it")
    return UsageError(
        error.format_message(),
        got=_refused_value(error),
        expected=usage_of(context.command, context),
        mend=f"`{context.command_path} --help` says how to use it",
    )


def _refused_value(error: typer.TyperException) -> str | None:
    """Give what was no value for an option, where pydantic refused it for the parser."""
    faults = getattr(error.__cause__, "errors", None)
    return str(faults()[0]["input"]) if faults else None


class RefusedError(GitregError):
    """The operating system refused something that is not gitreg's to mend."""

    code = "system"

    def __init__(self, error: OSError) -> None:
        super().__init__(
            "the operating system refused",
            where=os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else None,
            got=error.strerror or str(error),
            mend=_REFUSALS[error.errno or 0],
        )


class BugError(GitregError):
    """Something that gitreg should have foreseen."""

    code = "bug"

    def __init__(self, error: Exception) -> None:
        self.error = error
        text = " ".join(str(error).split())
        super().__init__(
            f"this is a bug in gitreg: {type(error).__name__}: {text[:500]}",
            mend=f"run it again with {DEBUG}=1 to see the traceback, and report it with that",
        )

    def explain(self) -> str:
        """Give the error as one line."""
        return f"{self.says} ({self.mend})"


def _say(text: str) -> None:
    """Print to stderr; a stderr that is gone must not hide the exit code."""
    with suppress(OSError, ValueError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def _open_closed_streams() -> None:
    """Give a process that was started without stdout or stderr somewhere to print to."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - it lives as long as the process


@contextmanager
def _encodable(stream: object) -> Iterator[None]:
    """Let a stream escape what its encoding has no characters for, instead of failing."""
    if not isinstance(stream, TextIOWrapper):
        yield
        return
    before = stream.errors
    stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            stream.reconfigure(errors=before)


def _drop_output() -> None:
    """Let what is still buffered go nowhere, so that the interpreter's own last flush is quiet."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
