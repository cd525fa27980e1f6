"""How long a worker's place in its group outlasts it, and what brokers must be told to allow so short a time.

A restart within the session moves no partition, and a worker that is gone is replaced after it. Kafka refuses sessions
of less than six seconds unless its brokers are set otherwise.
"""

SESSION_S = 5.0
LEAST_SESSION = "group.min.session.timeout.ms"
"""The brokers' setting of the shortest session they accept; it takes a restart of the broker to change it."""


def remedy(session_s: float) -> str:
    """What to do where brokers refuse sessions of that length.

    >>> remedy(5.0)
    'set group.min.session.timeout.ms=5000 or less on every broker and restart it'
    """
    return f"set {LEAST_SESSION}={session_s * 1000:.0f} or less on every broker and restart it"


def refused(session_s: float) -> str:
    """Why a worker of that session cannot join its group.

    >>> refused(5.0).partition(":")[0]
    'the brokers refuse this worker its group, a session of 5 s is too short for them'
    """
    too_short = f"a session of {session_s:g} s is too short for them"
    return f"the brokers refuse this worker its group, {too_short}: {remedy(session_s)}"
