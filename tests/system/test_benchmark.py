"""sorrel-benchmark: does it send what it says, count what came, and report it in the forms that scripts read?"""
import csv
import io
import json
import os
import shutil
import subprocess

import pytest

from test_cli import BIN, THEIRS, Server, run

BENCH = os.path.join(BIN, "sorrel-benchmark")

pytestmark = [
    pytest.mark.skipif(not os.path.exists(BENCH), reason="sorrel-benchmark is not built"),
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server to load"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    s = Server(str(tmp_path_factory.mktemp("redis")))
    yield s
    s.stop()


def bench(server, *args, **kw):
    p = subprocess.run([BENCH, "-p", str(server.port), *args], capture_output=True, text=True, timeout=60, **kw)
    return p.returncode, p.stdout, p.stderr


def calls(server, command):
    for line in run(THEIRS, server, ["info", "commandstats"])[1].decode().splitlines():
        if line.startswith(f"cmdstat_{command}:"):
            return int(line.split("calls=")[1].split(",")[0])
    return 0


@pytest.mark.parametrize("args", [[], ["-P", "7"], ["-c", "3"], ["--threads", "3"], ["-k", "0", "-c", "5"], ["-3"],
                                  ["--rate", "20000"]], ids=" ".join)
def test_sends_exactly_that_many(server, args):
    run(THEIRS, server, ["config", "resetstat"])
    code, out, err = bench(server, "-t", "set,get", "-n", "1003", "-q", *args)
    assert code == 0, err
    assert calls(server, "set") == calls(server, "get") == 1003
    assert out.startswith("SET: ") and "requests per second, p50=" in out


def test_csv_has_the_columns_of_redis_benchmark(server):
    ours = list(csv.DictReader(io.StringIO(bench(server, "-t", "set,lpush,lrange_100,mset", "-n", "500", "--csv")[1])))
    p = subprocess.run(["redis-benchmark", "-p", str(server.port), "-t", "set,lpush,lrange_100,mset", "-n", "500",
                        "--csv"], capture_output=True, text=True, timeout=60)
    theirs = list(csv.DictReader(io.StringIO(p.stdout)))
    assert ours[0].keys() == theirs[0].keys()
    assert [r["test"] for r in ours] == [r["test"] for r in theirs]
    for r in ours:
        assert float(r["min_latency_ms"]) <= float(r["p50_latency_ms"]) <= float(r["max_latency_ms"])


def test_keys(server):
    for dist in ("uniform", "zipf", "hot", "seq"):
        run(THEIRS, server, ["flushall"])
        assert bench(server, "-t", "set", "-n", "3000", "-r", "1000", "--key-dist", dist, "-q")[0] == 0
        n = int(run(THEIRS, server, ["dbsize"])[1])
        assert n == 1000 if dist == "seq" else 100 < n <= 1000, dist
    run(THEIRS, server, ["flushall"])
    bench(server, "-t", "set", "-n", "200", "-q", "-d", "1234")
    assert run(THEIRS, server, ["keys", "*"])[1] == b"key:000000000000\n"
    assert run(THEIRS, server, ["strlen", "key:000000000000"])[1] == b"1234\n"


def test_the_same_seed_gives_the_same_keys(server):
    found = []
    for seed in ("5", "5", "6"):
        run(THEIRS, server, ["flushall"])
        bench(server, "-t", "set", "-n", "300", "-r", "100000", "-c", "1", "--seed", seed, "-q")
        found.append(sorted(run(THEIRS, server, ["keys", "*"])[1].split()))
    assert found[0] == found[1] != found[2]


def test_mix_rate_and_json(server):
    run(THEIRS, server, ["config", "resetstat"])
    code, out, err = bench(server, "--ratio", "1:3", "-r", "100", "--rate", "4000", "--test-time", "1", "--json")
    assert code == 0, err
    r = json.loads(out)
    assert 3000 <= r["requests"] <= 4100 and r["errors"] == 0
    assert r["latency_ms"]["p50"] <= r["latency_ms"]["p99.99"] <= r["latency_ms"]["max"]
    sets, gets = calls(server, "set"), calls(server, "get")
    assert sets + gets >= r["requests"] and 2 < gets / sets < 4.5


def test_stalls_count_for_everything_that_waited(server):
    """No coordinated omission: half a second of silence must show in far more than one latency a connection."""
    run(THEIRS, server, ["config", "resetstat"])
    p = subprocess.Popen([BENCH, "-p", str(server.port), "-t", "get", "--rate", "2000", "--test-time", "2", "--json",
                          "-c", "2"], stdout=subprocess.PIPE, text=True)
    while calls(server, "get") == 0:
        pass
    run(THEIRS, server, ["debug", "sleep", "0.6"])
    r = json.loads(p.communicate(timeout=30)[0])
    assert r["latency_ms"]["p90"] > 100


def test_own_command(server):
    run(THEIRS, server, ["flushall"])
    assert bench(server, "-n", "100", "-r", "10", "-q", "hset", "h:__rand_int__", "f", "__data__")[0] == 0
    assert run(THEIRS, server, ["hget", run(THEIRS, server, ["randomkey"])[1].strip().decode(), "f"])[1] == b"xxx\n"
    p = subprocess.run([BENCH, "-p", str(server.port), "-n", "10", "-q", "-x", "set", "k"], input=b"from stdin\n",
                       capture_output=True, timeout=30)
    assert p.returncode == 0 and run(THEIRS, server, ["get", "k"])[1] == b"from stdin\n\n"


def test_errors_are_counted_and_said(server):
    code, out, err = bench(server, "-n", "50", "-q", "incr", "k")
    assert code == 0 and "50 error replies" in err and "not an integer" in err
    assert bench(server, "-n", "50", "-q", "-e", "incr", "k")[0] == 1


def test_compare(server):
    url = f"redis://127.0.0.1:{server.port}"
    code, out, err = bench(server, "-t", "set", "-n", "5000", "--rounds", "3", "--compare", url, "--json")
    assert code == 0, err
    r = json.loads(out)
    assert r["rounds"] == 3 and r["throughput"]["min"] <= r["throughput"]["median"] <= r["throughput"]["max"]
    assert "median of 3 rounds" in bench(server, "-t", "set", "-n", "300", "--rounds", "3", "--compare", url)[1]


def test_passwords(tmp_path):
    s = Server(str(tmp_path), "--requirepass", "pw")
    try:
        assert bench(s, "-t", "ping", "-n", "10", "-q", "-a", "pw")[0] == 0
        code, _, err = bench(s, "-t", "ping", "-n", "10", "-q", "-a", "wrong")
        assert code == 1 and "WRONGPASS" in err and "wrong\n" not in err
    finally:
        s.stop()


def test_bad_usage(server):
    for args in (["--nosuch"], ["-n"], ["-n", "0"], ["-c", "x"], ["--ratio", "0:0"], ["--key-dist", "odd"],
                 ["-t", "nosuch"], ["-u", "http://h"], ["--rate", "-1"]):
        code, out, err = bench(server, *args)
        assert code == 1 and err, args
    assert "--key-dist" in bench(server, "--help")[1]

    class Nobody:
        port = 1
    code, _, err = bench(Nobody, "-t", "set")
    assert code == 1 and "refused" in err


def test_sizes_of_values_follow_their_weights(server):
    code, out, err = bench(server, "-n", "4000", "-q", "-d", "10:3,1000:1", "RPUSH", "sizes", "__data__")
    assert code == 0, err
    sizes = [len(x) for x in run(THEIRS, server, ["lrange", "sizes", "0", "-1"])[1].split()]
    assert set(sizes) == {10, 1000} and 2600 < sizes.count(10) < 3400
    code, out, err = bench(server, "-n", "3000", "-q", "-d", "5-9", "RPUSH", "range", "__data__")
    assert code == 0, err
    assert {len(x) for x in run(THEIRS, server, ["lrange", "range", "0", "-1"])[1].split()} == {5, 6, 7, 8, 9}


@pytest.mark.parametrize("wrong", ["0", "-3", "9-5", "10:0", "10:1,x:2", "2000000000"])
def test_sizes_that_make_no_sense_are_refused(server, wrong):
    code, out, err = bench(server, "-n", "10", "-d", wrong)
    assert code == 1 and "Invalid value of the option '-d'" in err


def test_the_page_has_a_plot_for_each_view(server, tmp_path):
    page = tmp_path / "page.html"
    code, out, err = bench(server, "-t", "set,get", "-n", "20000", "-q", "--threads", "2", "--html", str(page))
    assert code == 0, err
    text = page.read_text()
    assert text.count("<h2>") == 2 and text.count("<svg") == text.count("</svg>") == 6 and "nan" not in text
    assert text.rstrip().endswith("</html>") and "<script" not in text and "http" not in text.replace("http-equiv", "")
    code, out, err = bench(server, "-n", "10", "-q", "--html", str(tmp_path / "no" / "page.html"))
    assert code == 1 and "can't write" in err


def test_connections_ask_for_tracking(server):
    run(THEIRS, server, ["config", "resetstat"])
    code, out, err = bench(server, "-3", "--enable-tracking", "-t", "get", "-n", "100", "-c", "7", "-q")
    assert code == 0, err
    assert "cmdstat_client|tracking:calls=7," in run(THEIRS, server, ["info", "commandstats"])[1].decode()
