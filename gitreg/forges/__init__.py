"""Forges: where changes to a registry wait as proposals, are checked and approved, and land through a queue."""

from gitreg.forges.choosing import ForgeName, open_forge
from gitreg.forges.forge import (
    Approval,
    Check,
    Forge,
    ForgeError,
    Landing,
    Merged,
    Opening,
    Proposal,
    State,
)
from gitreg.forges.proposing import Proposed, propose
from gitreg.forges.queue import Checked, Queue

__all__ = [
    "Approval",
    "Check",
    "Checked",
    "Forge",
    "ForgeError",
    "ForgeName",
    "Landing",
    "Merged",
    "Opening",
    "Proposal",
    "Proposed",
    "Queue",
    "State",
    "open_forge",
    "propose",
]
