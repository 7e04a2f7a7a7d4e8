#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Two verifiers, every kind of file, sound and damaged: the same verdict and the same first bad record; and the verdict that is right.

    test_files.py BUNSHIN-VERIFY"""
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile

import maker
import verify

VERIFIED, WRONG, UNREADABLE, HOLES = 0, 1, 3, 4


class World:
    def __init__(self, program, folder):
        self.program, self.folder, self.count = program, folder, 0
        self.keys = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def put(self, name, text):
        with open(self.path(name), "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return name

    def first(self, name, mirrors):
        words = [self.program, "--json", *(["--key", self.path("log.pub")] if self.keys else ["--without-key"])]
        for mirror in mirrors:
            words += ["--mirror", self.path(mirror)]
        done = subprocess.run([*words, self.path(name)], capture_output=True, text=True, errors="replace", check=False)
        if done.returncode not in (0, 1, 3, 4):
            sys.exit(f"{name}: exit code {done.returncode}\n{done.stderr}")
        found = json.loads(done.stdout)
        return done.returncode, (found["problem"] or {}).get("first"), found

    def second(self, name, mirrors):
        found = verify.verdict_of(self.path(name), self.keys, [self.path(mirror) for mirror in mirrors])
        return verify.CODES[found["verdict"]], found.get("first"), found

    def check(self, what, name, expected=None, first=None, mirrors=()):
        """Both verifiers agree; and, where it is given, on what is expected."""
        one, two = self.first(name, mirrors), self.second(name, mirrors)
        if one[:2] != two[:2]:
            sys.exit(f"{what}: the first verifier says {one},\nthe second {two}")
        if expected is not None and one[0] != expected or first is not None and one[1] != first:
            sys.exit(f"{what}: expected {expected}, first bad record {first}, and both say {one}")
        if one[0] == WRONG and one[2]["problem"]["checkpoint"] != two[2]["checkpoint"]:
            sys.exit(f"{what}: another checkpoint is meant by {one[2]['problem']} and by {two[2]}")
        self.count += 1
        return one


def tell(world, name, sql):
    """Changes a copy of trail.db."""
    made = sqlite3.connect(world.path(name))
    made.executescript(sql)
    made.close()
    return name


def trails(world, made):
    """Every way in which a trail may differ from what it should be, one bit apart from test_mutations."""
    made.write(world.path("trail.db"))
    with open(world.path("trail.db"), "rb") as file:
        sound = file.read()
    world.check("a sound trail", "trail.db", VERIFIED)
    last = len(made.rows)

    def changed(what, sql, expected, first=None, mirrors=()):
        world.put("changed.db", sound)
        tell(world, "changed.db", sql)
        world.check(what, "changed.db", expected, first, mirrors)

    changed("a trigger", "CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM payloads; END", WRONG, 0)
    changed("a table", "CREATE TABLE notes(x)", WRONG, 0)
    changed("an index", "CREATE INDEX i ON records(type)", WRONG, 0)
    changed("no index", "DROP INDEX records_by_task", WRONG, 0)
    changed("a column", "ALTER TABLE payloads ADD COLUMN x TEXT", WRONG, 0)
    changed("a view", "CREATE VIEW v AS SELECT * FROM records", VERIFIED)
    changed("statistics", "ANALYZE", WRONG, 0)
    changed("a newer format", "PRAGMA user_version=3", UNREADABLE)
    changed("format 0", "PRAGMA user_version=0", WRONG, 0)
    changed("another application", "PRAGMA application_id=7", WRONG, 0)
    changed("a payload too much", f"INSERT INTO payloads VALUES({last + 3}, zeroblob(32), x'80')", WRONG, last + 1)
    changed("a task too much", "PRAGMA foreign_keys=OFF; INSERT INTO tasks VALUES(-4, zeroblob(16), NULL, NULL, 0, 0, 0)", WRONG, 1)
    changed("a snapshot too much", f"INSERT INTO snapshots VALUES({last + 1})", WRONG, last + 1)
    changed("a node too much", "INSERT INTO nodes VALUES(9, 0, zeroblob(32))", WRONG, last + 1)
    changed("a note of bytes", "UPDATE checkpoints SET note = 'x' WHERE number = 1", WRONG, 1)
    changed("a receipt of nothing", "INSERT INTO erasures VALUES(5, '{}')", WRONG, 0)
    changed("a record after the end",
            f"INSERT INTO records SELECT {last + 1}, boot, now_ms, wall_ms, mono_ms, direction, type, verdict, peer, message_id, task_id, task_number, "
            f"attempt, sender_seq, end_state, revives, key_hash, body_hash, header, facts, 0, NULL, chain FROM records WHERE seq = {last}", WRONG)
    notes(made, changed)
    types(world, made, sound)
    sealed = made.checkpoints[-1][1]
    changed("three records less than were sealed", f"PRAGMA foreign_keys=OFF; DELETE FROM records WHERE seq > {sealed - 3}; DELETE FROM payloads WHERE seq > "
            f"{sealed - 3}; DELETE FROM tasks WHERE request_seq > {sealed - 3}; DELETE FROM snapshots WHERE seq > {sealed - 3}", WRONG, sealed - 2)
    # A row that hashes the same and is not the same.
    empty = next(row["seq"] for row in made.rows if row["key_hash"] is None)
    changed("an empty blob where nothing is", f"UPDATE records SET key_hash = x'' WHERE seq = {empty}", WRONG, empty)
    world.put("mirror.txt", made.mirror(2))
    world.check("a mirror", "trail.db", VERIFIED, mirrors=["mirror.txt"])
    world.put("all.txt", made.mirror())
    changed("the last checkpoint dropped", f"DELETE FROM checkpoints WHERE number = {len(made.checkpoints)}", WRONG, mirrors=["all.txt"])
    world.put("note.txt", made.checkpoints[0][2])
    world.put("receipt.json", made.receipt(7))
    world.check("a note and a receipt", "trail.db", VERIFIED, mirrors=["note.txt", "receipt.json"])
    other = maker.Maker(99, made.keys)
    other.story(300)
    other.checkpoint()
    world.put("other.txt", other.mirror())
    world.check("the mirror of another trail", "trail.db", WRONG, mirrors=["other.txt"])
    world.put("bad.txt", made.mirror().replace("time 1", "time 2", 1))
    world.check("a mirror that was changed", "trail.db", WRONG, 0, mirrors=["bad.txt"])
    world.put("empty.txt", "# nothing\n\n")
    world.check("an empty mirror", "trail.db", VERIFIED, mirrors=["empty.txt"])
    longer = made.mirror()
    made.story(len(made.rows) + 50)
    made.checkpoint()
    world.put("longer.txt", made.mirror())
    world.check("the mirror of a longer trail", "trail.db", WRONG, last + 1, mirrors=["longer.txt"])
    return longer


def notes(made, changed):
    """Checkpoints that are signed, and not by whom or as they must be."""
    number, size, note = made.checkpoints[1]
    first = made.checkpoints[0][1] + 1
    log, seal = note.rstrip("\n").split("\n")[-2:]
    other = maker.Keyring("somebody")
    forged = other.log.sign(verify.Note(note).body)
    name = made.keys.origin
    forged = f"\u2014 {name} {maker.b64(verify.key_id(name, maker.public(made.keys.log)) + forged)}"
    for what, text in (("one signature more", note + log + "\n"), ("a signature less", note.replace(seal + "\n", "")), ("the seal alone", note.replace(log + "\n", "")),
                       ("signatures exchanged", note.replace(log, "X").replace(seal, log).replace("X", seal)), ("another log's signature", note.replace(log, forged)),
                       ("a line more", note.replace("\n\n", "\nx 1\n\n")), ("a space more", note.replace("\nseal ", "\nseal  ")), ("no newline", note[:-1]),
                       ("nothing", ""), ("another number", made.keys.note(number + 1, size, verify.Note(note).root, 5)),
                       ("another size", made.keys.note(number, size + 1, verify.Note(note).root, 5)), ("another root", made.keys.note(number, size, bytes(32), 5))):
        changed(f"a note with {what}", f"UPDATE checkpoints SET note = '{text}' WHERE number = {number}", WRONG, first)
    changed("a time that is said anew", f"UPDATE checkpoints SET note = '{made.keys.note(number, size, verify.Note(note).root, 5)}' WHERE number = {number}", VERIFIED)


def types(world, made, sound):
    """Values that are hashed like the right ones and are of another type: SQLite would not let them in, so its rules are taken away and put back."""
    own = next(row["seq"] for row in made.rows if row["direction"] == 3)
    zero = next(row["seq"] for row in made.rows if row["attempt"] == 0)
    named = next(row["seq"] for row in made.rows if row["task_id"])
    owner = next(seq for seq in made.payloads if made.payloads[seq][0])
    loose = "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(replace(sql, ' NOT NULL', ''), ') STRICT', ')') WHERE name = '{0}'"
    for what, table, change, first in (
            ("no number", "records", f"attempt = NULL WHERE seq = {zero}", zero), ("a number with a point", "records", f"attempt = 0.5 WHERE seq = {zero}", zero),
            ("a number as text", "records", f"attempt = CAST('' AS TEXT) WHERE seq = {zero}", zero), ("no name", "records", f"peer = NULL WHERE seq = {own}", own),
            ("a name of bytes", "records", f"peer = CAST(peer AS BLOB) WHERE seq = {named}", named),
            ("an id of text", "records", f"task_id = CAST(task_id AS TEXT) WHERE seq = {named}", named),
            ("a header of text", "records", f"header = CAST(header AS TEXT) WHERE seq = {named}", named),
            ("facts of text", "records", f"facts = CAST(facts AS TEXT) WHERE seq = {named}", named),
            ("a chain of text", "records", f"chain = CAST(chain AS TEXT) WHERE seq = {named}", named),
            ("a body of text", "payloads", f"body = CAST(body AS TEXT) WHERE seq = {owner}", owner),
            ("a salt of text", "payloads", f"salt = CAST(salt AS TEXT) WHERE seq = {owner}", owner)):
        world.put("changed.db", sound)
        with sqlite3.connect(world.path("changed.db")) as db:
            sql = db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
            db.executescript(loose.format(table).replace("{0}", table))
        db.close()
        with sqlite3.connect(world.path("changed.db")) as db:
            if db.execute(f"UPDATE {table} SET {change}").rowcount != 1:
                sys.exit(f"{what} could not be put in")
            db.commit()
            db.execute("PRAGMA writable_schema=ON")
            db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (sql, table))
        db.close()
        world.check(what, "changed.db", WRONG, first)


def large(world):
    """How much may be under no checkpoint."""
    def filled(count, checkpoints):
        made = maker.Maker(7, maker.Keyring("large"))
        made.boot = bytes(16 * [1])
        for _ in range(count):
            made.own(97, "beta/1", 1)
            if len(made.rows) in checkpoints:
                made.checkpoint()
        world.put("log.pub", made.keys.file())
        world.keys = verify.Keys(made.keys.file().encode())
        made.write(world.path("large.db"))
    filled(20000, [])
    world.check("20,000 records without a checkpoint", "large.db", VERIFIED)
    filled(20001, [])
    world.check("20,001 records without a checkpoint", "large.db", WRONG, 1)
    filled(20105, [20100])
    world.check("the first checkpoint may seal any number", "large.db", VERIFIED)
    filled(20105, [100, 20101])
    world.check("a later one may not", "large.db", WRONG, 101)


def keys(world):
    """A second row of seal keys, and other people's keys."""
    made = maker.Maker(11, maker.Keyring("row"))
    made.story(300)
    made.checkpoint()
    count = len(made.checkpoints)
    made.keys.seals = lambda number: f"other/{number}" if number > count else f"row/seal/{number}"
    made.story(500)
    made.checkpoint()
    made.write(world.path("row.db"))
    plain = made.keys.file()
    row = plain + made.keys.line(f"{made.keys.origin}/seal/{count + 1}", maker.public(made.keys.seal(count + 1)))
    for text, expected in ((row, VERIFIED), (plain, WRONG)):
        world.put("log.pub", text)
        world.keys = verify.Keys(text.encode())
        world.check("a second row of seal keys", "row.db", expected, None if expected == VERIFIED else made.checkpoints[count - 1][1] + 1)
    world.put("log.pub", maker.Keyring("somebody").file())
    world.keys = verify.Keys(maker.Keyring("somebody").file().encode())
    world.check("another log's key", "row.db", WRONG, 1)
    world.keys = None
    world.check("no key", "row.db", VERIFIED)


