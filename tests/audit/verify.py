#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""verify.py TRAIL: checks a trail from docs/trail.md alone, without a line of the program that wrote it.

Prints the last record and its chain value and exits 0, or says what is wrong with the first bad record and exits 1."""
import hashlib
import sqlite3
import sys

IDS = {"boot", "message_id", "task_id", "key_hash", "body_hash"}
FIELDS = ("boot now_ms wall_ms mono_ms direction type verdict peer message_id task_id task_number attempt sender_seq end_state "
          "revives key_hash body_hash header facts payload_seq commitment").split()


def field(value):
    if value is None:
        value = b""
    elif isinstance(value, int):
        value = (value % 2**64).to_bytes(8, "big")
    elif isinstance(value, str):
        value = value.encode()
    return len(value).to_bytes(4, "big") + value


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def bad(seq, what):
    print(f"record {seq}: {what}")
    sys.exit(1)


def check(row, expected, previous, payloads, commitments):
    seq = row["seq"]
    if seq != expected:
        bad(expected, "is missing")
    for name in IDS:
        if row[name] is not None and len(row[name]) != 16:
            bad(seq, f"{name} is no id")
    record = bytes([1]) + field(seq) + b"".join(field(row[name]) for name in FIELDS) + field(previous)
    if sha256(b"\0", record) != row["chain"]:
        bad(seq, "its bytes do not give its chain value")
    if row["payload_seq"] == seq:
        salt, body = payloads.pop(seq, (None, None))
        if salt is None or sha256(salt, body) != row["commitment"]:
            bad(seq, "its payload is not the one that was written")
        commitments[seq] = row["commitment"]
    elif row["payload_seq"] and commitments.get(row["payload_seq"]) != row["commitment"]:
        bad(seq, "it forwards another payload than it says")


def main(path):
    trail = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    trail.row_factory = sqlite3.Row
    payloads = {row["seq"]: (row["salt"], row["body"]) for row in trail.execute("SELECT * FROM payloads")}
    chain, last, commitments = bytes(32), 0, {}
    for row in trail.execute("SELECT * FROM records ORDER BY seq"):
        check(row, last + 1, chain, payloads, commitments)
        chain, last = row["chain"], row["seq"]
    if payloads:
        bad(min(payloads), "owns no payload, and there is one")
    print(last, chain.hex())


main(sys.argv[1])
