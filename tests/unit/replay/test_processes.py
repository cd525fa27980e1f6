"""Partitions are run in processes: in order, few at a time, and none is waited for that is gone."""

import gc
import os
import signal

import pytest

from replay.processes import AHEAD, COLLECT_AFTER, ProcessLostError, mapping


def squared(number):
    """What a partition gives."""
    return number * number


def ignores_interrupts(_number):
    """Whether Ctrl-C does nothing here."""
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def collects_after(_number):
    """How seldom cycles are looked for here."""
    return gc.get_threshold()


def killed(number):
    """One process is killed before it answers."""
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def without_end(number):
    """All but the first never answer."""
    if number:
        signal.pause()
    return number


def test_results_are_in_order_and_few_tasks_are_given_out_at_a_time():
    """However many partitions there are; and processes leave Ctrl-C to the one that waits for them."""
    taken = []

    def tasks():
        for number in range(20):
            taken.append(number)
            yield number

    with mapping(2, 20) as mapped:
        results = mapped(squared, tasks())
        assert next(results) == 0
        assert len(taken) <= 2 + AHEAD
        assert list(results) == [number * number for number in range(1, 20)]
        assert all(mapped(ignores_interrupts, [1, 2]))
        assert set(mapped(collects_after, [1, 2])) == {COLLECT_AFTER}


def test_a_killed_process_ends_the_run_in_a_sentence():
    """It is not waited for: nobody will answer."""
    with pytest.raises(ProcessLostError, match="was killed"), mapping(2, 4) as mapped:
        list(mapped(killed, [0, 1, 2, 3]))


def test_a_run_that_is_interrupted_ends_its_processes():
    """Ctrl-C does not wait for partitions that are under way."""

    def pressed(results):
        next(results)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), mapping(2, 4) as mapped:
        pressed(mapped(without_end, range(7)))