def versions(world):
    made = maker.Maker(12, maker.Keyring("old"))
    made.random.random = lambda: 0.5  # requests and what follows: format 1 has no erasure
    made.start()
    for _ in range(40):
        made.request()
        made.go_on(made.live[-1])
    made.write(world.path("old.db"), 1, verify.SCHEMA_1)
    world.put("log.pub", made.keys.file())
    world.keys = verify.Keys(made.keys.file().encode())
    world.check("format 1", "old.db", VERIFIED)
    tell(world, "old.db", "UPDATE payloads SET salt = NULL, body = NULL WHERE seq = (SELECT min(seq) FROM payloads)")
    world.check("format 1, a payload gone", "old.db", WRONG, min(made.payloads))


def backups(world):
    """A backup in which something was erased later, which the trail has on record."""
    made = maker.Maker(13, maker.Keyring("backup"))
    made.start()
    for _ in range(20):
        made.request()
    task = made.live[0]
    made.go_on(task)
    made.finish(task, {"task_id": task["id"], "task_number": task["number"]})
    made.checkpoint()
    made.write(world.path("backup.db"))
    through = len(made.rows)
    erased = made.own(104, task["number"], through, "root", task_id=task["id"])
    made.checkpoint()
    receipt, other = made.receipt(erased), made.receipt(through)
    owned = ", ".join(str(row["seq"]) for row in made.rows if row["seq"] in made.payloads and row["task_number"] == task["number"])
    tell(world, "backup.db", f"UPDATE payloads SET salt = NULL, body = NULL WHERE seq IN ({owned})")
    world.put("log.pub", made.keys.file())
    world.keys = verify.Keys(made.keys.file().encode())
    # An erasure covers nothing that came after it, whatever it claims.
    early = maker.Maker(13, made.keys)
    early.start()
    early.request()
    task = early.live[0]
    named = {"task_id": task["id"], "task_number": task["number"]}
    early.own(104, task["number"], 2**40, "root", task_id=task["id"])
    later = early.received("beta/1", 20, 1, body=b"later", **named)
    early.payloads[task["number"]] = early.payloads[later] = [None, None]
    early.checkpoint()
    early.write(world.path("early.db"))
    world.check("a payload that was erased before it was there", "early.db", WRONG, later)
    world.check("a backup with holes", "backup.db", WRONG, int(owned.split(",", maxsplit=1)[0]))
    with open(world.path("backup.db"), "rb") as file:
        holes = file.read()
    for text, seq, expected in ((receipt, erased, VERIFIED), (receipt, erased + 1, WRONG), (other, through, WRONG),
                                (receipt.replace('"index"', '"idx"'), erased, WRONG)):
        world.put("backup.db", holes)
        text = text.replace("'", "''")
        tell(world, "backup.db", f"INSERT INTO erasures VALUES({seq}, '{text}')")
        world.check("a backup with a receipt", "backup.db", expected, 0 if expected else None)


