"""Real clients and frameworks, unchanged, in processes of their own."""
import os
import subprocess
import sys
import urllib.request
from urllib.parse import quote

import pytest
import servers
from certificates import Authority
from conftest import HERE, wait_until


def run(command, timeout=60, env=None, cwd=HERE):
    p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                       env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1", **(env or {})), cwd=cwd)
    out = p.stdout.decode("utf-8", "replace")
    assert p.returncode == 0, out[-4000:]
    return out


@pytest.fixture
def background():
    """Starts helper processes that end with the test."""
    running = []

    def begin(command, log, env=None):
        with open(log, "wb") as f:
            p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=f, stderr=f, cwd=HERE,
                                 env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1", **(env or {})))
        running.append(p)
        return p

    yield begin
    for p in running:
        p.terminate()
    for p in running:
        try:
            p.wait(10)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()


@pytest.mark.parametrize("protocol", ["2", "3"])
def test_redis_py(server, protocol):
    assert "all right" in run([sys.executable, "redis_py.py", str(server.port), protocol])


@pytest.mark.parametrize("protocol", ["2", "3"])
def test_redis_py_json(server, protocol):
    assert "all right" in run([sys.executable, "redis_py_json.py", str(server.port), protocol])


@pytest.mark.parametrize("script", ["ioredis.js", "node-redis.js", "node-redis-json.js"])
def test_node_clients(server, node, script):
    assert "all right" in run(["node", script, str(server.port)], cwd=node)


@pytest.mark.parametrize("protocol", ["2", "3"])
def test_node_redis_5_json(server, node, protocol):
    assert "all right" in run(["node", "node-redis-5-json.js", str(server.port), protocol], cwd=node)


def test_celery_worker_with_results(server, background, tmp_path):
    env = {"TEST_URL": f"redis://127.0.0.1:{server.port}"}
    worker = background([sys.executable, "-m", "celery", "-A", "celery_app", "worker", "--loglevel=warning", "--concurrency=2",
                         "--without-mingle"], tmp_path / "worker.log", env)
    try:
        assert "all right" in run([sys.executable, "celery_app.py"], timeout=90, env=env)
        assert worker.poll() is None
    except AssertionError as e:
        raise AssertionError(f"{e}\nworker: {(tmp_path / 'worker.log').read_text()[-3000:]}")


@pytest.fixture
def over_tls(start, tmp_path):
    """A server with a password that has every awkward character in it, its URL, and its CA's file."""
    ca = Authority(tmp_path, "ca")
    key, cert = ca.issue("server")
    port = servers.free_port()
    s = start("--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca.cert, "--tls-auth-clients", "no",
              "--requirepass", "p+/=@%40:?#&")
    return s, f"rediss://:{quote('p+/=@%40:?#&', safe='')}@localhost:{port}", ca.cert


def test_ioredis_over_tls(over_tls, node):
    _, url, ca = over_tls
    assert "all right" in run(["node", "ioredis.js", url, str(ca)], cwd=node)


def test_redis_py_over_tls(over_tls):
    _, url, ca = over_tls
    code = f"""
import redis
r = redis.Redis.from_url("{url}/3?ssl_ca_certs={ca}")
assert r.ping() and r.set("k", b"\\0\\r\\n" * 100000) and r.get("k") == b"\\0\\r\\n" * 100000
with r.pipeline() as p:
    for i in range(5000):
        p.incr("n")
    assert p.execute()[-1] == 5000
s = r.pubsub()
s.subscribe("ch")
assert s.get_message(timeout=5)["type"] == "subscribe"
assert r.publish("ch", "m") == 1 and s.get_message(timeout=5)["data"] == b"m"
assert r.connection_pool.connection_kwargs["db"] == 3
print("all right")
"""
    assert "all right" in run([sys.executable, "-c", code])


def test_celery_over_tls(over_tls, background, tmp_path):
    _, url, ca = over_tls
    env = {"TEST_URL": url, "TEST_URL_OPTIONS": f"?ssl_cert_reqs=required&ssl_ca_certs={ca}"}
    worker = background([sys.executable, "-m", "celery", "-A", "celery_app", "worker", "--loglevel=warning", "--concurrency=2",
                         "--without-mingle"], tmp_path / "worker.log", env)
    try:
        assert "all right" in run([sys.executable, "celery_app.py"], timeout=90, env=env)
        assert worker.poll() is None
    except AssertionError as e:
        raise AssertionError(f"{e}\nworker: {(tmp_path / 'worker.log').read_text()[-3000:]}")


