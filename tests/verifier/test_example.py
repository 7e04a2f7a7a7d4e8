#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The worked example of docs/trail-format.md is executed: every number in it follows from those before it, and both verifiers take the trail
that it describes.

    test_example.py ROOT BUNSHIN-VERIFY"""
import hashlib
import os
import re
import sqlite3
import subprocess
import sys
import tempfile

import maker
import verify


def value_of(text):
    if text == "NULL":
        return None
    if text.startswith("x'"):
        return bytes.fromhex(text[2:-1])
    return text[1:-1] if text.startswith("'") else int(text)


def blocks(document):
    found = re.findall(r"^```(?:text|json) ([a-z ]+)\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    return dict(found)


def same(what, found, expected):
    if found != expected:
        sys.exit(f"{what} of the example: the document has\n{expected!r}, it must be\n{found!r}")


def main(root, program):
    with open(os.path.join(root, "docs", "trail-format.md"), encoding="utf-8") as file:
        document = file.read()
    with open(os.path.join(root, "audit", "schema.sql"), encoding="utf-8") as file:
        schema = file.read()
    text = blocks(document)
    stated = re.search(r"^```sql schema\n(.*?)^```$", document, re.MULTILINE | re.DOTALL).group(1)
    # The schema in the document is that of the program.
    with sqlite3.connect(":memory:") as one, sqlite3.connect(":memory:") as two:
        one.executescript(stated)
        two.executescript(schema)
        asked = "SELECT name, sql FROM sqlite_schema WHERE type <> 'view' AND sql NOT NULL ORDER BY name"
        same("the schema", [(name, verify.sql_plain(sql)) for name, sql in two.execute(asked)],
             [(name, verify.sql_plain(sql)) for name, sql in one.execute(asked)])
    keys = maker.Keyring(bytes([1]) * 32, lambda number: bytes([number + 1]) * 32)
    same("the key file", "\n".join(keys.file().split("\n")[1:]), text["key file"])
    rows = [dict((name, value_of(value)) for name, value in re.findall(r"(\w+)=('[^']*'|\S+)", line)) for line in text["records"].splitlines()]
    payload = dict((name, bytes.fromhex(value)) for name, value in re.findall(r"(\w+)=(\w+)", text["payload"]))
    same("the commitment", hashlib.sha256(payload["salt"] + payload["body"]).digest(), rows[2]["commitment"])
    made = maker.Maker(1, keys)
    for row in rows:
        data = verify.canonical(row, made.chain)
        row["chain"] = made.chain = hashlib.sha256(b"\0" + data).digest()
        made.rows.append(row)
        made.tree.add(made.chain)
        same("canonical bytes", data.hex(), text["canonical"].splitlines()[row["seq"] - 1])
    same("the chain", [row["chain"].hex() for row in rows], text["chain"].splitlines())
    inner = hashlib.sha256(b"\1" + rows[0]["chain"] + rows[1]["chain"]).digest()
    same("the tree", [inner.hex(), hashlib.sha256(b"\1" + inner + rows[2]["chain"]).hexdigest()], text["tree"].splitlines())
    made.payloads[3] = [payload["salt"], payload["body"]]
    made.tasks[3] = [rows[2]["task_id"], None, rows[2]["body_hash"], 0, 0, 0]
    made.now = 1800000004000
    made.checkpoint()
    same("the note", made.checkpoints[0][2], text["note"])
    same("the receipt", made.receipt(3, True), text["receipt"])
    with tempfile.TemporaryDirectory() as folder:
        made.write(os.path.join(folder, "trail.db"))
        for name, content in (("log.pub", text["key file"]), ("receipt.json", text["receipt"])):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(content)
        for command in ([program], [sys.executable, os.path.join(root, "verifier", "verify.py")]):
            for file in ("trail.db", "receipt.json"):
                done = subprocess.run([*command, "--key", f"{folder}/log.pub", f"{folder}/{file}"], capture_output=True, text=True, check=False)
                if done.returncode:
                    sys.exit(f"{command} does not take the {file} of the example: {done.stdout}{done.stderr}")
    print("the example is executed, and both verifiers take it")


main(sys.argv[1], sys.argv[2])