def sequences(world):
    def story(lose, seed=14):
        made = maker.Maker(seed, maker.Keyring("numbers"))
        made.start()
        made.request()
        lose(made)
        made.checkpoint()
        made.write(world.path("numbers.db"))
        world.put("log.pub", made.keys.file())
        world.keys = verify.Keys(made.keys.file().encode())

    def skip(made, peer="beta/1", which=0, count=3):
        made.peers[peer][which] += count

    def later(made, milliseconds):
        made.now += milliseconds
        made.own(97, "beta/1", 1)

    def lost(made):
        skip(made)
        made.received("beta/1", 33, 1)
        later(made, 200000)

    def counted(made):
        skip(made)
        made.received("beta/1", 33, 1)
        later(made, 60000)
        made.own(102, "beta/1", 20, 3, 0)
        later(made, 600000)

    def counted_too_few(made):
        skip(made)
        made.received("beta/1", 33, 1)
        made.own(102, "beta/1", 20, 2, 0)
        made.join("beta/1")

    def malformed(made):
        skip(made, count=64)
        made.received("beta/1", 33, 1)
        made.own(102, "beta/1", 3, 1, 1)
        made.join("beta/1")

    def cut_short(made):
        skip(made)
        made.received("beta/1", 33, 1)
        later(made, 100000)
        made.start()

    def said_again(made):
        made.received("beta/1", 33, 1)
        skip(made, count=-1)
        made.received("beta/1", 33, 1)

    def omega_skips(made):
        skip(made, which=1)
        made.sent("beta/1", 18, 1)

    def stranger(made):
        made.stranger()
        made.received("gamma/1", 33, 1)

    def no_hello(made):
        made.peers["delta/1"] = [0, 0]
        made.received("delta/1", 33, 1)

    def pieces(made):
        made.add(direction=1, peer="beta/1", type=40, sender_seq=0)
        made.add(direction=1, peer="beta/1", type=41, sender_seq=900)
        made.received("beta/1", 33, 1)

    for lose, expected in ((lost, HOLES), (counted, VERIFIED), (counted_too_few, HOLES), (malformed, VERIFIED), (cut_short, VERIFIED),
                           (said_again, HOLES), (omega_skips, HOLES), (stranger, VERIFIED), (no_hello, HOLES), (pieces, VERIFIED)):
        story(lose)
        one = world.check(lose.__name__, "numbers.db", expected)
        two = world.second("numbers.db", [])
        numbers = one[2]["sequences"]
        if (numbers["missing"], numbers["counted"], numbers["not_counted_yet"]) != (two[2]["missing"], two[2]["counted"], two[2]["not_counted_yet"]):
            sys.exit(f"{lose.__name__}: {numbers}, and {two[2]}")


