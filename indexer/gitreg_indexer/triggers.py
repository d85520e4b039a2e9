"""What makes a watcher look: a bell, and the file events that ring it when a ref of the repository moves.

- An event is a hint: it says that something was written, never what. Who hears the bell looks for himself.
- Events may be lost, late or many; who relies on them must also look by himself from time to time.
- The folders that hold the branch are watched, not those below them: objects come and go unheard. They may be made
  and removed at any time (`git pack-refs`), and are watched anew then.
"""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from gitreg.repository.git import GitRepository
from gitreg_indexer.news import Remark, Tell

STEP: Final = 10
"""Milliseconds between two looks at the events: half the delay of a commit, and 0.8 % of a core."""
DEBOUNCE: Final = 50
RECHECK: Final = 250
"""Milliseconds without an event after which the folders are compared with those that are watched."""
AGAIN: Final = 30.0
"""Seconds until events are tried again where they cannot be had."""
_NO_FOLDER: Final = 1.0

_Folders = dict[str, tuple[int, int]]


class Bell:
    """Rung by many, heard by one; rings that nobody has heard yet are one ring."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        """Have whoever listens wake up."""
        self._rung.set()

    def heard(self, seconds: float) -> bool:
        """Wait for a ring; tell whether there was one."""
        rang = self._rung.wait(max(seconds, 0.0))
        if rang:
            self._rung.clear()
        return rang


class FileEvents:
    """Rings when a file that says where the branch stands is written."""

    def __init__(self, repo: GitRepository, bell: Bell, ended: threading.Event, tell: Tell) -> None:
        self._git_dir = repo.git_dir
        self._parts = repo.branch.split("/")
        self._names = frozenset({"HEAD", "packed-refs", *self._parts})
        self._bell = bell
        self._ended = ended
        self._tell = tell
        self.are_heard = False
        """Whether events come in now; whoever waits for them looks more often where they do not."""

    def run(self) -> None:
        """Listen until the end."""
        try:
            import watchfiles  # an extra
        except ModuleNotFoundError:
            self._tell(
                Remark(
                    "watchfiles is not installed, so main is looked at five times a second: "
                    "`pip install 'llm-gitreg[watch]'` has it seen at once"
                )
            )
            return
        told = False
        while not self._ended.is_set():
            folders = self._folders()
            try:
                if folders:
                    self._listen(watchfiles, folders)
                else:
                    self._ended.wait(_NO_FOLDER)
            except (OSError, RuntimeError) as error:  # no more watches to be had, or watchfiles itself broke
                if not told:
                    self._tell(Remark(f"there are no file events ({error}), so main is looked at five times a second"))
                told = True
                self._ended.wait(AGAIN)
            finally:
                self.are_heard = False

    def _listen(self, watchfiles: Any, folders: _Folders) -> None:
        """Ring for every change in the folders, until they are others."""
        changes = watchfiles.watch(
            *folders,
            watch_filter=self._matters,
            debounce=DEBOUNCE,
            step=STEP,
            stop_event=self._ended,
            rust_timeout=RECHECK,
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=False,
        )
        with closing(changes):
            for found in changes:
                if found or not self.are_heard:  # what happened before the first answer may have been missed
                    self.are_heard = True
                    self._bell.ring()
                if self._folders() != folders:
                    return

    def _matters(self, _change: object, path: str) -> bool:
        return Path(path).name in self._names

    def _folders(self) -> _Folders:
        """Find the folders from the Git folder down to the branch's file, as far as they are there."""
        found: _Folders = {}
        at = self._git_dir
        for part in self._parts:
            try:
                seen = at.stat()
            except OSError:
                break
            found[str(at)] = (seen.st_dev, seen.st_ino)
            at /= part
        return found
