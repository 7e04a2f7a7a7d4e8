#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes trails of format 2, and exports, receipts, mirrors and keys of them, from docs/trail-format.md alone.

    maker.py FOLDER COUNT SEED     a trail of COUNT records and more: trail.db, older.db (the same, 3/4 of it), log.pub, mirror.txt

Tests of verifiers need trails that no program of ours has written, and secrets, to forge with. Also a module: see Maker."""
import base64
import hashlib
import json
import os
import random
import sqlite3
import sys

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "verifier"))
import verify  # noqa: E402  its canonical bytes are compared with those of the other verifier by every test

RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
STATES = {"completed": 16, "failed": 17}


def b64(data):
    return base64.b64encode(data).decode()


def secret(seed):
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest() if isinstance(seed, str) else seed)


def public(key):
    return key.public_key().public_bytes(*RAW)


def pack(*values):
    """A short MessagePack array."""
    out = bytes([0x90 | len(values)])
    for value in values:
        if value is None:
            out += b"\xc0"
        elif isinstance(value, int):
            out += bytes([value]) if value < 128 else b"\xcf" + value.to_bytes(8, "big") if value >= 2**32 else b"\xce" + value.to_bytes(4, "big")
        elif isinstance(value, str):
            out += b"\xd9" + bytes([len(value.encode())]) + value.encode()
        else:
            out += b"\xc4" + bytes([len(value)]) + value
    return out


class Keyring:
    def __init__(self, seed="log", seals=None):
        self.log, self.seed, self.seals = secret(seed), seed, seals
        self.origin = "bunshin/" + hashlib.sha256(public(self.log)).hexdigest()[:16]

    def seal(self, number):
        return secret(self.seals(number) if self.seals else f"{self.seed}/seal/{number}")

    @staticmethod
    def line(name, key):
        return f"{name}+{verify.key_id(name, key).hex()}+{b64(bytes([1]) + key)}\n"

    def file(self):
        return "# made for a test\n" + self.line(self.origin, public(self.log)) + self.line(f"{self.origin}/seal/1", public(self.seal(1)))

    def note(self, number, size, root, time_ms):
        body = (f"{self.origin}\n{size}\n{b64(root)}\ntime {time_ms}\nseal {number + 1} {b64(bytes([1]) + public(self.seal(number + 1)))}\n")
        names = ((self.origin, self.log), (f"{self.origin}/seal/{number}", self.seal(number)))
        return body + "\n" + "".join(f"\u2014 {name} {b64(verify.key_id(name, public(key)) + key.sign(body.encode()))}\n" for name, key in names)


class Maker:
    """A history that keeps the rules, and the rows of it."""

    def __init__(self, seed=1, keys=None):
        self.random, self.keys = random.Random(seed), keys or Keyring()
        self.rows, self.payloads, self.tasks, self.snapshots, self.nodes, self.checkpoints = [], {}, {}, [], [], []
        self.tree, self.chain, self.sealed, self.now = verify.Tree(), bytes(32), 0, 1_800_000_000_000
        self.boot, self.peers, self.live, self.ended, self.erased = None, {}, [], [], 0

    # One record.
    def add(self, **columns):
        seq = len(self.rows) + 1
        self.now += self.random.randrange(40)
        row = {"seq": seq, "boot": self.boot, "now_ms": self.now - 1_700_000_000_000, "wall_ms": self.now, "mono_ms": self.now - 1_750_000_000_000,
               "direction": 3, "type": 0, "verdict": 0, "peer": "", "message_id": self.random.randbytes(16), "task_id": None, "task_number": 0,
               "attempt": 0, "sender_seq": 0, "end_state": 0, "revives": 0, "key_hash": None, "body_hash": None,
               "header": self.random.randbytes(self.random.randrange(90, 130)), "facts": b"\x90", "payload_seq": 0, "commitment": None}
        body = columns.pop("body", None)
        row.update(columns)
        if body is not None:
            salt = self.random.randbytes(32)
            self.payloads[seq] = [salt, body]
            row.update(payload_seq=seq, commitment=verify.sha256(salt, body))
        elif row["payload_seq"]:
            row["commitment"] = self.rows[row["payload_seq"] - 1]["commitment"]
        row["chain"] = self.chain = verify.sha256(b"\0", verify.canonical(row, self.chain))
        self.rows.append(row)
        self.nodes += [(level, number, root) for level, number, root in self.tree.add(self.chain) if level % 8 == 0]
        return seq

    def own(self, kind, *facts, **columns):
        return self.add(type=kind, facts=pack(*facts), **columns)

    def received(self, peer, kind, *facts, **columns):
        self.peers[peer][0] += 1
        return self.add(direction=1, peer=peer, type=kind, sender_seq=self.peers[peer][0], facts=pack(*facts), **columns)

    def sent(self, peer, kind, *facts, **columns):
        number = 0
        if peer in self.peers:
            self.peers[peer][1] += 1
            number = self.peers[peer][1]
        return self.add(direction=2, peer=peer, type=kind, sender_seq=number, facts=pack(*facts), **columns)

    def body(self):
        return self.random.randbytes(self.random.randrange(20, 400))

    def checkpoint(self):
        if len(self.rows) == self.sealed:
            return
        number, self.sealed = len(self.checkpoints) + 1, len(self.rows)
        self.checkpoints.append((number, self.sealed, self.keys.note(number, self.sealed, self.tree.root(), self.now)))

    # What happens.
    def join(self, peer):
        self.peers[peer] = [0, 0]
        self.received(peer, 1, "role", peer)
        self.sent(peer, 2, peer)

    def start(self):
        self.boot, self.peers = self.random.randbytes(16), {}
        self.own(96, self.boot)
        self.own(98, 1, self.random.randbytes(32))
        for peer in ("beta/1", "gamma/1", "client/anna/3f9c2e10", "operator/root/00000001"):
            self.join(peer)

    def request(self):
        task = {"id": self.random.randbytes(16), "client": "client/anna/3f9c2e10", "clone": self.random.choice(("beta/1", "gamma/1")), "step": 0,
                "attempt": 0}
        key = self.random.randbytes(16) if self.random.random() < 0.3 else None
        number = len(self.rows) + 1
        task["number"] = self.received(task["client"], 16, "documentation", 2, body=self.body(), task_id=task["id"], task_number=number, key_hash=key,
                                       body_hash=self.random.randbytes(16))
        self.tasks[number] = [task["id"], key, self.rows[-1]["body_hash"], 0, 0, 0]
        self.sent(task["client"], 17, number, task_id=task["id"], task_number=number)
        self.live.append(task)

    def go_on(self, task):
        named = {"task_id": task["id"], "task_number": task["number"]}
        if task["step"] == 0:
            task["attempt"] += 1
            self.sent(task["clone"], 18, "documentation", attempt=task["attempt"], payload_seq=task["number"], **named)
            self.received(task["clone"], 19, task["attempt"], attempt=task["attempt"], **named)
            task["step"] = 1
        elif self.random.random() < 0.4:
            self.received(task["clone"], 20, task["attempt"], attempt=task["attempt"], body=self.body(), **named)
        elif self.random.random() < 0.2 and task["attempt"] < 3:
            self.received(task["clone"], 22, task["attempt"], 33, attempt=task["attempt"], body=self.body(), **named)
            self.own(103, 33, 0, 1000, **named)
            task["step"] = 0
        else:
            self.finish(task, named)

    def finish(self, task, named):
        kind, state = (21, 16) if self.random.random() < 0.8 else (22, 17)
        payload = self.received(task["clone"], kind, task["attempt"], attempt=task["attempt"], body=self.body(), **named)
        seq = self.sent(task["client"], kind, task["attempt"], payload_seq=payload, end_state=state, **named)
        self.tasks[task["number"]][3:] = [seq, state, seq]
        self.live.remove(task)
        self.ended.append((task, state))

    def revive(self):
        dead = [task for task, state in self.ended if state == 17 and not self.is_gone(task)]
        if not dead:
            return
        task = self.random.choice(dead)
        self.ended.remove((task, 17))
        self.received("operator/root/00000001", 34, 1, "", task_id=task["id"], task_number=task["number"], revives=1, body=self.body())
        self.tasks[task["number"]][3:] = [0, 0, 0]
        task.update(step=0, attempt=0)
        self.live.append(task)

    def is_gone(self, task):
        return self.payloads[task["number"]][0] is None

    def erase(self):
        """One task's payloads, or those of all old ones."""
        if not self.ended:
            return
        task, _ = self.random.choice(self.ended)
        by_age = self.random.random() < 0.2 and not self.live
        through = self.random.randrange(1, len(self.rows) + 1) if by_age else len(self.rows)
        named = {} if by_age else {"task_id": task["id"]}
        self.own(104, 0 if by_age else task["number"], through, "root", **named)
        for seq, payload in self.payloads.items():
            row = self.rows[seq - 1]
            if seq <= through and row["type"] != 100 and (by_age or row["task_number"] == task["number"]):
                self.erased += payload[0] is not None
                payload[:] = [None, None]
        self.checkpoint()  # an erasure is sealed at once

    def refuse_late(self):
        """A message about a task that nobody knows any more; it is erased with that task by its id."""
        if self.ended:
            task, _ = self.random.choice(self.ended)
            self.received(task["clone"], 20, 1, verdict=11, task_id=task["id"], body=self.body())
            self.sent(task["clone"], 3, 11, 0, 20, task_id=task["id"], body=self.body())

    def lose_some(self):
        """Progress that was only counted: a hole that is explained."""
        count = self.random.randrange(1, 5)
        self.peers["beta/1"][0] += count
        self.received("beta/1", 33, 1, body=self.body())
        self.own(102, "beta/1", 20, count, 0)

    def stranger(self):
        self.add(direction=1, peer="gamma/1", type=20, verdict=4, sender_seq=77, facts=pack(1))
        self.add(direction=2, peer="gamma/1", type=3, sender_seq=1, facts=pack(4, 0, 20))
        self.own(97, "gamma/1", 1)

    def step(self):
        chance = self.random.random()
        if chance < 0.25 or not self.live:
            self.request()
        elif chance < 0.9:
            self.go_on(self.random.choice(self.live))
        else:
            self.random.choice((self.revive, self.refuse_late, self.lose_some, self.stranger, self.snapshot))()
        if len(self.rows) - self.sealed >= 700 + self.random.randrange(300) or self.random.random() < 0.0005:
            self.checkpoint()
        if self.random.random() < 0.001:
            self.start()
        if self.random.random() < 0.002:
            self.erase()

    def snapshot(self):
        self.snapshots.append(self.add(type=100, facts=pack(1, 400), body=self.random.randbytes(400)))

    def story(self, count):
        if not self.rows:
            self.start()
        while len(self.rows) < count:
            self.step()

    # Files.
    def write(self, path, version=2, schema=verify.SCHEMA_2, page=8192):
        if os.path.exists(path):
            os.unlink(path)
        db = sqlite3.connect(path, isolation_level=None)
        db.execute(f"PRAGMA page_size={page}")
        db.execute("PRAGMA journal_mode=OFF")
        db.execute("PRAGMA synchronous=OFF")
        db.execute("BEGIN")
        for statement in schema.split(";"):
            db.execute(statement)
        names = ["seq"] + verify.COLUMNS + ["chain"]
        db.executemany(f"INSERT INTO records VALUES({','.join('?' * len(names))})",
                       ([signed(row[name]) for name in names] for row in self.rows))
        db.executemany("INSERT INTO payloads VALUES(?,?,?)", ((seq, *payload) for seq, payload in self.payloads.items()))
        db.executemany("INSERT INTO tasks VALUES(?,?,?,?,?,?,?)", ((number, *task) for number, task in self.tasks.items()))
        db.executemany("INSERT INTO snapshots VALUES(?)", ((seq,) for seq in self.snapshots))
        if version > 1:
            db.executemany("INSERT INTO nodes VALUES(?,?,?)", self.nodes)
            db.executemany("INSERT INTO checkpoints VALUES(?,?,?)", self.checkpoints)
        db.execute("COMMIT")
        db.execute("PRAGMA application_id=0x42756e73")
        db.execute(f"PRAGMA user_version={version}")
        db.close()

    def mirror(self, each=1):
        return "".join(f"# {number} {self.now}\n{note}\n" for number, _, note in self.checkpoints if number % each == 0)

    def receipt(self, seq, opened=False, checkpoint=None):
        number, size, note = checkpoint or next(one for one in self.checkpoints if one[1] >= seq)
        row = self.rows[seq - 1]
        record = verify.canonical(row, self.rows[seq - 2]["chain"] if seq > 1 else bytes(32))
        proof = verify.inclusion_path(seq - 1, [one["chain"] for one in self.rows[:size]])
        found = {"checkpoint": note, "format": "bunshin-receipt/1", "index": seq - 1, "proof": [b64(part) for part in proof], "record": b64(record)}
        if opened:
            salt, body = self.payloads[row["payload_seq"]]
            found["payload"] = {"body": b64(body), "salt": b64(salt)}
        return canonical_json(found)

    def export(self, whole=True, seqs=None, payloads=True):
        number, size, note = self.checkpoints[-1]
        seqs = list(range(1, size + 1)) if whole else seqs
        header = {"checkpoints": number if whole else 1, "first": seqs[0], "format": "bunshin-export/1",
                  "keys": [line for line in self.keys.file().split("\n") if line and line[0] != "#"], "last": seqs[-1], "records": len(seqs), "whole": whole}
        if not payloads:
            header["payloads"] = False
        lines = [header]
        leaves = [row["chain"] for row in self.rows[:size]]
        for seq in seqs:
            lines.append(self.export_record(seq, None if whole else verify.inclusion_path(seq - 1, leaves), payloads))
        lines += [{"checkpoint": text, "number": n} for n, _, text in (self.checkpoints if whole else self.checkpoints[-1:])]
        lines.append({"end": True, "lines": len(lines)})
        return "".join(canonical_json(line) for line in lines)

    def export_record(self, seq, proof, payloads):
        row, found = self.rows[seq - 1], {}
        for name in ["seq"] + verify.COLUMNS + ["chain"]:
            value = row[name]
            if name in verify.BYTES:
                value = b64(value)
            elif isinstance(value, bytes):
                value = value.hex()
            found[name] = str(value) if name == "sender_seq" else value
        opened = self.payloads.get(seq, [None])[0] is not None and payloads
        found["payload"] = {"body": b64(self.payloads[seq][1]), "salt": b64(self.payloads[seq][0])} if opened else None
        found["message"] = {"facts": {}, "nested": [[], {"a": [1, "<b>"]}]}
        if proof is not None:
            found["previous"] = (self.rows[seq - 2]["chain"] if seq > 1 else bytes(32)).hex()
            found["proof"] = [b64(part) for part in proof]
        return found


def signed(value):
    """SQLite's integers have a sign."""
    return value - 2**64 if isinstance(value, int) and value >= 2**63 else value


def canonical_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"


def page(export):
    return ('<!DOCTYPE html>\n<html><head><title>x</title></head><body>\n<script type="application/x-ndjson" id="export">\n' +
            export.replace("<", "\\u003c") + "</script>\n<script>show()</script></body></html>\n")


def main(folder, count, seed):
    maker = Maker(seed)
    maker.story(count * 3 // 4)
    maker.checkpoint()
    maker.write(os.path.join(folder, "older.db"))
    maker.story(count)
    maker.checkpoint()
    maker.request()
    maker.write(os.path.join(folder, "trail.db"))
    for name, text in (("log.pub", maker.keys.file()), ("mirror.txt", maker.mirror(2))):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    print(len(maker.rows), len(maker.checkpoints), maker.erased)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
