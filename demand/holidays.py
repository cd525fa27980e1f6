"""Days on which a city rests although it is no Sunday: the holidays on which nearly everybody is off.

Of the federal holidays of the United States (5 U.S.C. 6103) these six close shops and offices alike; that such a day is
like a Sunday is an assumption, checked on Memorial Day 2014 only, the one within the days choices were made on. A
holiday on a weekend is that weekend's day; the working day off in its place is not counted.
"""

from datetime import date, timedelta

_MONDAY, _THURSDAY, _SATURDAY = 0, 3, 5
_FIXED = ((1, 1), (7, 4), (12, 25))
_WEEK = timedelta(days=7)


def rests(day: int) -> bool:
    """Whether the city rests on the working day `day`, a proleptic ordinal.

    >>> [rests(date(2014, *of).toordinal()) for of in ((5, 26), (7, 4), (9, 1), (11, 27), (9, 8))]
    [True, True, True, True, False]
    """
    of = date.fromordinal(day)
    if of.weekday() >= _SATURDAY:
        return False
    return (of.month, of.day) in _FIXED or _is_nth(of)


def _is_nth(of: date) -> bool:
    """Memorial Day (last Monday of May), Labor Day (first of September), Thanksgiving (fourth Thursday of November)."""
    match of.month, of.weekday():
        case 5, day if day == _MONDAY:
            return (of + _WEEK).month != of.month
        case 9, day if day == _MONDAY:
            return of.day <= _WEEK.days
        case 11, day if day == _THURSDAY:
            return (of.day - 1) // _WEEK.days == _THURSDAY
    return False