def texts(world, made):
    """Exports, pages and receipts, sound and with a random change."""
    chance = random.Random(15)
    some = sorted(chance.sample(range(1, made.checkpoints[-1][1] + 1), 25))
    opened = next(seq for seq in made.payloads if made.payloads[seq][0])
    forwarded = next(row["seq"] for row in made.rows if row["payload_seq"] and row["payload_seq"] != row["seq"] and made.payloads[row["payload_seq"]][0])
    files = {"whole.jsonl": made.export(), "part.jsonl": made.export(False, some), "bare.jsonl": made.export(payloads=False),
             "page.html": maker.page(made.export()), "part.html": maker.page(made.export(False, some)), "receipt.json": made.receipt(some[3]),
             "opened.json": made.receipt(opened, True), "forwarded.json": made.receipt(forwarded, True), "last.json": made.receipt(made.checkpoints[-1][1])}
    for name, text in files.items():
        world.put(name, text)
        world.check(name, name, VERIFIED)
    world.put("mirror.txt", made.mirror(3))
    world.check("an export and a mirror", "whole.jsonl", VERIFIED, mirrors=["mirror.txt"])
    for round_ in range(170):
        name = chance.choice(list(files))
        data = change(chance, files[name].encode())
        world.put("changed-" + name, data)
        one = world.check(f"{name}, change {round_}", "changed-" + name)
        if one[0] not in (VERIFIED, WRONG, UNREADABLE):
            sys.exit(f"{name}, change {round_}: {one}")
    for what, data in (("a line missing", lines(files["whole.jsonl"], 100, 101)), ("the end missing", lines(files["whole.jsonl"], -1, None)),
                       ("a checkpoint missing", lines(files["whole.jsonl"], -2, -1)), ("no records", lines(files["whole.jsonl"], 1, -2)),
                       ("a proof missing", lines(files["part.jsonl"], 3, 4))):
        world.put("cut.jsonl", data)
        world.check(what, "cut.jsonl", WRONG)
    for what, old, new in (("another record", '"attempt":0', '"attempt":1'), ("a member more", '"attempt":0', '"attempt":0,"also":1'),
                           ("another count", '"lines":', '"lines":1'), ("another format", "bunshin-export/1", "bunshin-export/2"), ("a member twice", '"attempt":0', '"attempt":0,"attempt":0'), ("not whole", '"whole":true', '"whole":false')):
        world.put("cut.jsonl", files["whole.jsonl"].replace(old, new, 1))
        world.check(what, "cut.jsonl", WRONG)


def lines(text, begin, end):
    """Without some lines."""
    split = text.splitlines(keepends=True)
    del split[begin:end]
    return "".join(split)


def change(chance, data):
    data = bytearray(data)
    kind = chance.randrange(5)
    at = chance.randrange(len(data))
    if kind < 2:
        data[at] ^= 1 << chance.randrange(8)
    elif kind == 2:
        del data[at:at + chance.randrange(1, 9)]
    elif kind == 3:
        split = bytes(data).splitlines(keepends=True)
        one, two = chance.randrange(len(split)), chance.randrange(len(split))
        split[one], split[two] = split[two], split[one]
        data = b"".join(split)
    else:
        other = chance.randrange(len(data))
        data[at], data[other] = data[other], data[at]
    return bytes(data)


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        world = World(program, folder)
        made = maker.Maker(3, maker.Keyring("files"))
        made.story(900)
        made.erase()
        for _ in range(20):
            made.request()
        made.checkpoint()
        world.put("log.pub", made.keys.file())
        world.keys = verify.Keys(made.keys.file().encode())
        trails(world, made)
        texts(world, made)
        for part in (large, keys, versions, backups, sequences):
            part(world)
        print(f"{world.count} files, and two verifiers that agree on each")


main(sys.argv[1])
