"""Amounts of compute, read and written exactly as Kubernetes writes them."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Final

from gitreg.kinds._base import Resources

Amounts = dict[str, tuple[Fraction, str]]

_BINARY: Final = {unit: Fraction(1024**n) for n, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)}
_DECIMAL: Final = {unit: Fraction(1000**n) for n, unit in enumerate(("", "k", "M", "G", "T", "P", "E"))}
_UNITS: Final = {"m": Fraction(1, 1000), **_DECIMAL, **_BINARY}
_IN_BYTES: Final = ("memory", "storage", "gpu.memory")


def read_quantity(text: str) -> Fraction:
    """Read a Kubernetes quantity: cores or bytes."""
    number = text.rstrip("mKkMGTPEi")
    return Fraction(Decimal(number)) * _UNITS[text[len(number) :]]


def write_quantity(what: str, amount: Fraction) -> str:
    """Write an amount of `cpu`, `memory` and so on with the largest unit in which it is a whole number."""
    if amount.denominator != 1 and what == "cpu":
        return f"{_written(amount * 1000)}m"
    for units in (_BINARY, _DECIMAL) if what in _IN_BYTES else ():
        for unit, size in reversed(units.items()):
            if amount >= size and (amount / size).denominator == 1:
                return f"{_written(amount / size)}{unit}"
    return _written(amount)


def _written(amount: Fraction) -> str:
    """Write a number in decimal digits, all of them: what is read from decimal digits has an end."""
    with localcontext() as context:
        context.prec = amount.numerator.bit_length() + amount.denominator.bit_length() + 2
        return format(Decimal(amount.numerator) / Decimal(amount.denominator), "f")


def amounts_of(resources: Resources | None) -> Amounts:
    """Give what is asked for, by field: exactly, and as it is written."""
    if resources is None:
        return {}
    stated = {"cpu": resources.cpu, "memory": resources.memory, "storage": resources.storage}
    if resources.gpu is not None:
        stated |= {"gpu.count": str(resources.gpu.count), "gpu.memory": resources.gpu.memory}
    return {what: (read_quantity(text), text) for what, text in stated.items() if text is not None}
