"""Debian's redis-sentinel, three of them, over a Sorrel primary and two replicas; clients find the new primary by redis-py.

The long form, with figures, is tests/durability/failover.py.
"""
import pytest
from conftest import PROGRAM, only_sorrel

pytest.importorskip("redis")
import sentinels  # noqa: E402

pytestmark = only_sorrel


def test_failover_after_the_death_of_the_primary():
    with sentinels.Group(PROGRAM, down_after_ms=600, auth="secret") as group:
        try:
            gap, acked, lost = sentinels.round_of(group, "kill", True)
            assert acked > 0 and lost == 0
            assert gap < 0.6 + 5, f"clients write again after {gap} s"
        except AssertionError as e:
            raise AssertionError(f"{e}\n{group.logs()}") from e
