"""CLIENT LIST and CLIENT KILL with every filter of Redis 8 and Valkey 9, each also negated, and several at once."""
import time

import pytest
import servers
from conftest import only_sorrel, wait_until

pytestmark = only_sorrel


class Crowd:
    """Connections that differ in all that can be asked for, by name; `me` is the one that asks."""

    def __init__(self, server):
        self.by_name = {}
        with server.connect() as c:
            c.call("ACL", "SETUSER", "ann", "on", ">secret", "~*", "&*", "+@all")
        for name in ("me", "plain", "ann", "second", "library", "listener", "sharded", "tx"):
            self.by_name[name] = server.connect()
        for name, c in self.by_name.items():
            assert c.call("CLIENT", "SETNAME", name) == ("+", b"OK")
        self.id = {name: int(c.call("CLIENT", "ID")[1]) for name, c in self.by_name.items()}
        self.addr = {name: "%s:%d" % c.socket.getsockname() for name, c in self.by_name.items()}
        assert self["ann"].call("AUTH", "ann", "secret") == ("+", b"OK")
        assert self["second"].call("SELECT", "3") == ("+", b"OK")
        assert self["library"].call("CLIENT", "SETINFO", "LIB-NAME", "lettuce") == ("+", b"OK")
        assert self["library"].call("CLIENT", "SETINFO", "LIB-VER", "6.3") == ("+", b"OK")
        assert self["library"].call("CLIENT", "CAPA", "unheard-of", "Redirect") == ("+", b"OK")
        self["listener"].call("SUBSCRIBE", "news")
        self["sharded"].call("SSUBSCRIBE", "news")
        assert self["tx"].call("MULTI") == ("+", b"OK")

    def __getitem__(self, name):
        return self.by_name[name]

    def listed(self, *words):
        kind, text = self["me"].call("CLIENT", "LIST", *words)
        assert kind in "$=", text
        lines = [dict(f.split("=", 1) for f in line.split(" ")) for line in text.decode().splitlines()]
        return {line["name"] for line in lines} & self.by_name.keys()

    def close(self):
        for c in self.by_name.values():
            c.close()


@pytest.fixture
def crowd(start):
    c = Crowd(start())
    yield c
    c.close()


ALL = {"me", "plain", "ann", "second", "library", "listener", "sharded", "tx"}
FILTERS = {
    "ID": (lambda c: [str(c.id["ann"])], {"ann"}),
    "ID several": (lambda c: [str(c.id["ann"]), str(c.id["tx"]), "99999999"], {"ann", "tx"}),
    "TYPE normal": (lambda c: ["normal"], ALL - {"listener", "sharded"}),
    "TYPE pubsub": (lambda c: ["PubSub"], {"listener", "sharded"}),
    "TYPE replica": (lambda c: ["replica"], set()),
    "TYPE slave": (lambda c: ["slave"], set()),
    "TYPE master": (lambda c: ["master"], set()),
    "TYPE primary": (lambda c: ["primary"], set()),
    "USER": (lambda c: ["ann"], {"ann"}),
    "USER default": (lambda c: ["default"], ALL - {"ann"}),
    "ADDR": (lambda c: [c.addr["plain"]], {"plain"}),
    "LADDR": (lambda c: ["%s:%d" % c["me"].socket.getpeername()], ALL),
    "NAME": (lambda c: ["library"], {"library"}),
    "FLAGS P": (lambda c: ["P"], {"listener", "sharded"}),
    "FLAGS x": (lambda c: ["x"], {"tx"}),
    "FLAGS Px": (lambda c: ["Px"], set()),
    "LIB-NAME": (lambda c: ["lettuce"], {"library"}),
    "LIB-VER": (lambda c: ["6.3"], {"library"}),
    "DB": (lambda c: ["3"], {"second"}),
    "DB 0": (lambda c: ["0"], ALL - {"second"}),
    "IP": (lambda c: ["127.0.0.1"], ALL),
    "IP other": (lambda c: ["127.0.0.2"], set()),
    "CAPA": (lambda c: ["r"], {"library"}),
}


@pytest.mark.parametrize("what", FILTERS)
def test_list(crowd, what):
    values, right = FILTERS[what]
    word = what.split()[0]
    assert crowd.listed(word, *values(crowd)) == right
    assert crowd.listed("not-" + word.lower(), *values(crowd)) == ALL - right
    # A filter and its opposite leave nobody; with SKIPME the asker is left out.
    assert crowd.listed(word, *values(crowd), "NOT-" + word, *values(crowd)) == set()
    assert crowd.listed("SKIPME", "yes", word, *values(crowd)) == right - {"me"}


@pytest.mark.parametrize("negated", [False, True], ids=["", "not"])
@pytest.mark.parametrize("what", FILTERS)
def test_kill(crowd, what, negated):
    values, right = FILTERS[what]
    word = what.split()[0]
    right = ALL - right if negated else right
    assert crowd["me"].call("CLIENT", "KILL", ("NOT-" if negated else "") + word, *values(crowd)) == (":", len(right - {"me"}))
    assert crowd["me"].call("PING") == ("+", b"PONG")
    for name in right - {"me"}:
        with pytest.raises(servers.Closed):
            while True:
                crowd[name].read()
    assert crowd.listed() == ALL - (right - {"me"})


