"""A `gitreg` that starts in no time, for the tests that call it by its name again and again from a shell.

- Each call is a process of its own, forked from one that has loaded gitreg and has done nothing else; its words,
  streams, folder and environment are the caller's. It writes line by line, as to a terminal.
- Signals to the caller are not handed on. Whoever tests how gitreg starts or ends calls the real one.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

_SERVER: Final = """
import atexit, gc, json, os, select, signal, socket, sys, traceback
import gitreg_indexer.nearness, gitreg_indexer.publishing.writing, gitreg_indexer.through_git, gitreg_indexer.verifying
import gitreg_validators.gate
from gitreg.cli import main
from gitreg.cli.tree import BUILT_IN, load_command

def run(call, streams, words, folder, environment):
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv, sys.stdin = ["gitreg", *words], open(0, closefd=False)
    sys.stdout = open(1, "w", buffering=1, closefd=False)
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    code = main()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    call.sendall(bytes([code]))

for name in BUILT_IN:
    load_command(name)
gc.freeze()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
calls = socket.socket(socket.AF_UNIX)
calls.bind(sys.argv[1])
calls.listen()
print("ready", flush=True)
while select.select([calls, 0], [], [])[0] == [calls]:  # until whoever wanted it is no more
    call, _ = calls.accept()
    size, streams, _, _ = socket.recv_fds(call, 8, 3)
    if not os.fork():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        calls.close()
        try:
            with call.makefile("rb") as asked:
                run(call, streams, *json.loads(asked.read(int(size, 16))))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    for stream in (*streams, call.detach()):
        os.close(stream)
"""
_CLIENT: Final = """\
#!{python} -IS
import json, os, socket, sys

asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
call = socket.socket(socket.AF_UNIX)
call.connect({where!r})
socket.send_fds(call, [b"%08x" % len(asked)], [0, 1, 2])
call.sendall(asked)
sys.exit((call.recv(1) or b"\\x01")[0])
"""


@contextmanager
def preloaded(environment: Mapping[str, str] = os.environ) -> Iterator[Path]:
    """Give a folder with `gitreg` in it, to be put into a PATH; this environment says where Git's settings are."""
    folder = Path(mkdtemp(prefix="gitreg-preloaded-"))
    where = str(folder / "socket")
    program = folder / "gitreg"
    program.write_text(_CLIENT.format(python=sys.executable, where=where), encoding="utf-8")
    program.chmod(0o755)
    command = [sys.executable, "-c", _SERVER, where]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield folder
    shutil.rmtree(folder)


@cache
def preloaded_here() -> Path:
    """Give such a folder for this environment, the same each time."""
    opened = ExitStack()
    atexit.register(opened.close)
    return opened.enter_context(preloaded())
