#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a program that sees no network but a model: a loopback port in here leads to a Unix socket that was put into the sandbox.

    relay.py SOCKET PROGRAM [ARGUMENT…]     @URL@ in arguments and environment becomes http://127.0.0.1:PORT
"""
import os
import socket
import subprocess
import sys
import threading


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(listener, path):
    while True:
        near, _ = listener.accept()
        far = socket.socket(socket.AF_UNIX)
        far.connect(path)
        for ends in ((near, far), (far, near)):
            threading.Thread(target=pump, args=ends, daemon=True).start()


def main():
    path, command = sys.argv[1], sys.argv[2:]
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    url = "http://127.0.0.1:%d" % listener.getsockname()[1]
    threading.Thread(target=serve, args=(listener, path), daemon=True).start()
    environment = {name: value.replace("@URL@", url) for name, value in os.environ.items()}
    code = subprocess.call([word.replace("@URL@", url) for word in command], env=environment)
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
