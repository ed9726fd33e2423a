"""RESP3 for Debian's redis-py, which speaks RESP2 only: a parser that reads the new types and hands them on in the shapes that
its callbacks know, so that the commands of a test go through the server's RESP3 side.
"""
import redis


class Resp3Parser(redis.connection.PythonParser):
    def __init__(self, socket_read_size):
        super().__init__(socket_read_size)
        self.seen = set()

    def read_response(self, disable_decoding=False):
        line = self._buffer.readline()
        if not line:
            raise redis.ConnectionError("closed")
        kind, rest = line[:1], line[1:]
        self.seen.add(kind)
        if kind == b"-":
            return self.parse_error(rest.decode())
        if kind == b":":
            return int(rest)
        if kind in b"$=":
            n = int(rest)
            return None if n < 0 else self.text(self._buffer.read(n)[4 if kind == b"=" else 0:], disable_decoding)
        if kind in b"*~>%":
            n = int(rest) * (2 if kind == b"%" else 1)
            items = [self.read_response(disable_decoding) for _ in range(n)]
            if items and all(isinstance(x, list) and len(x) == 2 and isinstance(x[1], Double) for x in items):
                items = [y for x in items for y in x]
            return items
        if kind == b"_":
            return None
        if kind == b"#":
            return int(rest == b"t")
        if kind == b",":
            return Double(rest)
        return self.text(rest, disable_decoding)

    def text(self, b, disable_decoding):
        return b if disable_decoding else self.encoder.decode(b)


class Double(bytes):
    pass


class Resp3Connection(redis.Connection):
    def __init__(self, **options):
        super().__init__(parser_class=Resp3Parser, **options)

    def on_connect(self):
        super().on_connect()
        self.send_command("HELLO", "3")
        hello = self.read_response(disable_decoding=True)
        assert hello[hello.index(b"proto") + 1] == 3


def connect(port, protocol, **options):
    if protocol == 2:
        return redis.Redis(host="127.0.0.1", port=port, **options)
    return redis.Redis(connection_pool=redis.ConnectionPool(connection_class=Resp3Connection, host="127.0.0.1", port=port, **options))
