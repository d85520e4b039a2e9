"""Amounts of compute, read and written exactly as Kubernetes writes them."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Final

from gitreg.kinds._base import Resources

Amounts = dict[str, tuple[Fraction, str]]

_BINARY: Final = {unit: Fraction(1024**n) for n, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)}
_DECIMAL: Final = {unit: Fraction(1000**n) for n, unit in enumerate(("", "k", "M", "G", "T", "P", "E"))}
_PARTS: Final = {unit: Fraction(1, 1000**n) for n, unit in enumerate("mun", 1)}
_UNITS: Final = {**_PARTS, **_DECIMAL, **_BINARY}
_IN_BYTES: Final = ("memory", "storage", "gpu.memory")


def read_quantity(text: str) -> Fraction:
    """Read a Kubernetes quantity: cores or bytes. `1E` is a million million million, `1E3` a thousand."""
    number = text.rstrip("numkKMGTPEi")
    return Fraction(Decimal(number)) * _UNITS[text[len(number) :]]


def write_quantity(what: str, amount: Fraction) -> str:
    """Write an amount of `cpu`, `memory` and so on, without a fraction where it can be, with the fewest digits."""
    if amount.denominator != 1:
        unit = next((unit for unit, size in _PARTS.items() if (amount / size).denominator == 1), "n")
        return f"{_written(amount / _PARTS[unit])}{unit}"
    if what not in _IN_BYTES:
        return _written(amount)
    sizes = {"": Fraction(1), **_BINARY, **_DECIMAL}
    whole = ((_written(amount / size), unit) for unit, size in sizes.items() if (amount / size).denominator == 1)
    digits, unit = min(whole, key=lambda written: len(written[0]))
    return digits + unit


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
