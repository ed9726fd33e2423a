"""Debian's redis-sentinel, three of them, over a Sorrel primary and two replicas; clients find the new primary by redis-py.

The long form, with figures, is tests/durability/failover.py.
"""
import pytest
from certificates import Authority
from conftest import PROGRAM, only_sorrel

pytest.importorskip("redis")
import sentinels  # noqa: E402

pytestmark = only_sorrel


@pytest.mark.parametrize("how,auth,tls", [("kill", "secret", False), ("freeze", None, False), ("freeze", "secret", True)])
def test_failover_when_the_primary_is_lost(tmp_path, how, auth, tls):
    files = None
    if tls:
        ca = Authority(tmp_path, "ca")
        files = (*ca.issue("server"), ca.cert)
    with sentinels.Group(PROGRAM, down_after_ms=600, auth=auth, tls=files) as group:
        try:
            gap, switched, acked, lost = sentinels.round_of(group, how, True)
            assert acked > 0 and lost == 0
            assert switched is not None, f"clients write after {gap} s, and no Sentinel has named a new primary"
            assert gap - switched < 2, f"clients write {gap - switched} s after Sentinel has named the new primary"
            assert gap < 0.6 + 5, f"clients write again after {gap} s"
        except AssertionError as e:
            raise AssertionError(f"{e}\n{group.logs()}") from e
