#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bunshin-verify as somebody uses it: its usage, its exit codes, what it says, what it needs and what it leaves alone.

    test_program.py BUNSHIN-VERIFY SANITIZERS"""
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading

import maker
import verify

PROGRAM, SANITIZED = sys.argv[1], bool(sys.argv[2:] and sys.argv[2])


def run(*words, wrapper=()):
    done = subprocess.run([*wrapper, PROGRAM, *words], capture_output=True, text=True, check=False)
    if "Sanitizer" in done.stderr:
        sys.exit(done.stderr)
    return done


def expect(what, true, done=None):
    if not true:
        sys.exit(f"{what}\n{done.stdout + done.stderr if done else ''}")


def needs_three_libraries():
    listed = subprocess.run(["readelf", "-d", PROGRAM], capture_output=True, text=True, check=True).stdout
    needed = set(re.findall(r"NEEDED.*\[(lib[a-z0-9_+-]+|ld-linux[a-z0-9-]*)", listed))
    allowed = {"libsodium", "libcrypto", "libsqlite3", "libc", "libm"} | ({"libasan", "libubsan", "libtsan", "libgcc_s"} if SANITIZED else set())
    expect(f"it needs {needed - allowed} besides", needed <= allowed)
    expect(f"it needs {needed}", {"libsodium", "libcrypto", "libsqlite3"} <= needed)


def usage(folder):
    for words, code in ((["--help"], 0), (["--version"], 0), ([], 2), ([f"{folder}/trail.db"], 2), (["--key", "x", "--without-key", "y"], 2),
                        (["--nonsense"], 2), (["--key"], 2), (["--key", f"{folder}/log.pub", "--from", "x", "y"], 2),
                        (["--key", f"{folder}/nothing", f"{folder}/trail.db"], 3), (["--key", f"{folder}/trail.db", f"{folder}/trail.db"], 3),
                        (["--key", f"{folder}/log.pub", f"{folder}/nothing"], 3), (["--key", f"{folder}/log.pub", folder], 3),
                        (["--key", f"{folder}/log.pub", f"{folder}/log.pub"], 3), (["--key", f"{folder}/log.pub", "/dev/null"], 3),
                        (["--key", f"{folder}/log.pub", f"{folder}/trail.db"], 0), (["--without-key", f"{folder}/trail.db"], 0),
                        (["--key", f"{folder}/log.pub", "--mirror", f"{folder}/nothing", f"{folder}/trail.db"], 3)):
        done = run(*words)
        expect(f"{words}: exit code {done.returncode}, not {code}", done.returncode == code, done)
        expect(f"{words}: nothing is said", done.stdout or done.stderr)
    text = run("--help").stdout
    expect("help does not name its options", all(option in text for option in ("--key", "--mirror", "--from", "--show", "--json", "--pages")))


def what_it_says(folder, made):
    key = ["--key", f"{folder}/log.pub"]
    done = run(*key, f"{folder}/trail.db")
    expect("what is proved", "verified" in done.stdout and f"{len(made.rows):,}" in done.stdout, done)
    expect("what is not proved", "Not proved:" in done.stdout and "destroyed or withheld" in done.stdout and "was true" in done.stdout, done)
    expect("a cut", "earlier checkpoint" in done.stdout, done)
    with_mirror = run(*key, "--mirror", f"{folder}/mirror.txt", f"{folder}/trail.db")
    expect("no cut with a mirror", with_mirror.returncode == 0 and "earlier checkpoint" not in with_mirror.stdout, with_mirror)
    done = run("--without-key", f"{folder}/trail.db")
    expect("whose it is", "but not whose it is" in done.stdout and "no key was given" in done.stdout, done)
    found = json.loads(run("--json", *key, f"{folder}/trail.db").stdout)
    expect(f"JSON: {found}", found["verdict"] == "verified" and found["records"] == len(made.rows) and found["problem"] is None and
           found["head"] == made.chain.hex() and found["checkpoints"] == len(made.checkpoints) and found["not_proved"])
    shutil.copy(f"{folder}/trail.db", f"{folder}/bad.db")
    with sqlite3.connect(f"{folder}/bad.db") as db:
        db.execute("UPDATE records SET attempt = attempt + 1 WHERE seq = 77")
    db.close()
    done = run(*key, f"{folder}/bad.db")
    expect("the first bad record", done.returncode == 1 and "record 77" in done.stdout and "NOT what was sealed" in done.stdout, done)
    expect("the worst of two", run(*key, f"{folder}/trail.db", f"{folder}/bad.db").returncode == 1)
    done = run(*key, "--show", f"{folder}/receipt.json")
    expect("a receipt shown", done.returncode == 0 and "TaskRequest" in done.stdout and "client/anna" in done.stdout, done)
    # Nothing that was recorded reaches a terminal as an order.
    expect("control characters", not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout))
    with sqlite3.connect(f"{folder}/bad.db") as db:
        db.execute('CREATE TABLE "\x1b[2J"(x)')
    db.close()
    done = run(*key, f"{folder}/bad.db")
    expect("a table named by an escape", done.returncode == 1 and "\x1b" not in done.stdout, done)


def leaves_nothing_behind(folder, made):
    alone = os.path.join(folder, "alone")
    os.mkdir(alone)
    shutil.copy(f"{folder}/trail.db", alone)
    before = os.stat(f"{alone}/trail.db")
    done = run("--key", f"{folder}/log.pub", f"{alone}/trail.db")
    expect("a trail alone", done.returncode == 0, done)
    expect(f"it left {os.listdir(alone)}", os.listdir(alone) == ["trail.db"])
    expect("it wrote", os.stat(f"{alone}/trail.db").st_mtime_ns == before.st_mtime_ns)
    # From where nothing can be written: without a WAL, and with one.
    bwrap = shutil.which("bwrap")
    wrapper = [bwrap, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"] if bwrap else []
    if not bwrap or subprocess.run([*wrapper, "true"], capture_output=True, check=False).returncode:
        print("read-only media are not tried: bubblewrap does not work here")
        return
    done = run("--key", f"{folder}/log.pub", f"{alone}/trail.db", wrapper=wrapper)
    expect("a trail on read-only media", done.returncode == 0 and "Note" not in done.stdout, done)
    with sqlite3.connect(f"{alone}/trail.db") as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA wal_autocheckpoint=0")
        db.execute("UPDATE records SET attempt = attempt + 1 WHERE seq = 5")
        db.commit()
        shutil.copy(f"{alone}/trail.db", f"{folder}/moved.db")
        shutil.copy(f"{alone}/trail.db-wal", f"{folder}/moved.db-wal")
    db.close()
    done = run("--key", f"{folder}/log.pub", f"{folder}/moved.db", wrapper=wrapper)
    expect("a WAL that cannot be read is not said aloud", done.returncode == 0 and "WAL" in done.stdout, done)
    done = run("--key", f"{folder}/log.pub", f"{folder}/moved.db")
    expect("a WAL beside the trail is part of it", done.returncode == 1 and "record 5" in done.stdout, done)
    expect("the trail is of this world", len(made.rows))


def beside_a_writer(folder):
    """A trail in WAL mode that grows all the time: always verified, and its WAL is left alone."""
    path = f"{folder}/live.db"
    made = maker.Maker(21, maker.Keyring("live"))
    made.story(3000)
    made.checkpoint()
    made.write(path)
    with open(f"{folder}/live.pub", "w", encoding="utf-8") as file:
        file.write(made.keys.file())
    stop, failed = threading.Event(), []

    def write():
        try:
            db = sqlite3.connect(path, isolation_level=None)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA wal_autocheckpoint=0")
            db.execute("PRAGMA synchronous=OFF")
            while not stop.is_set():
                grow(db, made)
            db.close()
        except Exception as error:  # pylint: disable=broad-except
            failed.append(error)
    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    while not os.path.exists(path + "-wal") and writer.is_alive():
        pass
    sizes = []
    for _ in range(12):
        wal = os.path.getsize(path + "-wal")
        done = run("--json", "--key", f"{folder}/live.pub", path)
        found = json.loads(done.stdout or "{}")
        expect("beside a writer", found.get("verdict") == "verified", done)
        sizes.append(found["records"])
        expect("the WAL was moved", os.path.getsize(path + "-wal") >= wal)
    stop.set()
    writer.join()
    expect(f"the writer: {failed}", not failed)
    expect(f"the trail did not grow: {sizes}", sizes[-1] > sizes[0])
    done = run("--json", "--key", f"{folder}/live.pub", "--from", str(sizes[0]), path)
    found = json.loads(done.stdout)
    expect("from a record on", found["verdict"] == "verified" and found["records"] == len(made.rows) - sizes[0], done)


def grow(db, made):
    """A batch in one transaction, as Omega writes it: records and everything derived from them."""
    first, tasks = len(made.rows) + 1, {number: list(task) for number, task in made.tasks.items()}
    nodes, checkpoints, snapshots = len(made.nodes), len(made.checkpoints), len(made.snapshots)
    payloads = {seq: list(payload) for seq, payload in made.payloads.items()}
    made.story(first + 40)
    names = ["seq"] + verify.COLUMNS + ["chain"]
    db.execute("BEGIN IMMEDIATE")
    db.executemany(f"INSERT INTO records VALUES({','.join('?' * len(names))})", ([row[name] for name in names] for row in made.rows[first - 1:]))
    db.executemany("INSERT OR REPLACE INTO payloads VALUES(?,?,?)", ((seq, *row) for seq, row in made.payloads.items() if payloads.get(seq) != row))
    db.executemany("INSERT OR REPLACE INTO tasks VALUES(?,?,?,?,?,?,?)", ((number, *row) for number, row in made.tasks.items() if tasks.get(number) != row))
    db.executemany("INSERT INTO snapshots VALUES(?)", ((seq,) for seq in made.snapshots[snapshots:]))
    db.executemany("INSERT INTO nodes VALUES(?,?,?)", made.nodes[nodes:])
    db.executemany("INSERT INTO checkpoints VALUES(?,?,?)", made.checkpoints[checkpoints:])
    db.execute("COMMIT")


def behind_a_record(folder, made):
    """--from takes what is before on trust, and the next checkpoint shows that the tree was right."""
    last, key = len(made.rows), ["--json", "--key", f"{folder}/log.pub"]
    for seq in (1, 2, 255, 256, 257, 511, 512, 800, made.checkpoints[1][1], made.checkpoints[-1][1], last):
        found = json.loads(run(*key, "--from", str(seq), f"{folder}/trail.db").stdout)
        expect(f"from {seq}: {found}", found["verdict"] == "verified" and found["records"] == last - seq and str(f"{seq:,}") in str(found["not_proved"]))
    expect("behind the end", run(*key, "--from", str(last + 1), f"{folder}/trail.db").returncode == 3)
    shutil.copy(f"{folder}/trail.db", f"{folder}/bad.db")
    with sqlite3.connect(f"{folder}/bad.db") as db:
        db.execute("UPDATE records SET attempt = attempt + 1 WHERE seq IN (300, 700)")
    db.close()
    for seq, code, first in ((299, 1, 300), (300, 1, 700), (700, 0, None)):
        found = run(*key, "--from", str(seq), f"{folder}/bad.db")
        expect(f"from {seq}", found.returncode == code and (not code or json.loads(found.stdout)["problem"]["first"] == first), found)
    with sqlite3.connect(f"{folder}/bad.db") as db:
        db.execute("UPDATE nodes SET hash = zeroblob(32) WHERE level = 8 AND number = 1")
    db.close()
    expect("a node that is not what was sealed", run(*key, "--from", "710", f"{folder}/bad.db").returncode == 1)
    with sqlite3.connect(f"{folder}/bad.db") as db:
        db.execute("DELETE FROM nodes WHERE level = 8 AND number = 1")
    db.close()
    done = run("--key", f"{folder}/log.pub", "--from", "710", f"{folder}/bad.db")
    expect("a node that is missing", done.returncode == 3 and "nodes" in done.stdout, done)


def main():
    with tempfile.TemporaryDirectory() as folder:
        made = maker.Maker(20, maker.Keyring("program"))
        made.story(2000)
        made.checkpoint()
        made.write(f"{folder}/trail.db")
        request = next(row["seq"] for row in made.rows if row["type"] == 16)
        for name, text in (("log.pub", made.keys.file()), ("mirror.txt", made.mirror()), ("receipt.json", made.receipt(request))):
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        needs_three_libraries()
        usage(folder)
        what_it_says(folder, made)
        leaves_nothing_behind(folder, made)
        behind_a_record(folder, made)
        beside_a_writer(folder)
        print("bunshin-verify does what its help says")


main()
