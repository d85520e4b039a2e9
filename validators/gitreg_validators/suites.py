"""Rules on test suites: that they test something that can be tested, with assertions that mean something.

- Patterns are compiled, never matched, and in a process of their own: compiling alone can take long.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Final

from gitreg.errors import Severity
from gitreg.kinds import TestSuite
from gitreg.kinds.suite import Assertion, Coverage
from gitreg.refs import KINDS, Ref
from gitreg.repository.snapshot import nearest
from gitreg.validation import Fault, Rule, Subject, each, touches
from gitreg_validators.schemas import fault_of_schema

_TESTABLE: Final = ("Model", "Pipeline")
_NEEDED: Final = {
    "equals": "value",
    "contains": "value",
    "matches_regex": "pattern",
    "less_than": "value",
    "greater_than": "value",
    "schema_valid": "schema",
    "custom": "handler",
}


def check_target(subject: Subject) -> Iterator[Fault]:
    """A suite tests a model or a pipeline."""
    manifest = subject.manifest
    if isinstance(manifest, TestSuite):
        ref = Ref.parse(manifest.spec.target)
        if ref.kind not in _TESTABLE:
            yield Fault(
                f"{ref} is a {KINDS[ref.kind].word}; expected a model or a pipeline",
                "name what is under test, like `acme/nlp/summarizer@^1` or `pipeline:acme/nlp/ticket-digest@^1`",
                field="spec.target",
            )


def check_cases(subject: Subject) -> Iterator[Fault]:
    """The cases of a suite have ids of their own, and assertions have what their type compares with."""
    manifest = subject.manifest
    seen: set[str] = set()
    for n, case in enumerate(manifest.spec.cases if isinstance(manifest, TestSuite) else ()):
        if case.id in seen:
            says = f"two cases are called {case.id!r}"
            yield Fault(says, "call one of them otherwise", field=f"spec.cases[{n}].id")
        seen.add(case.id)
        for m, assertion in enumerate(case.assertions):
            yield from _assertion_faults(assertion, f"spec.cases[{n}].assertions[{m}].config")


def _assertion_faults(assertion: Assertion, field: str) -> Iterator[Fault]:
    config, needed = assertion.config, _NEEDED[assertion.type]
    if needed not in config:
        near = nearest(needed, config)
        mend = f"did you mean `{needed}` for {near!r}?" if near else f"add `{needed}` to its config"
        yield Fault(f"an assertion of type {assertion.type} needs `{needed}`, and has none", mend, field=field)
        return
    says = _VALUES[assertion.type](config[needed])
    if says:
        yield Fault(f"`{needed}` of a {assertion.type} is {says}", _MENDS[needed], field=f"{field}.{needed}")


def _fault_of_any(_: Any) -> str | None:
    return None


def _fault_of_piece(value: Any) -> str | None:
    return "empty, and so is contained in every answer" if value in ("", [], {}, None) else None


def _fault_of_text(value: Any) -> str | None:
    return None if isinstance(value, str) and value else f"{_shown(value)}; expected text"


def _fault_of_number(value: Any) -> str | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return None if is_number else f"{_shown(value)}; expected a number"


def _fault_of_schema(value: Any) -> str | None:
    why = fault_of_schema(value)
    return f"not a JSON Schema: {why}" if why else None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


_VALUES: Final[dict[str, Callable[[Any], str | None]]] = {
    "equals": _fault_of_any,
    "contains": _fault_of_piece,
    "matches_regex": _fault_of_text,
    "less_than": _fault_of_number,
    "greater_than": _fault_of_number,
    "schema_valid": _fault_of_schema,
    "custom": _fault_of_text,
}
_MENDS: Final = {
    "value": "give what the answer is compared with",
    "pattern": "give a regular expression",
    "schema": "write a schema of draft 2020-12",
    "handler": "name the handler that judges the answer",
}


def check_figures(subject: Subject) -> Iterator[Fault]:
    """The benchmarks and the coverage of a suite can be reached, and can be missed."""
    manifest = subject.manifest
    if not isinstance(manifest, TestSuite):
        return
    lowest: dict[str, float] = {}
    highest: dict[str, float] = {}
    for n, benchmark in enumerate(manifest.spec.benchmarks):
        field, metric = f"spec.benchmarks[{n}]", benchmark.metric
        if benchmark.at_most is None and benchmark.at_least is None:
            says = f"the benchmark {metric!r} has neither `atMost` nor `atLeast`, so every figure passes"
            yield Fault(says, "say which figures pass", field=field)
            continue
        if benchmark.at_least is not None:
            lowest[metric] = max(benchmark.at_least, lowest.get(metric, 0))
        if benchmark.at_most is not None:
            highest[metric] = min(benchmark.at_most, highest.get(metric, benchmark.at_most))
        if metric in highest and lowest.get(metric, 0) > highest[metric]:
            says = f"{metric!r} is to be at least {lowest[metric]:g} and at most {highest[metric]:g}: no figure passes"
            yield Fault(says, "correct one of the two", field=field)
    if manifest.spec.config.coverage is not None:
        yield from _coverage_faults(manifest.spec.config.coverage)


def _coverage_faults(coverage: Coverage) -> Iterator[Fault]:
    field = "spec.config.coverage"
    if coverage.threshold > 0 and not coverage.enabled:
        says = f"a coverage of {coverage.threshold:g} % is demanded, and coverage is not measured"
        yield Fault(says, "set `enabled: true`, or take the threshold away", field=f"{field}.threshold")
    for name in sorted(set(coverage.includes) & set(coverage.excludes)):
        yield Fault(f"{name!r} is both included and excluded", "take it out of one list", field=f"{field}.excludes")


def check_patterns(subject: Subject) -> Iterator[Fault]:
    """The regular expressions of a suite compile."""
    manifest = subject.manifest
    for n, case in enumerate(manifest.spec.cases if isinstance(manifest, TestSuite) else ()):
        for m, assertion in enumerate(case.assertions):
            pattern = assertion.config.get("pattern")
            if assertion.type == "matches_regex" and isinstance(pattern, str):
                says = _fault_of_pattern(pattern)
                if says:
                    field = f"spec.cases[{n}].assertions[{m}].config.pattern"
                    yield Fault(says, "correct the regular expression; it is read as Python's `re` does", field=field)


def _fault_of_pattern(pattern: str) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except re.error as error:
        where = "" if error.pos is None else f" at character {error.pos + 1}"
        return f"{_shown(pattern)} is not a regular expression: {error.msg}{where}"
    except (OverflowError, RecursionError, MemoryError) as error:
        return f"{_shown(pattern)} cannot be compiled: {type(error).__name__}"
    return None


RULES: Final = (
    Rule("GR-090", "test-target", Severity.ERROR, each(check_target)),
    Rule("GR-090", "test-target", Severity.ERROR, each(check_cases)),
    Rule("GR-090", "test-target", Severity.ERROR, each(check_figures)),
    Rule("GR-090", "test-target", Severity.ERROR, each(check_patterns), runs_apart=True, concerns=touches(TestSuite)),
)
