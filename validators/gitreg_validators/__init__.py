"""The gate: rules over changes, grouped by what they guard. The core finds them through `gitreg.validators`.

`validate(repo, base, head)` judges a change of any repository, bare or not.
"""

from gitreg.validation import Report, Rule
from gitreg_validators import (
    breaking,
    circles,
    custom,
    governance,
    hygiene,
    identity,
    immutability,
    lifecycle,
    names,
    ownership,
    pipelines,
    policies,
    quotas,
    references,
    schemas,
    suites,
    supply,
    text,
)
from gitreg_validators.gate import Gate, validate

RULES: tuple[Rule, ...] = (
    *lifecycle.RULES,
    *breaking.RULES,
    *circles.RULES,
    *custom.RULES,
    *governance.RULES,
    *identity.RULES,
    *immutability.RULES,
    *names.RULES,
    *ownership.RULES,
    *policies.RULES,
    *quotas.RULES,
    *references.RULES,
    *schemas.RULES,
    *hygiene.RULES,
    *pipelines.RULES,
    *suites.RULES,
    *supply.RULES,
    *text.RULES,
)

__all__ = ["RULES", "Gate", "Report", "Rule", "validate"]
