"""Numbers in annotation files: what is written is read back bit by bit.

Formats that store a sum (COCO's width, VOC's count from 1) would lose the last bit of a float; decimal arithmetic
with enough digits does not: the shortest text of a float is a decimal, and sums of decimals are exact.
"""

from decimal import Context, Decimal

_EXACT = Context(prec=800)
"""Digits for any sum of two doubles of up to 400 places before and after the point (a double has at most 309 + 324)."""


def decimal(value: float) -> Decimal:
    """The shortest decimal that is read back as `value`."""
    return Decimal(repr(float(value)))


def text(value: Decimal) -> str:
    """The number as people write it: 12, 12.5, no exponent, no zeros that say nothing."""
    written = f"{value:f}"
    return (written.rstrip("0").rstrip(".") or "0") if "." in written else written


def plus(a: Decimal, b: Decimal) -> Decimal:
    """The exact sum."""
    return _EXACT.add(a, b)


def minus(a: Decimal, b: Decimal) -> Decimal:
    """The exact difference."""
    return _EXACT.subtract(a, b)
