#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A clone in another language: counts lines of text by type of file. See docs/write-a-clone.md."""
import collections
import json
import os
import struct
import subprocess
import time

import msgpack
import zmq
import zmq.auth

HELLO, WELCOME, REFUSAL, HEARTBEAT, ASSIGNMENT, STARTED = 1, 2, 3, 4, 0x12, 0x13
COMPLETION, FAILURE, ACTION = 0x15, 0x16, 0x22
UNKNOWN_PEER, INVALID_PARAMETERS, RESTART = 4, 32, 18
STATE, NAME = os.environ["BUNSHIN_STATE"], os.environ["BUNSHIN_PEER"]


def new_id():  # a UUIDv7: 48 bits of time, version, variant, and chance
    r = os.urandom(10)
    return int(time.time() * 1000).to_bytes(6, "big") + bytes([0x70 | r[0] & 15, r[1], 0x80 | r[2] & 63]) + r[3:]


def count_lines(repository):
    """The work itself: {".py": 120, …}"""
    grep = ["git", "-C", repository, "grep", "-cIz", "", "HEAD"]  # lines of each file that is text
    found = subprocess.run(grep, check=True, capture_output=True, text=True, errors="replace").stdout
    lines = collections.Counter()
    for name, count in (line.split("\0") for line in found.splitlines()):
        lines[os.path.splitext(name)[1] or "none"] += int(count)
    return lines


class Clone:
    task_types = "line-count"
    socket, unsaid = None, {}  # answers that are not durable yet: message id -> message, seq, live entry
    def join(self):
        """A new connection is a new epoch: sequence numbers begin at 1, and what is not durable is said again."""
        self.socket and self.socket.close(0)
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.curve_publickey, self.socket.curve_secretkey = zmq.auth.load_certificate(os.environ["BUNSHIN_KEY"])
        self.socket.curve_serverkey = zmq.auth.load_certificate(STATE + "/keys/omega.pub")[0]
        while not os.path.exists(STATE + "/run/endpoint"):
            time.sleep(0.2)  # Omega is not there yet
        self.socket.connect(open(STATE + "/run/endpoint", encoding="ascii").read().strip())
        self.seq, self.heard, self.beat = 0, time.monotonic(), 2.0
        live = b"".join(dict.fromkeys(entry for _, _, entry in self.unsaid.values()))
        self.say(HELLO, [NAME.split("/")[0], NAME, os.urandom(16), self.task_types, 1, 1, 1, live, "line_count.py"])

    def say(self, kind, facts, task=None, payload=None, message_id=None):
        self.seq, message_id = self.seq + (kind != HEARTBEAT), message_id or new_id()
        header = [message_id, None, task, NAME, "omega", self.seq * (kind != HEARTBEAT), int(time.time() * 1000)]
        self.socket.send(msgpack.packb([1, kind, header, facts, payload]))
        if kind in (STARTED, COMPLETION, FAILURE):
            live = task + struct.pack(">I", facts[0]) + facts[1]
            self.unsaid[message_id] = (kind, facts, task, payload, message_id), self.seq, live

    def work(self, task, attempt, lease, payload):
        self.say(STARTED, [attempt, lease], task)
        try:
            lines = count_lines(json.loads(payload["parameters"])["repo"])
            said = {"summary": f"{sum(lines.values())} lines", "result": json.dumps({"lines": lines})}
            self.say(COMPLETION, [attempt, lease], task, said)
        except (KeyError, TypeError, ValueError, OSError, subprocess.CalledProcessError) as error:
            self.say(FAILURE, [attempt, lease, INVALID_PARAMETERS], task, {"sentence": f"no repo with a commit: {error}"})

    def hear(self, kind, header, facts, payload):
        if kind == WELCOME:
            self.beat = facts[2] / 1000
            if "BUNSHIN_NOTIFY_FD" in os.environ:
                os.write(int(os.environ.pop("BUNSHIN_NOTIFY_FD")), b"\n")
            for message, _, _ in list(self.unsaid.values()):
                self.say(*message)
        elif kind == HEARTBEAT:
            self.unsaid = {i: kept for i, kept in self.unsaid.items() if kept[1] > facts[2]}
        elif kind == ASSIGNMENT:
            self.work(header[2], facts[1], facts[2], payload)
        elif kind == REFUSAL and facts[0] == UNKNOWN_PEER:
            self.join()
        return kind != ACTION or facts[0] != RESTART  # the supervisor starts it again

    def run(self):
        self.join()
        going, spoke = True, 0
        while going:
            if self.socket.poll(200):
                frame = msgpack.Unpacker()  # one or more messages, one after the other
                frame.feed(self.socket.recv())
                self.heard = time.monotonic()
                going = all([self.hear(*message[1:]) for message in frame])
            elif time.monotonic() - self.heard > 4 * self.beat:
                self.join()
            if time.monotonic() - spoke > self.beat:
                self.say(HEARTBEAT, [1, 0, 0, 0])
                spoke = time.monotonic()


if __name__ == "__main__":
    Clone().run()
