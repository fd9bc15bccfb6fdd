"""The days of the week."""

from enum import StrEnum


class Weekday(StrEnum):
    """A day of the week, on which a shop's weeks can begin."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"

    @property
    def number(self) -> int:
        """The day's number from Monday, as in ``date.weekday``."""
        return [*Weekday].index(self)
