#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A clone that does what the parameters say (fail, ask, child, ok) and writes hostile text wherever a clone can write text."""
import json
import os
import sys
import time

import msgpack
import zmq
import zmq.auth

HELLO, WELCOME, HEARTBEAT, REQUEST, ACCEPTED, ASSIGNMENT, STARTED = 1, 2, 4, 0x10, 0x11, 0x12, 0x13
PROGRESS, COMPLETION, FAILURE, ACTION, PLEA = 0x14, 0x15, 0x16, 0x22, 0x24
STATE, NAME = os.environ["BUNSHIN_STATE"], os.environ["BUNSHIN_PEER"]
ROLE = NAME.split("/")[0]
# Copies to the clipboard (OSC 52), title, clears the screen, moves the cursor, reorders text, hides it, C1 as UTF-8, DEL, CR, NUL, tag letters.
HOSTILE = ("\x1b]52;c;aGFja2Vk\x07\x1b]0;owned\x07\x1b[2J\x1b[1;1H\x1bP+q\x1b\\\u202etxt.exe\u2066\u2069\u200b\u200f\ufeff\u061c"
           "\u009b31m\u0085\u009d0;x\u009c\x7f\r\b\x00after the nul\u2028\U000e0041end")


def new_id():
    r = os.urandom(10)
    return int(time.time() * 1000).to_bytes(6, "big") + bytes([0x70 | r[0] & 15, r[1], 0x80 | r[2] & 63]) + r[3:]


class Clone:
    def __init__(self):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.curve_publickey, self.socket.curve_secretkey = zmq.auth.load_certificate(os.environ["BUNSHIN_KEY"])
        self.socket.curve_serverkey = zmq.auth.load_certificate(STATE + "/keys/omega.pub")[0]
        while not os.path.exists(STATE + "/run/endpoint"):
            time.sleep(0.02)
        with open(STATE + "/run/endpoint", encoding="ascii") as file:
            self.socket.connect(file.read().strip())
        self.seq, self.waiting = 0, {}
        self.say(HELLO, [ROLE, NAME, os.urandom(16), "", 4, 1, 1, b"", "hostile clone " + HOSTILE])

    def say(self, kind, facts, task=None, payload=None):
        counts = kind != HEARTBEAT
        self.seq += counts
        header = [new_id(), None, task, NAME, "omega", self.seq if counts else 0, int(time.time() * 1000)]
        self.socket.send(msgpack.packb([1, kind, header, facts, payload]))

    def complete(self, task, attempt, lease):
        artefacts = [{"name": "evidence.txt" + HOSTILE, "hash": "ab" * 32, "bytes": 5, "media_type": "text/plain"}]
        result = {"schema": "bunshin-result/1", "status": "partial", "status_reason": "because " + HOSTILE, "findings": [
            {"severity": "high"}, {"severity": "low"}, {"severity": "low"}], "runs": [
            {"tool": "looker" + HOSTILE, "exit": 3, "raw": {"sha256": "cd" * 32, "bytes": 7}}]}
        self.say(COMPLETION, [attempt, lease, 1, 1200, 3400, 56], task, {
            "summary": "wombats were counted " + HOSTILE, "result": json.dumps(result), "artefacts": json.dumps(artefacts)})

    def fail(self, task, attempt, lease):
        evidence = {"log": "make: *** [all]\nError " + HOSTILE, "exit_status": 2}
        self.say(FAILURE, [attempt, lease, 33], task, {"sentence": "it hurts " + HOSTILE, "evidence": json.dumps(evidence)})

    def work(self, task, attempt, lease, payload):
        todo = json.loads(payload["parameters"])
        todo = todo.get(ROLE, todo.get("do", "ok"))
        todo = todo[min(attempt, len(todo)) - 1] if isinstance(todo, list) else todo
        self.say(STARTED, [attempt, lease], task)
        self.say(PROGRESS, [attempt, lease, 500, 0], task, {"stage": "scan" + HOSTILE, "line": "half way" + HOSTILE})
        if todo == "fail":
            self.fail(task, attempt, lease)
        elif todo == "ask":
            self.say(PLEA, [3, attempt, lease, 33], task, {"tried": "everything" + HOSTILE, "asked": "a key" + HOSTILE})
        elif todo == "child":
            child = new_id()
            self.waiting[child] = (task, attempt, lease)
            self.say(PROGRESS, [attempt, lease, 0, 1], task, {"stage": "help", "line": "asks another"})
            self.say(REQUEST, ["works", None, 0, 0, task, lease, 0, None, None, None, None, None, 0], child, {"parameters": '{"do": "ok"}'})
        elif todo != "hang":
            self.complete(task, attempt, lease)

    def hear(self, kind, header, facts, payload):
        if kind == WELCOME and "BUNSHIN_NOTIFY_FD" in os.environ:
            os.write(int(os.environ.pop("BUNSHIN_NOTIFY_FD")), b"\n")
        elif kind == ASSIGNMENT:
            self.work(header[2], facts[1], facts[2], payload)
        elif kind in (COMPLETION, FAILURE) and header[2] in self.waiting:
            self.complete(*self.waiting.pop(header[2]))
        elif kind == ACTION and facts[0] == 18:
            sys.exit(0)

    def run(self):
        spoke = 0
        while True:
            if self.socket.poll(50):
                frame = msgpack.Unpacker()
                frame.feed(self.socket.recv())
                for message in frame:
                    self.hear(*message[1:])
            if time.monotonic() - spoke > 0.1:
                self.say(HEARTBEAT, [4, 0, 0, 0])
                spoke = time.monotonic()


if __name__ == "__main__":
    Clone().run()