def test_oneself(crowd):
    """The reply comes, then the end."""
    assert crowd["plain"].call("CLIENT", "KILL", "NAME", "plain", "SKIPME", "no") == (":", 1)
    with pytest.raises(servers.Closed):
        crowd["plain"].read()
    assert crowd.listed() == ALL - {"plain"}


def test_several_at_once(crowd):
    assert crowd.listed("TYPE", "normal", "DB", "0", "NOT-USER", "ann", "NOT-NAME", "tx", "SKIPME", "yes") == {"plain", "library"}
    assert crowd["me"].call("CLIENT", "KILL", "TYPE", "normal", "DB", "0", "NOT-USER", "ann", "NOT-NAME", "tx") == (":", 2)
    assert crowd.listed() == ALL - {"plain", "library"}


def test_ages(crowd):
    """MAXAGE: at least so many seconds old; IDLE: as long without a command. Only whoever waits knows how old it is."""
    assert crowd.listed("MAXAGE", "3600") == set()
    assert crowd.listed("NOT-MAXAGE", "3600") == ALL
    wait_until(lambda: crowd.listed("MAXAGE", "1") == ALL)
    wait_until(lambda: crowd.listed("IDLE", "1") >= {"plain"})
    assert "me" not in crowd.listed("IDLE", "1")
    assert crowd["plain"].call("PING") == ("+", b"PONG")
    begin = time.monotonic()
    fresh = crowd.listed("NOT-IDLE", "2")
    assert "plain" in fresh or time.monotonic() - begin > 1.5
    # Names sort it out: everybody is old by now, one of them is killed for it.
    assert crowd["me"].call("CLIENT", "KILL", "MAXAGE", "1", "NAME", "plain") == (":", 1)


@pytest.mark.parametrize("words,error", [
    (["TYPE", "foo"], b"ERR Unknown client type 'foo'"), (["USER", "nobody"], b"ERR No such user 'nobody'"),
    (["DB", "99"], b"ERR DB index is out of range"), (["ID", "0"], b"ERR client-id should be greater than 0"),
    (["MAXAGE", "x"], b"ERR maxage is not an integer or out of range"), (["SKIPME", "maybe"], b"ERR syntax error"),
    (["NOT-SKIPME", "yes"], b"ERR syntax error"), (["NAME"], None), (["FOO", "bar"], b"ERR syntax error")])
def test_mistakes(crowd, words, error):
    kind, text = crowd["me"].call("CLIENT", "KILL", *words)
    assert kind == "-" and (error is None or text == error), text
    assert crowd.listed() == ALL


def test_letters_must_be_known(crowd):
    assert crowd["me"].call("CLIENT", "LIST", "FLAGS", "N?") == ("-", b"ERR Unknown flags found in the provided filter: N?")
    assert crowd["me"].call("CLIENT", "KILL", "NOT-CAPA", "rx") == ("-", b"ERR Unknown capa found in the provided filter: rx")


def test_traffic(crowd):
    crowd["plain"].call("ECHO", "x" * 1000)
    line = crowd["me"].call("CLIENT", "LIST", "NAME", "plain")[1].decode()
    fields = dict(f.split("=", 1) for f in line.split())
    assert 1000 < int(fields["tot-net-in"]) < 1500 and 1000 < int(fields["tot-net-out"]) < 1500 and fields["tot-cmds"] == "3"


def test_a_replica_sends_clients_on(start):
    """CLIENT CAPA redirect: reads and writes go to the primary, reads may be had from the replica after READONLY."""
    primary, replica = start(), start()
    where = ("-", b"REDIRECT 127.0.0.1:%d" % primary.port)
    with replica.connect() as c, replica.connect() as other:
        assert c.call("CLIENT", "CAPA", "redirect") == ("+", b"OK")
        assert c.call("SET", "k", "v") == ("+", b"OK")     # nobody to be sent to
        assert other.call("REPLICAOF", "127.0.0.1", str(primary.port)) == ("+", b"OK")
        wait_until(lambda: b"master_link_status:up" in other.call("INFO", "replication")[1])
        assert c.call("GET", "k") == where and c.call("SET", "k", "v") == where
        assert c.call("PING") == ("+", b"PONG") and c.call("CLIENT", "INFO")[1].endswith(b" capa=r\n")
        assert other.call("GET", "k") == ("$", None) and other.call("SET", "k", "v")[1].startswith(b"READONLY ")
        assert c.call("READONLY") == ("+", b"OK")
        assert c.call("GET", "k") == ("$", None) and c.call("SET", "k", "v") == where
        assert c.call("READWRITE") == ("+", b"OK") and c.call("GET", "k") == where
        assert c.call("MULTI") == ("+", b"OK") and c.call("GET", "k") == where
        assert c.call("EXEC")[1].startswith(b"EXECABORT ")
        assert c.call("RESET") == ("+", b"RESET") and c.call("GET", "k") == ("$", None)
        assert c.call("CLIENT", "CAPA", "redirect") == ("+", b"OK")
        assert other.call("REPLICAOF", "NO", "ONE") == ("+", b"OK") and c.call("SET", "k", "v") == ("+", b"OK")
