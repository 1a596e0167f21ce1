"""Corporate actions, `Split` and `Dividend`, and the rules that their rows must keep. Pure.

An asset has few of them, so these are objects, not columns. Values are as the vendor sends them;
their effect on prices is computed in `domain/adjustment/factors.py`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Split:
    """`numerator` new shares for `denominator` old ones from the ex-date on; 4:1 is 4 and 1."""

    date: dt.date
    numerator: float
    denominator: float

    @property
    def factor(self) -> float:
        """What a price before the ex-date is multiplied by."""
        return self.denominator / self.numerator

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """Equal for two rows of the same split: 4/1 may be written 400/100."""
        return self.date, f"{self.factor:.9e}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dividend:
    """Cash paid for each share that was held before the ex-date `date`.

    `unadjusted_value` is as paid, `value` as the vendor adjusts it for later splits, both in
    `currency`; what the vendor does not say is None.
    """

    date: dt.date
    value: float
    unadjusted_value: float | None = None
    currency: str | None = None
    declaration_date: dt.date | None = None
    record_date: dt.date | None = None
    payment_date: dt.date | None = None
    period: str | None = None

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """Equal for two rows of the same dividend, whatever their other dates.

        Two amounts on one ex-date are two dividends, a regular and a special one.
        """
        return self.date, self.value, self.unadjusted_value, self.currency


# Beyond a factor of a million none is known.
_LARGEST_FACTOR = 1e9
_AMOUNTS = (1e-12, 1e12)

ROW_IS_READABLE = "row is readable JSON"
DATE_IS_READABLE = "date is readable"
SPLIT_IS_RATIO = "split is a ratio"
SPLIT_IS_ABOVE_ZERO = "split is above zero"
SPLIT_IS_PLAUSIBLE = "split is plausible"
DATE_HAS_ONE_SPLIT = "date has one split"
DIVIDEND_IS_NUMBER = "dividend is a number"
DIVIDEND_IS_ABOVE_ZERO = "dividend is above zero"
DIVIDEND_IS_PLAUSIBLE = "dividend is plausible"
CODE_IS_CODE = "code can be a symbol's"
EXCHANGE_IS_REQUESTED = "exchange is the one asked for"
DATE_IS_REQUESTED = "date is the one asked for"
CODE_HAS_ONE_BAR = "code has one bar"

# A row that breaks one of these is not an action; it is rejected with the first that it breaks.
ACTION_RULES = {
    ROW_IS_READABLE: "the row is a JSON object, or nearly, as for bars",
    DATE_IS_READABLE: "there is an ex-date, written like 2024-01-31",
    SPLIT_IS_RATIO: "the split is written like 4.000000/1.000000",
    SPLIT_IS_ABOVE_ZERO: "neither side of the ratio is 0 or less",
    SPLIT_IS_PLAUSIBLE: (
        "neither side is more than 1,000,000,000 times the other, and each is in an amount's bounds"
    ),
    DATE_HAS_ONE_SPLIT: "no other row gives another ratio for the same ex-date",
    DIVIDEND_IS_NUMBER: "the amount, and the unadjusted one if there is any, are finite numbers",
    DIVIDEND_IS_ABOVE_ZERO: "one of the two amounts is above 0 and neither below",
    DIVIDEND_IS_PLAUSIBLE: (
        "no amount is beyond 1,000,000,000,000, and none but 0 below 0.000000000001"
    ),
}
# The same for a row of a bulk answer, which covers a whole exchange on one day.
BULK_RULES = {
    CODE_IS_CODE: "there is a code, and it can be a symbol's",
    EXCHANGE_IS_REQUESTED: "the row is of the requested exchange",
    DATE_IS_REQUESTED: "the row is of the requested day",
    CODE_HAS_ONE_BAR: "no other row has other prices for the same code",
}


def is_plausible_ratio(new: float, old: float) -> bool:
    """Say whether a split into `new` shares for `old` ones, both above 0, may have been."""
    is_likely = max(new, old) <= _LARGEST_FACTOR * min(new, old)
    return is_likely and is_plausible_amount(new) and is_plausible_amount(old)


def is_plausible_amount(amount: float) -> bool:
    """Say whether an amount of at least 0 may have been paid; bounds as for prices."""
    return amount == 0 or _AMOUNTS[0] <= amount <= _AMOUNTS[1]
