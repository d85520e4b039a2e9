"""The gate: rules over changes, grouped by what they guard. The core finds them through `gitreg.validators`."""

from gitreg.validation import Rule
from gitreg_validators import identity, immutability, references, schemas

RULES: tuple[Rule, ...] = (*identity.RULES, *immutability.RULES, *references.RULES, *schemas.RULES)

__all__ = ["RULES"]
