"""A way to a server that can be closed and opened again: the server stays as it is, its clients cannot reach it."""

from __future__ import annotations

import contextlib
import socket
import threading


class Proxy:
    def __init__(self, port: int) -> None:
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open = threading.Event()
        self._open.set()
        self._pairs: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Refuse what comes, and break what is under way."""
        self._open.clear()
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for end in pairs:
            self._end(end)

    def mend(self) -> None:
        self._open.set()

    def stop(self) -> None:
        self.cut()
        self._end(self._listening)

    @staticmethod
    def _end(end: socket.socket) -> None:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if not self._open.is_set():
                self._end(client)
                continue
            server = socket.create_connection(("127.0.0.1", self._target))
            with self._lock:
                self._pairs |= {client, server}
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        for end in (source, sink):
            with self._lock:
                self._pairs.discard(end)
            self._end(end)