def test_rq_queue(server):
    """Queues, jobs, their results, retries; what the worker does by script included."""
    code = f"""
import redis, rq
from rq.job import Job
r = redis.Redis(host="127.0.0.1", port={server.port})
q = rq.Queue('low', connection=r)
jobs = [q.enqueue('operator.add', i, 1, result_ttl=100) for i in range(10)]
assert q.count == 10 and q.job_ids == [j.id for j in jobs]
bad = q.enqueue('operator.truediv', 1, 0)
w = rq.SimpleWorker([q], connection=r)
assert w.work(burst=True, logging_level='ERROR')
assert [Job.fetch(j.id, connection=r).result for j in jobs] == list(range(1, 11))
assert bad.get_status() == 'failed' and 'ZeroDivisionError' in Job.fetch(bad.id, connection=r).exc_info
assert rq.registry.FinishedJobRegistry(queue=q).count == 10 and rq.registry.FailedJobRegistry(queue=q).count == 1
print('rq: all right')
"""
    assert "all right" in run([sys.executable, "-c", code])


def test_bullmq(server, node):
    """The campaign runs it with 10000 jobs: node bullmq.js PORT 10000."""
    assert "all right" in run(["node", "bullmq.js", str(server.port), "300"], cwd=node)


def test_socketio_over_streams(server, node):
    assert "all right" in run(["node", "socketio-streams.js", str(server.port)], cwd=node)


def test_two_socketio_servers(server, background, tmp_path):
    ports = [servers.free_port(), servers.free_port()]
    for i, port in enumerate(ports):
        background([sys.executable, "socketio_server.py", f"redis://127.0.0.1:{server.port}/0", str(port)], tmp_path / f"{i}.log")
    assert "all right" in run([sys.executable, "socketio_clients.py", *map(str, ports)], timeout=60)


def test_prometheus_exporter(server, exporter, background, tmp_path):
    port = servers.free_port()
    with server.connect() as c:
        c.call("SET", "k", "v", "EX", "1000")
    background([exporter, "-redis.addr", f"redis://127.0.0.1:{server.port}", "-web.listen-address", f"127.0.0.1:{port}"],
               tmp_path / "log")

    def metrics():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as f:
                return f.read().decode()
        except OSError:
            return None

    text = wait_until(metrics)
    assert "\nredis_up 1\n" in text
    assert "\nredis_exporter_last_scrape_error{err=\"\"} 0\n" in text
    assert "redis_db_keys{db=\"db0\"} 1\n" in text and "redis_db_keys_expiring{db=\"db0\"} 1\n" in text
    assert "redis_connected_clients" in text and "redis_memory_used_bytes" in text and "redis_commands_total{" in text
    assert "level=error" not in (tmp_path / "log").read_text()


def cli(server, *args, stdin=b""):
    p = subprocess.run(["redis-cli", "-p", str(server.port), *args], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       timeout=30)
    return p.returncode, p.stdout.decode()


def test_redis_cli(server):
    assert cli(server, "SET", "k", "v") == (0, "OK\n")
    assert cli(server, "--no-raw", "GET", "k") == (0, '"v"\n')
    assert cli(server, "-3", "--no-raw", "HSET", "h", "a", "1") == (0, "(integer) 1\n")
    assert cli(server, "-3", "--no-raw", "HGETALL", "h") == (0, '1# "a" => "1"\n')
    assert cli(server, "-x", "SET", "in", stdin=b"from stdin") == (0, "OK\n")
    assert cli(server, "--raw", "GET", "in") == (0, "from stdin\n")
    assert cli(server, stdin=b"SELECT 3\nSET a b\nDBSIZE\n") == (0, "OK\nOK\n1\n")
    assert "errors: 0, replies: 1000" in cli(server, "--pipe", stdin=b"".join(b"SET p%d x\r\n" % i for i in range(1000)))[1]
    assert cli(server, "--scan", "--pattern", "p99*")[1].count("\n") == 11
    assert "Biggest" in cli(server, "--bigkeys")[1]
    assert "hello" in cli(server, "ECHO", "hello")[1]


def test_redis_benchmark(server):
    out = run(["redis-benchmark", "-p", str(server.port), "-n", "2000", "-c", "20", "-q", "-t",
               "ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange,mset"])
    assert out.count("requests per second") >= 18 and "rror" not in out
    out = run(["redis-benchmark", "-p", str(server.port), "-n", "5000", "-P", "50", "-q", "-r", "1000", "SET", "k__rand_int__", "v"])
    assert "requests per second" in out and "rror" not in out
