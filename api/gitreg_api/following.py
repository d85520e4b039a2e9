"""Keeps the index up to date while it is served: a watcher that logs what it has to tell.

- What it waits for and how it goes on is the watcher's: `gitreg_indexer.watching`.
- A fault is logged once and told by `/readyz` until it is over; the last good state is served meanwhile.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from gitreg.repository.fetching import Remote
from gitreg_indexer import Index
from gitreg_indexer.news import News, Over, Remark, Trouble
from gitreg_indexer.polling import EVERY
from gitreg_indexer.watching import Watcher

LOG = logging.getLogger("gitreg_api")


@dataclass(frozen=True, slots=True)
class Triggers:
    """What has the index follow, beside the repository's files: a remote, asked every so many seconds, and webhooks."""

    remote: str | None = None
    every: float = EVERY
    webhook_secret: bytes | None = field(default=None, repr=False)


class Follower(Watcher):
    """Follows a registry's branch with its index."""

    def __init__(self, index: Index, *, remote: Remote | None = None, every: float = EVERY) -> None:
        super().__init__(index, tell=_log, remote=remote, every=every)


def _log(news: News) -> None:
    match news:
        case Trouble(fault):
            LOG.error("the index cannot follow the registry; the last good state is served\n%s", fault.text)
        case Over(fault):
            LOG.warning("the index follows the registry again; this is over: %s", fault.says)
        case Remark(says):
            LOG.warning("%s", says)
