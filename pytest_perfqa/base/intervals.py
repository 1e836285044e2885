"""What is calculated with figures that lie between two ends: where the result lies.

The result's ends are the worst that the operands' ends make together, as if both were off at once
(interval arithmetic: Moore, Interval Analysis, 1966). Each operand is beyond an end with a
probability of 5 % at most; where their errors are alike in shape and independent or of one
sample, as those of two percentiles are, the result is beyond its own end no more often. In the
worst case, of errors that were made to exclude each other, it is so twice as often.
"""

from __future__ import annotations

import math
from itertools import product

Ends = tuple[float, float]

EVERYWHERE: Ends = (-math.inf, math.inf)


def added(one: Ends, other: Ends) -> Ends:
    """Give where the sum lies."""
    return one[0] + other[0], one[1] + other[1]


def negated(one: Ends) -> Ends:
    """Give where the opposite lies."""
    return -one[1], -one[0]


def absolute(one: Ends) -> Ends:
    """Give where the absolute value lies."""
    low, high = one
    if low >= 0:
        return one
    return negated(one) if high <= 0 else (0.0, max(-low, high))


def multiplied(one: Ends, other: Ends) -> Ends:
    """Give where the product lies."""
    # Nothing times what has no end is nothing.
    found = [a * b if a and b else 0.0 for a, b in product(one, other)]
    return min(found), max(found)


def divided(one: Ends, other: Ends) -> Ends:
    """Give where the quotient lies; anywhere, if the divisor may be 0."""
    low, high = other
    if low == 0 and high > 0 and one[0] >= 0:
        return one[0] / high, math.inf
    if low <= 0 <= high:
        return EVERYWHERE
    found = [a / b for a, b in product(one, other) if not (math.isinf(a) and math.isinf(b))]
    return min(found), max(found)
