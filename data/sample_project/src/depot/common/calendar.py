"""Due dates: days on which the business works."""

from datetime import date, timedelta

HOLIDAYS = {(1, 1), (5, 1), (12, 25), (12, 26)}


def is_working_day(day: date) -> bool:
    return day.weekday() < 5 and (day.month, day.day) not in HOLIDAYS


def add_working_days(day: date, count: int) -> date:
    """The working day that lies `count` working days after `day`."""
    while count > 0:
        day += timedelta(days=1)
        count -= is_working_day(day)
    return day


def overdue_days(due: date, today: date) -> int:
    return max((today - due).days, 0)
