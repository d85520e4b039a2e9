"""Run rules in a process of their own, so that one that raises, hangs or crashes is a finding and nothing more.

- For rules that execute what a manifest says (patterns, templates) and for plugins.
- The child is a fork: it has the change in memory and gives back pickled faults. Each rule has its own time; a rule
  that takes longer is killed, and those after it run in a fresh child.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import struct
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from gitreg.errors import GitregError
from gitreg.validation.change import Change
from gitreg.validation.rules import Fault, Rule

PATIENCE: Final = 20.0
"""Seconds that one rule may take."""
_HEAD: Final = struct.Struct("!I")
_MOST_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Broken:
    """Why a rule gave no answer."""

    why: str


Answer = list[Fault] | Broken | GitregError


def run(rule: Rule, change: Change) -> Answer:
    """Run a rule in this process; what it raises is told, a `GitregError` given back as it is."""
    try:
        return list(rule.check(change))
    except GitregError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a rule that fails must not open the gate, nor close it unexplained
        return Broken(f"it raised {type(error).__name__}: {error}")


def run_apart(rules: Sequence[Rule], change: Change, patience: float = PATIENCE) -> Iterator[tuple[Rule, Answer]]:
    """Run rules in a child process, each with its own time."""
    left = list(rules)
    while left:
        child, source = _start(left, change)
        try:
            while left:
                raw = _receive(source, patience)
                rule = left.pop(0)
                yield rule, _answer(raw, child, patience)
                if not isinstance(raw, bytes):
                    break
        finally:
            _end(child, source)


def _start(rules: Sequence[Rule], change: Change) -> tuple[int, int]:
    source, sink = os.pipe()
    with warnings.catch_warnings():
        # a fork in a process with threads is deprecated; the child takes no lock that a thread may hold
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        os.close(sink)
        return child, source
    try:
        os.close(source)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        change.head.memory.after_fork()
        for rule in rules:
            _send(sink, run(rule, change))
    finally:
        os._exit(0)  # no exit handler and no buffer of the parent may run twice


def _send(sink: int, answer: Answer) -> None:
    try:
        raw = pickle.dumps(answer)
    except Exception as error:  # noqa: BLE001 - whatever a plugin hands over
        raw = pickle.dumps(Broken(f"what it gives cannot be handed over: {type(error).__name__}: {error}"))
    data = memoryview(_HEAD.pack(len(raw)) + raw)
    while data:
        data = data[os.write(sink, data) :]


def _receive(source: int, patience: float) -> bytes | str:
    """Read one answer; the reason, where none comes."""
    ends = time.monotonic() + patience
    head = _read(source, _HEAD.size, ends)
    if isinstance(head, str):
        return head
    (size,) = _HEAD.unpack(head)
    return _read(source, size, ends) if size <= _MOST_BYTES else "it gave more than can be taken"


def _read(source: int, size: int, ends: float) -> bytes | str:
    found = bytearray()
    waiting = select.poll()  # unlike select(), it knows descriptors beyond the 1,024th
    waiting.register(source, select.POLLIN)
    while len(found) < size:
        rest = ends - time.monotonic()
        if rest <= 0 or not waiting.poll(rest * 1000):
            return "time"
        chunk = os.read(source, min(size - len(found), 1 << 20))
        if not chunk:
            return "end"
        found += chunk
    return bytes(found)


def _answer(raw: bytes | str, child: int, patience: float) -> Answer:
    if isinstance(raw, bytes):
        try:
            answer = pickle.loads(raw)  # noqa: S301 - our own child wrote it
        except Exception as error:  # noqa: BLE001 - what a plugin hands over may fail to be made again
            return Broken(f"what it gives cannot be taken: {type(error).__name__}: {error}")
        return answer if isinstance(answer, (list, Broken, GitregError)) else Broken("it gave no faults")
    if raw == "time":
        return Broken(f"it took longer than {patience:g} s")
    if raw == "end":
        return Broken(f"its process ended early{_how(child)}")
    return Broken(raw)


def _how(child: int) -> str:
    """Say which signal ended a child; it may also have closed its pipe and live on."""
    for _ in range(50):
        with suppress(ChildProcessError):
            ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            if ended is not None:
                was_killed = ended.si_code in (os.CLD_KILLED, os.CLD_DUMPED)
                return f" ({signal.Signals(ended.si_status).name})" if was_killed else ""
        time.sleep(0.01)
    return ""


def _end(child: int, source: int) -> None:
    os.close(source)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(child, 0)
