# SPDX-License-Identifier: MIT
"""What the tests of the proxy share: a proxy of their own, the scripted model server or one that says any bytes, and an agent's side
that remembers all it was ever told, so that the key can be looked for in it."""
import json
import os
import queue
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading

import script
import server
from test_models import Got

KEY = "sk-canary-7f3a91c04e"
HOST_PROGRAM = None  # set by main
HEARD = []           # every byte that an agent was told, and every word of a proxy


def answer(status="200 OK", body=b"{}", *headers):
    """Bytes of a whole reply."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Folder:
    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="proxy-")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)


class Scripted:
    """The scripted model server, in a thread of this process."""

    def __init__(self, scripts=None, **options):
        self.server = server.Server(("127.0.0.1", 0), script.lanes_of(scripts or {}), **options)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.url = self.server.url()

    def totals(self):
        return self.server.books.totals()

    def close(self):
        self.server.stop()


class Raw:
    """A server that keeps what it was asked and answers with the same bytes each time; None: nothing, it waits until the other side leaves."""

    def __init__(self, reply=answer(), tls=None):
        self.reply, self.tls, self.asked, self.connections = reply, tls, queue.Queue(), 0
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                near, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.talk, args=(near,), daemon=True).start()

    def request(self, near):
        data = b""
        while b"\r\n\r\n" not in data:
            more = near.recv(65536)
            if not more:
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        while len(body) < length:
            body += near.recv(65536)
        return head + b"\r\n\r\n" + body

    def talk(self, near):
        try:
            near = self.tls.wrap_socket(near, server_side=True) if self.tls else near
            with near:
                while (asked := self.request(near)) is not None:
                    self.asked.put(asked)
                    if self.reply is None:
                        near.recv(1)
                        return
                    near.sendall(self.reply)
                    if b"content-length" not in self.reply and b"chunked" not in self.reply:
                        return
        except (OSError, ssl.SSLError):
            near.close()

    def close(self):
        """From now on nobody is here, not even the thread that waits for connections."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class Proxy:
    """A proxy in a process of its own. `why` is set if it did not open."""

    def __init__(self, folder, url, environment=None, **options):
        self.socket, self.log = os.path.join(folder.path, "socket"), os.path.join(folder.path, "log")
        options = {"socket": self.socket, "server": url, "key": KEY, "log": self.log, **options}
        self.child = subprocess.Popen([HOST_PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                      env={**os.environ, **(environment or {})})
        opened = self.say(json.dumps({name: value for name, value in options.items() if value is not None}))
        self.why = None if opened["open"] else opened["why"]
        self.code = opened.get("code")

    def say(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        told = self.child.stdout.readline()
        HEARD.append(told.encode())
        return json.loads(told)

    def count(self):
        return self.say("count")

    def lines(self):
        with open(self.log, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def close(self):
        """Everything it still says and its exit status; a sanitizer that found something is no 0."""
        self.child.stdin.close()
        said, complaint = self.child.stdout.read(), self.child.stderr.read()
        self.child.stdout.close()
        self.child.stderr.close()
        HEARD.append(said.encode() + complaint.encode())
        if os.path.exists(self.log):
            with open(self.log, "rb") as file:
                HEARD.append(file.read())
        status = self.child.wait(60)
        assert status == 0, complaint
        assert not os.path.exists(self.socket), "the socket is still there"

    # The agent's side

    def connect(self, timeout=60):
        near = socket.socket(socket.AF_UNIX)
        near.settimeout(timeout)
        near.connect(self.socket)
        return near

    def raw(self, data, timeout=60):
        """Say these bytes and hear everything until the other side hangs up."""
        with self.connect(timeout) as near:
            try:
                near.sendall(data)
                return hear(near)
            except (BrokenPipeError, ConnectionResetError):
                return b""

    def ask(self, path, body=None, method=None, headers=(), timeout=60):
        """One request on a connection of its own."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1", "Host: 127.0.0.1:8099", "Connection: close", *headers]
        if body is not None:
            lines.append(f"Content-Length: {len(data)}")
        return Got(self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + data, timeout))


def hear(near):
    heard = b""
    try:
        while data := near.recv(65536):
            heard += data
    except ConnectionResetError:
        pass
    HEARD.append(heard)
    return heard
