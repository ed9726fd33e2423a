"""The append-only file with real processes: what was acknowledged is there again, whatever way the server ended."""
import os
import shutil
import signal
import sys

import pytest

from conftest import PROGRAM, ROOT, only_sorrel

sys.path.insert(0, os.path.join(ROOT, "tests", "durability"))
import aof  # noqa: E402

pytestmark = only_sorrel


@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_restart_keeps_everything(tmp_path, policy, sig):
    aof.restart_keeps(PROGRAM, str(tmp_path), policy, sig)


def test_rewriting_loses_nothing_and_repeats_nothing(tmp_path):
    aof.rewriting(PROGRAM, str(tmp_path))


def test_switching_on_and_off_leaves_no_gap(tmp_path):
    aof.switching(PROGRAM, str(tmp_path))


def test_a_single_file_is_adopted(tmp_path):
    aof.single_file(PROGRAM, str(tmp_path))


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server")
def test_exchange_with_redis_both_ways(tmp_path):
    aof.exchange(PROGRAM, str(tmp_path), shutil.which("redis-server"))


@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_kill_at_random_moments(tmp_path, policy):
    total, lost = aof.kill_rounds(PROGRAM, str(tmp_path), 8, policy)
    assert total > 0 and lost == 0  # a killed process leaves what it has written to the kernel
