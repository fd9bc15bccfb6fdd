"""Days, months and time windows in a shop's timezone."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from tests.parity.evaluation.facts import Document


@cache
def start_of_day(day: date, zone: str) -> datetime:
    """Return the first second at which a clock in the zone shows the day, or a later one."""
    clock = ZoneInfo(zone)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)

    def has_begun(seconds: int) -> bool:
        return (noon + timedelta(seconds=seconds)).astimezone(clock).date() >= day

    before, after = -48 * 3600, 48 * 3600
    while after - before > 1:
        middle = (before + after) // 2
        if has_begun(middle):
            after = middle
        else:
            before = middle
    # Clocks that were put back shortly after midnight have shown the day before.
    minutes = [after - 60 * number for number in range(121) if has_begun(after - 60 * number)]
    return noon + timedelta(seconds=min(minutes))


def months_before(now: datetime, months: int, zone: str) -> datetime:
    """Return the local time ``months`` ago, on the month's last day at the latest.

    A time that clocks repeat is the first of the two; one that they skip is as long after the skip
    as it would have been after the hour before.
    """
    clock = ZoneInfo(zone)
    local = now.astimezone(clock).replace(tzinfo=None)
    year, month = local.year, local.month - months
    while month < 1:
        year, month = year - 1, month + 12
    wall = local.replace(year=year, month=month, day=min(local.day, monthrange(year, month)[1]))

    def offset(hours: int) -> timedelta:
        near = wall.replace(tzinfo=UTC) + timedelta(hours=hours)
        return near.astimezone(clock).utcoffset() or timedelta()

    earlier, later = offset(-30), offset(30)
    fitting = [
        instant
        for instant in ((wall - shift).replace(tzinfo=UTC) for shift in (earlier, later))
        if instant.astimezone(clock).replace(tzinfo=None) == wall
    ]
    return min(fitting, default=(wall - earlier).replace(tzinfo=UTC))


def period_number(day: date, unit: str, first_weekday: int) -> int:
    """Number the days, weeks, months, quarters or years; the number of the next one is 1 more."""
    match unit:
        case "DAY":
            return day.toordinal()
        case "WEEK":  # day 1 is a Monday
            return (day.toordinal() - 1 - first_weekday) // 7
        case "MONTH":
            return day.year * 12 + day.month - 1
        case "QUARTER":
            return day.year * 4 + (day.month - 1) // 3
        case "YEAR":
            return day.year
    raise AssertionError(unit)


@dataclass(frozen=True)
class Clock:
    zone: str
    now: datetime
    first_weekday: int = 0

    @property
    def today(self) -> date:
        return self.day_of(self.now)

    def day_of(self, instant: datetime) -> date:
        """Return the day of an instant; a day does not end when clocks repeat midnight."""
        day = instant.astimezone(ZoneInfo(self.zone)).date()
        following = day + timedelta(days=1)
        return following if instant >= start_of_day(following, self.zone) else day

    def start(self, day: str, later: int = 0) -> datetime:
        """Return the first instant of a day, or of the day ``days`` later."""
        return start_of_day(date.fromisoformat(day) + timedelta(days=later), self.zone)

    def within(self, body: Document, instant: datetime | None) -> bool:
        """Return whether an instant exists and is in a criterion's time window, if it has one."""
        window = body.get("within")
        if instant is None or window is None:
            return instant is not None
        ((form, value),) = window.items()
        match form:
            case "since":
                return instant >= self.start(value)
            case "before":
                return instant < self.start(value)
            case "between":
                return self.start(value["from"]) <= instant < self.start(value["to"], 1)
            case "calendar":
                of_today, of_instant = (
                    period_number(day, value["unit"], self.first_weekday)
                    for day in (self.today, self.day_of(instant))
                )
                return of_today - of_instant == {"THIS": 0, "LAST": 1}[value["which"]]
            case "beforeAgo":
                return instant < self.ago(value)
            case "last":
                return self.ago(value) < instant <= self.now
        raise AssertionError(form)

    def ago(self, duration: Document) -> datetime:
        """Return the instant a duration before now."""
        count, unit = duration["count"], duration["unit"]
        if unit == "MONTHS":
            return months_before(self.now, count, self.zone)
        hours = {"HOURS": 1, "DAYS": 24, "WEEKS": 7 * 24}[unit]
        return self.now - timedelta(hours=hours * count)

    def dated(self, body: Document, instant: datetime | None) -> bool:
        """Return whether a date that may be missing is as a criterion says."""
        operator, day = body["operator"], body.get("date", "")
        ago = timedelta(days=body.get("days", 0))
        match operator:
            case "IS_NOT_SET" | "NOT_ON" | "NOT_IN_LAST":
                positive = operator.replace("NOT_", "")
                return not self.dated({**body, "operator": positive}, instant)
            case _ if instant is None:
                return False
            case "IS_SET":
                return True
            case "IN_LAST":
                return self.now - ago < instant <= self.now
            case "MORE_THAN_AGO":
                return instant < self.now - ago
            case "ON":
                return self.start(day) <= instant < self.start(day, 1)
            case "BEFORE":
                return instant < self.start(day)
            case "ON_OR_BEFORE":
                return instant < self.start(day, 1)
            case "AFTER":
                return instant >= self.start(day, 1)
            case "ON_OR_AFTER":
                return instant >= self.start(day)
            case "BETWEEN":
                return self.start(day) <= instant < self.start(body["upTo"], 1)
        raise AssertionError(operator)
