"""The connections of several processes, without an engine between them."""

import socket
import threading
from types import SimpleNamespace

from mrcnn.training import hosts

TOKEN = bytes(range(16))


def test_whoever_looks_in_at_the_port_ends_nothing(monkeypatch):
    monkeypatch.setattr(hosts, "GREETING", 0.2)
    line = object.__new__(hosts.Line)
    line.hosts, line.sockets = SimpleNamespace(count=3), {}
    line._listen = line.sockets.__setitem__
    server = socket.create_server(("127.0.0.1", 0), backlog=9)
    said = [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        hosts.HELLO.pack(bytes(16), 1),
        hosts.HELLO.pack(TOKEN, 7),
        hosts.HELLO.pack(TOKEN, 1),
        hosts.HELLO.pack(TOKEN, 1),
        hosts.HELLO.pack(TOKEN, 2),
    ]
    silent = socket.create_connection(server.getsockname())
    connections = [socket.create_connection(server.getsockname()) for _ in said]
    for connection, text in zip(connections, said, strict=True):
        connection.sendall(text)
    connections[0].close()
    accepting = threading.Thread(target=line._accept, args=(server, TOKEN), daemon=True)
    accepting.start()
    accepting.join(20)
    assert not accepting.is_alive() and sorted(line.sockets) == [1, 2]
    for connection in (silent, *connections, *line.sockets.values()):
        connection.close()
