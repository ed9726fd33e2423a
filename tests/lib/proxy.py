"""A TCP proxy whose network can be cut, delayed or made silent."""
import select
import socket
import threading
import time


class Proxy:
    """Forwards connections to 127.0.0.1:target. `delay` seconds are added to every piece in both directions; while `silent` nothing is
    forwarded and nobody is told; cut() ends all connections, and while `down` new ones are refused."""

    def __init__(self, target):
        self.target = target
        self.delay = 0.0
        self.silent = False
        self.down = False
        self.pairs = []
        self.lock = threading.Lock()
        self.stopping = False
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        queue = []  # (when, socket, bytes)
        while not self.stopping:
            with self.lock:
                pairs = list(self.pairs)
            other = {}
            for a, b in pairs:
                other[a], other[b] = b, a
            wait = 0.05
            if queue:
                wait = max(0.0, min(wait, queue[0][0] - time.monotonic()))
            try:
                ready, _, _ = select.select([self.listener, *([] if self.silent else other)], [], [], wait)
            except (OSError, ValueError):
                self.drop_closed()
                continue
            for s in ready:
                if s is self.listener:
                    self.accept()
                    continue
                try:
                    data = s.recv(1 << 16)
                except OSError:
                    data = b""
                if not data:
                    self.close_pair(s, other[s])
                    continue
                queue.append((time.monotonic() + self.delay, other[s], data))
            now = time.monotonic()
            while queue and queue[0][0] <= now and not self.silent:
                _, s, data = queue.pop(0)
                try:
                    s.sendall(data)
                except OSError:
                    pass

    def accept(self):
        c, _ = self.listener.accept()
        if self.down:
            c.close()
            return
        s = socket.create_connection(("127.0.0.1", self.target))
        for x in (c, s):
            x.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.pairs.append((c, s))

    def close_pair(self, a, b):
        with self.lock:
            self.pairs = [p for p in self.pairs if a not in p]
        for s in (a, b):
            s.close()

    def drop_closed(self):
        with self.lock:
            self.pairs = [p for p in self.pairs if p[0].fileno() >= 0 and p[1].fileno() >= 0]

    def cut(self):
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for p in pairs:
            for s in p:
                s.close()

    def close(self):
        self.stopping = True
        self.thread.join(5)
        self.cut()
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
