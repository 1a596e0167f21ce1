"""What a vendor may change between two answers, applied to a small truth of its own. Pure."""

from __future__ import annotations

from dataclasses import dataclass

# Open, high, low, close, adjusted close and volume.
Values = tuple[float, ...]


@dataclass(frozen=True)
class Delivery:
    """What changes at the vendor before it answers, and which dates its answer leaves out.

    `restated` sets a value of a bar; `factor` multiplies the adjusted closes up to a date, `split`
    divides them and multiplies the volumes; `appended` makes bars on dates that had none.
    """

    appended: frozenset[int]
    restated: tuple[tuple[int, int, float], ...]
    factor: float
    split: float
    through: int
    left_out: frozenset[int]

    def apply(self, vendor: dict[int, Values]) -> dict[int, Values]:
        """Change the vendor's truth in place; its answer, by day."""
        for day in self.appended - vendor.keys():
            close = 10.0 + day
            vendor[day] = (close, close, close, close, close, 10_000.0 + 777 * day)
        for day in [day for day in vendor if day <= self.through]:
            *prices, adjusted, volume = vendor[day]
            rescaled = round(adjusted * self.factor / self.split, 4)
            vendor[day] = (*prices, rescaled, float(round(volume * self.split)))
        for day, column, worth in self.restated:
            if day in vendor:
                values = [*vendor[day]]
                values[column] = worth
                vendor[day] = tuple(values)
        return {day: values for day, values in vendor.items() if day not in self.left_out}
