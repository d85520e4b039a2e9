"""The gate's frame: changes, rules, and what comes of running the rules over a change."""

from gitreg.validation.change import Change, Circumstances, Signing, Subject, landing
from gitreg.validation.engine import CONFLICT, check, validate
from gitreg.validation.report import Report, outcome_of
from gitreg.validation.rules import GROUP, Check, Fault, Inspect, Rule, each, load_rules, touches

__all__ = [
    "CONFLICT",
    "GROUP",
    "Change",
    "Check",
    "Circumstances",
    "Fault",
    "Inspect",
    "Report",
    "Rule",
    "Signing",
    "Subject",
    "check",
    "each",
    "landing",
    "load_rules",
    "outcome_of",
    "touches",
    "validate",
]
