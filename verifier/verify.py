#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The second verifier: checks trails, exports, receipts and mirrors from docs/trail-format.md alone.

    verify.py --key log.pub [--mirror FILE]... FILE...

It shares no line with bunshin-verify, which tests hold it against; it needs Python 3 and python3-cryptography. It takes its time and its memory:
for daily use there is the other one. FILE - means: the names come from standard input, one a line. Prints one line of JSON for each file: the verdict, and of what is wrong the first and the last record in
doubt and a sentence. Exit codes: 0 verified, 1 something is wrong, 2 usage, 3 cannot be read, 4 messages are missing."""
import base64
import binascii
import hashlib
import json
import os
import re
import sqlite3
import sys
import urllib.parse

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

COLUMNS = ("boot now_ms wall_ms mono_ms direction type verdict peer message_id task_id task_number attempt sender_seq end_state revives "
           "key_hash body_hash header facts payload_seq commitment").split()
IDS = {"boot", "message_id", "task_id", "key_hash", "body_hash"}
BYTES = {"header", "facts"}
RECEIVED, SENT, OWN = 1, 2, 3
HELLO, REFUSAL, REQUEST, PROGRESS, COMPLETION, FAILURE, PUT, GET = 1, 3, 16, 20, 21, 22, 40, 41
BOOT, SNAPSHOT, COUNTED, ERASED = 96, 100, 102, 104
STRANGER, MALFORMED = 4, 1
UNSEALED_MAX = 20000
SLICE = 10000
HOLE_WAIT_MS = 120000
INT64_MIN = -2**63

SCHEMA_1 = """
CREATE TABLE records (seq INTEGER PRIMARY KEY, boot BLOB, now_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL, mono_ms INTEGER NOT NULL,
 direction INTEGER NOT NULL, type INTEGER NOT NULL, verdict INTEGER NOT NULL, peer TEXT NOT NULL, message_id BLOB, task_id BLOB,
 task_number INTEGER NOT NULL, attempt INTEGER NOT NULL, sender_seq INTEGER NOT NULL, end_state INTEGER NOT NULL, revives INTEGER NOT NULL,
 key_hash BLOB, body_hash BLOB, header BLOB NOT NULL, facts BLOB NOT NULL, payload_seq INTEGER NOT NULL, commitment BLOB, chain BLOB NOT NULL) STRICT;
CREATE INDEX records_by_task ON records(task_number);
CREATE TABLE payloads (seq INTEGER PRIMARY KEY REFERENCES records(seq), salt BLOB, body BLOB) STRICT;
CREATE TABLE tasks (request_seq INTEGER PRIMARY KEY REFERENCES records(seq), task_id BLOB NOT NULL UNIQUE, key_hash BLOB, body_hash BLOB,
 end_seq INTEGER NOT NULL, end_state INTEGER NOT NULL, outcome_seq INTEGER NOT NULL) STRICT;
CREATE INDEX tasks_by_key ON tasks(key_hash) WHERE key_hash IS NOT NULL;
CREATE TABLE snapshots (seq INTEGER PRIMARY KEY REFERENCES records(seq)) STRICT
"""
SCHEMA_2 = SCHEMA_1 + """;
CREATE INDEX records_erased ON records(seq) WHERE type = 104;
CREATE TABLE nodes (level INTEGER NOT NULL, number INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, number)) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoints (number INTEGER PRIMARY KEY, size INTEGER NOT NULL UNIQUE, note TEXT NOT NULL) STRICT;
CREATE TABLE erasures (seq INTEGER PRIMARY KEY, receipt TEXT NOT NULL) STRICT
"""


class Wrong(Exception):
    """Something is not what was sealed: from record `first` on nothing is vouched for."""

    def __init__(self, first, sentence, last=None, checkpoint=0):
        super().__init__(sentence)
        self.first, self.last, self.checkpoint, self.sentence = first, first if last is None else last, checkpoint, sentence


class Unreadable(Exception):
    """Nothing can be said."""


# ---- hashes, base64, the tree ----

def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def node(left, right):
    return sha256(b"\x01", left, right)


def split(count):
    """The largest power of two smaller than count."""
    return 1 << (count - 1).bit_length() - 1


def root_of(leaves):
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return leaves[0]
    middle = split(len(leaves))
    return node(root_of(leaves[:middle]), root_of(leaves[middle:]))


def inclusion_path(index, leaves):
    """RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    middle = split(len(leaves))
    if index < middle:
        return inclusion_path(index, leaves[:middle]) + [root_of(leaves[middle:])]
    return inclusion_path(index - middle, leaves[middle:]) + [root_of(leaves[:middle])]


def consistency_path(old, leaves, whole=True):
    """RFC 9162, 2.1.4.1: the first `old` leaves and all of them."""
    if old == len(leaves):
        return [] if whole else [root_of(leaves)]
    middle = split(len(leaves))
    if old <= middle:
        return consistency_path(old, leaves[:middle], whole) + [root_of(leaves[middle:])]
    return consistency_path(old - middle, leaves[middle:], False) + [root_of(leaves[:middle])]


def root_by_path(leaf, index, size, path):
    """The root that an inclusion path leads to, by the shape of the tree from above; None if the path has another length."""
    if index >= size:
        return None
    turns, low, count = [], 0, size
    while count > 1:
        middle = split(count)
        turns.append(index - low >= middle)
        low, count = (low + middle, count - middle) if turns[-1] else (low, middle)
    if len(turns) != len(path):
        return None
    for right, other in zip(reversed(turns), path):
        leaf = node(other, leaf) if right else node(leaf, other)
    return leaf


class Tree:
    """Roots of full subtrees, as a stack of (level, root)."""

    def __init__(self):
        self.size, self.stack = 0, []

    def add(self, leaf):
        """Returns what this completes: level, number, root."""
        self.size += 1
        level, done = 0, []
        while self.stack and self.stack[-1][0] == level:
            leaf = node(self.stack.pop()[1], leaf)
            level += 1
            done.append((level, (self.size >> level) - 1, leaf))
        self.stack.append((level, leaf))
        return done

    def root(self):
        root = None
        for _, full in reversed(self.stack):
            root = full if root is None else node(full, root)
        return sha256() if root is None else root


def from_base64(text, size=None):
    """The one right spelling, or ValueError."""
    if not isinstance(text, str) or len(text) % 4:
        raise ValueError("base64")
    data = base64.b64decode(text.encode("ascii"), validate=True)
    if base64.b64encode(data).decode() != text or (size is not None and len(data) != size):
        raise ValueError("base64")
    return data


def from_hex(text, size, nullable=True):
    if text is None and nullable:
        return None
    if not isinstance(text, str) or not re.fullmatch("[0-9a-f]{%d}" % (2 * size), text):
        raise ValueError("hexadecimal")
    return bytes.fromhex(text)


def decimal(text):
    if not re.fullmatch("0|[1-9][0-9]{0,19}", text) or int(text) >= 2**64:
        raise ValueError("number")
    return int(text)


# ---- notes and keys ----

def key_id(name, public):
    return sha256(name.encode(), b"\n\x01", public)[:4]


def good_name(name):
    return 0 < len(name) < 64 and all("!" <= letter <= "~" and letter != "+" for letter in name)


def signed(public, signature, body):
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, body)
        return True
    except (InvalidSignature, ValueError):
        return False


class Note:
    """What a note says, or ValueError."""

    def __init__(self, text):
        if isinstance(text, str):
            text = text.encode("utf-8", "surrogateescape")
        if len(text) > 1024 or not text.endswith(b"\n"):
            raise ValueError("a note has at most 1,024 bytes and ends with a newline")
        lines = text.decode("utf-8").split("\n")
        if len(lines) != 9 or lines[8] or lines[5]:
            raise ValueError("a note has eight lines, the sixth of them empty")
        self.text, self.origin = text, lines[0]
        self.size, self.root = decimal(lines[1]), from_base64(lines[2], 32)
        if not good_name(self.origin) or not self.size or not lines[3].startswith("time ") or not lines[4].startswith("seal "):
            raise ValueError("origin, size, time or seal")
        self.time_ms = decimal(lines[3][5:])
        following, key = lines[4][5:].split(" ", 1)
        self.next, key = decimal(following), from_base64(key, 33)
        if key[0] != 1 or self.next < 2:
            raise ValueError("the next seal key")
        self.next_key, self.number = key[1:], self.next - 1
        self.body = text[:text.index(b"\n\n") + 1]
        self.signatures = [self.signature(line) for line in lines[6:8]]

    @staticmethod
    def signature(line):
        if not line.startswith("\u2014 "):
            raise ValueError("a signature line")
        name, data = line[2:].split(" ", 1)
        data = from_base64(data, 68)
        return name, data[:4], data[4:]

    def signed_by(self, which, name, public):
        line_name, line_id, signature = self.signatures[which]
        return line_name == name and line_id == key_id(name, public) and signed(public, signature, self.body)


class Keys:
    def __init__(self, text):
        self.rows, self.log, last = {}, None, 0
        for line in text.decode("utf-8").split("\n"):
            if not line or line.startswith("#"):
                continue
            name, identity, key = line.split("+", 2)
            key = from_base64(key, 33)
            if key[0] != 1 or not good_name(name) or identity != key_id(name, key[1:]).hex():
                raise ValueError("a key line")
            if self.log is None:
                self.log, self.origin = key[1:], "bunshin/" + sha256(key[1:]).hex()[:16]
                if name != self.origin:
                    raise ValueError("the name of the log key")
                continue
            if not name.startswith(self.origin + "/seal/"):
                raise ValueError("the name of a seal key")
            number = decimal(name[len(self.origin) + 6:])
            if number <= last:
                raise ValueError("the number of a seal key")
            self.rows[number], last = key[1:], number
        if self.log is None or not self.rows:
            raise ValueError("it needs the log key and the first seal key")

    def by_log(self, note):
        return note.origin == self.origin and note.signed_by(0, self.origin, self.log)

    def by_seal(self, note, key):
        return key is not None and note.signed_by(1, f"{self.origin}/seal/{note.number}", key)

    def outside(self, note):
        """A note without the one before it: the log's signature, and the seal if its key is in the file."""
        return self.by_log(note) and (note.number not in self.rows or self.by_seal(note, self.rows[note.number]))


# ---- records ----

def field(value):
    if value is None:
        value = b""
    elif isinstance(value, int):
        value = (value % 2**64).to_bytes(8, "big")
    elif isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    return len(value).to_bytes(4, "big") + value


def canonical(row, previous):
    return b"\x01" + field(row["seq"]) + b"".join(field(row[name]) for name in COLUMNS) + field(previous)


def parse_canonical(data):
    """Columns and the chain value before, or ValueError."""
    row, at = {}, 1

    def take():
        nonlocal at
        size = int.from_bytes(data[at:at + 4], "big")
        value = data[at + 4:at + 4 + size]
        if len(data) < at + 4 + size:
            raise ValueError("too short")
        at += 4 + size
        return value

    if data[:1] != b"\x01":
        raise ValueError("version")
    for name in ["seq"] + COLUMNS:
        value = take()
        if name in IDS or name == "commitment":
            if len(value) not in (0, 32 if name == "commitment" else 16):
                raise ValueError(name)
            value = value or None
        elif name == "peer":
            value = value.decode("utf-8", "surrogateescape")
        elif name not in BYTES:
            if len(value) != 8:
                raise ValueError(name)
            value = int.from_bytes(value, "big")
        row[name] = value
    previous = take()
    if len(previous) != 32 or at != len(data) or not row["seq"]:
        raise ValueError("end")
    return row, previous


def column_wrong(row):
    """The first column that is not what it must be."""
    for name in COLUMNS + ["chain"]:
        value = row[name]
        if name in IDS:
            fine = value is None or (isinstance(value, bytes) and len(value) == 16)
        elif name == "commitment":
            fine = value is None or (isinstance(value, bytes) and len(value) == 32)
        elif name == "chain":
            fine = isinstance(value, bytes) and len(value) == 32
        elif name in BYTES:
            fine = isinstance(value, bytes)
        elif name == "peer":
            fine = isinstance(value, str)
        else:
            fine = isinstance(value, int)
        if not fine:
            return name
    return None


def unpack(data):
    """The elements at the beginning of a MessagePack array, as far as they are numbers, texts or nil; None if it is no array."""
    def number(size):
        nonlocal at
        at += size
        if at > len(data):
            raise ValueError("too short")
        return int.from_bytes(data[at - size:at], "big")

    at, found = 0, []
    try:
        mark = number(1)
        count = mark & 15 if mark & 0xF0 == 0x90 else number(2) if mark == 0xDC else number(4) if mark == 0xDD else None
        if count is None:
            return None
        while len(found) < count:
            mark = number(1)
            if mark < 0x80:
                found.append(mark)
            elif mark == 0xC0:
                found.append(None)
            elif 0xCC <= mark <= 0xCF:
                found.append(number(1 << mark - 0xCC))
            elif mark & 0xE0 == 0xA0 or 0xD9 <= mark <= 0xDB:
                size = mark & 31 if mark & 0xE0 == 0xA0 else number(1 << mark - 0xD9)
                at += size
                if at > len(data):
                    return found
                found.append(data[at - size:at])
            else:
                break
    except ValueError:
        pass
    return found


class Erasures:
    def __init__(self):
        self.list = []

    def add(self, row):
        facts = unpack(row["facts"]) if isinstance(row["facts"], bytes) else None
        if row["type"] != ERASED or row["direction"] != OWN or row["verdict"] or not facts or len(facts) < 2:
            return
        if any(isinstance(fact, bytes) for fact in facts[:2]):
            return
        self.list.append((facts[0] or 0, row["task_id"], min(facts[1] or 0, row["seq"] - 1)))

    def cover(self, row):
        for number, task_id, through in self.list:
            if row["seq"] <= through and (not number or number == row["task_number"] or
                                          (not row["task_number"] and row["task_id"] is not None and row["task_id"] == task_id)):
                return True
        return False


# ---- sequences ----

class Numbers:
    def __init__(self):
        self.peers, self.mono_ms, self.stranger = {}, 0, None
        self.counted = self.uncounted = self.missing = 0

    def peer(self, name):
        return self.peers.setdefault(name, {"joined": False, "received": 0, "sent": 0, "open": 0, "since": 0})

    def settle(self, peer, cut_short):
        if cut_short and self.mono_ms - peer["since"] <= HOLE_WAIT_MS:
            self.uncounted += peer["open"]
        else:
            self.missing += peer["open"]
        peer["open"] = 0

    def end(self):
        for peer in self.peers.values():
            self.settle(peer, True)
            peer["joined"] = False

    def take(self, row):
        if row["direction"] == OWN:
            self.own(row)
        elif row["peer"]:
            self.mono_ms = row["mono_ms"]
            if row["direction"] == RECEIVED:
                self.received(row, self.peer(row["peer"]))
            elif row["direction"] == SENT and row["sender_seq"] and row["peer"] != self.stranger:
                self.sent(row, self.peer(row["peer"]))

    def own(self, row):
        if row["type"] == BOOT:
            self.end()
        self.stranger, self.mono_ms = None, row["mono_ms"]
        facts = unpack(row["facts"]) if row["type"] == COUNTED else None
        if facts and len(facts) >= 4 and facts[0] and facts[1] in (PROGRESS, REFUSAL):
            peer = self.peer(facts[0].decode("utf-8", "surrogateescape"))
            times = 64 if facts[1] == REFUSAL and facts[3] == MALFORMED else 1
            explained = min(peer["open"], (facts[2] or 0) * times)
            peer["open"] -= explained
            self.counted += explained

    def received(self, row, peer):
        number, self.stranger = row["sender_seq"] % 2**64, None
        if row["verdict"] == STRANGER or (row["type"] == HELLO and row["verdict"]):
            self.stranger = row["peer"]
        elif row["type"] == HELLO:
            self.settle(peer, False)
            peer.update(joined=True, received=number, sent=0)
        elif number and row["type"] not in (PUT, GET):
            if not peer["joined"] or number <= peer["received"]:
                self.missing += 1
                return
            if number > peer["received"] + 1:
                if not peer["open"]:
                    peer["since"] = row["mono_ms"]
                peer["open"] += number - peer["received"] - 1
            peer["received"] = number

    def sent(self, row, peer):
        number = row["sender_seq"] % 2**64
        if not peer["joined"] or number != peer["sent"] + 1:
            self.missing += max(number - peer["sent"] - 1, 1)
        peer["sent"] = number


# ---- what trails and whole exports have in common ----

class Inspection:
    def __init__(self, keys, outside, sealed=True):
        self.keys, self.outside, self.sealed = keys, sorted(outside, key=lambda one: (one[1].size, one[1].number)), sealed
        self.tree, self.numbers = Tree(), Numbers()
        self.seq, self.head, self.records, self.payloads, self.erased = 0, bytes(32), 0, 0, 0
        self.checkpoints, self.sealed_size, self.next_key, self.outside_size, self.next = 0, 0, None, 0, None
        self.commitments, self.met = {}, set()

    # What a reader supplies.
    def checkpoint_after(self, number):
        raise NotImplementedError

    def check_node(self, level, number, root):
        pass

    def is_erased(self, row):
        raise NotImplementedError

    def payload(self, row, payload):
        """payload: None (there is none), or (salt, body)."""
        seq, owner = row["seq"], row["payload_seq"]
        if owner > seq or owner < 0:
            raise Wrong(seq, "it forwards the payload of a later record")
        if not owner:
            if row["commitment"] is not None:
                raise Wrong(seq, "it has a commitment, and no payload")
        elif owner < seq:
            if row["commitment"] is None or self.commitments.get(owner) != row["commitment"]:
                raise Wrong(seq, "it forwards another payload than it says")
        else:
            if row["commitment"] is None:
                raise Wrong(seq, "it owns a payload, and has no commitment")
            self.commitments[seq] = row["commitment"]
            self.own_payload(row, payload)

    def own_payload(self, row, payload):
        if payload is None:
            raise Wrong(row["seq"], "its payload is missing")
        salt, body = payload
        if (salt is None) != (body is None):
            raise Wrong(row["seq"], "half of its payload is gone")
        if salt is None:
            if not self.is_erased(row):
                raise Wrong(row["seq"], "its payload is gone, and no erasure on record covers it")
            self.erased += 1
        elif len(salt) != 32 or sha256(salt, body) != row["commitment"]:
            raise Wrong(row["seq"], "its payload is not the one that was written")
        else:
            self.payloads += 1

    def record(self, row, payload):
        if sha256(b"\0", canonical(row, self.head)) != row["chain"]:
            raise Wrong(row["seq"], "its bytes do not give its chain value")
        self.payload(row, payload)
        self.head, self.seq = row["chain"], row["seq"]
        self.records += 1
        self.numbers.take(row)
        for level, number, root in self.tree.add(row["chain"]):
            if level % 8 == 0:
                self.check_node(level, number, root)
        self.seals()

    def look_ahead(self):
        """The next checkpoint row; its number and size are looked at at once."""
        if self.next or not self.sealed:
            return
        self.next = self.checkpoint_after(self.checkpoints)
        if not self.next:
            return
        number, size, _ = self.next
        expected, first = self.checkpoints + 1, self.sealed_size + 1
        if number != expected:
            raise Wrong(first, f"checkpoint {expected} is missing", size, expected)
        if not isinstance(size, int) or size <= self.sealed_size or size < self.tree.size:
            raise Wrong(first, f"checkpoint {expected} covers no more than the one before it", first, expected)
        if expected > 1 and size - self.sealed_size > UNSEALED_MAX:
            raise Wrong(first, f"checkpoint {expected} seals too many records at once", size, expected)
        self.next_note = self.check_note(*self.next)

    def seals(self):
        self.look_ahead()
        while self.next and self.next[1] == self.tree.size:
            self.check_root(*self.next[:2])
            self.next = None
            self.look_ahead()
        self.check_outside()

    def check_note(self, number, size, text):
        def wrong(sentence):
            return Wrong(self.sealed_size + 1, f"checkpoint {number}: {sentence}", size, number)
        try:
            note = Note(text if isinstance(text, (str, bytes)) else "")
        except ValueError as error:
            raise wrong(f"no note: {error}") from error
        if note.size != size or note.number != number:
            raise wrong("its note is that of another")
        if self.keys and not self.keys.by_log(note):
            raise wrong("it is not signed by the log key")
        if self.keys and not self.keys.by_seal(note, self.keys.rows.get(number, self.next_key)):
            raise wrong("it is not sealed by the key that was announced")
        return note

    def check_root(self, number, size):
        note = self.next_note
        if note.root != self.tree.root():
            raise Wrong(self.sealed_size + 1, f"checkpoint {number} was signed over another tree", size, number)
        self.met.update(at for at, (_, other) in enumerate(self.outside) if other.text == note.text)
        self.checkpoints, self.sealed_size, self.next_key = number, size, note.next_key

    def check_outside(self):
        at = self.records and next((i for i, (_, note) in enumerate(self.outside) if note.size == self.tree.size), None)
        if at is None or not self.records:
            return
        for i in range(at, len(self.outside)):
            file, note = self.outside[i]
            if note.size != self.tree.size:
                break
            if note.root != self.tree.root():
                raise Wrong(self.outside_size + 1, f"{file} holds checkpoint {note.number} with another root", note.size, note.number)
            if self.sealed and i not in self.met:
                raise Wrong(note.size, f"{file} holds checkpoint {note.number}, which the trail does not have", note.size, note.number)
            self.outside_size = note.size

    def end(self):
        self.seals()
        last = self.tree.size
        if self.next:
            raise Wrong(last + 1, "the end was cut off: a checkpoint covers more", self.next[1], self.next[0])
        beyond = next((one for one in self.outside if one[1].size > last), None)
        if beyond:
            raise Wrong(last + 1, f"{beyond[0]} holds a checkpoint that covers more: cut off, or an older copy", beyond[1].size, beyond[1].number)
        if self.sealed and last - self.sealed_size > UNSEALED_MAX:
            raise Wrong(self.sealed_size + 1, "too many records under no checkpoint", last)
        self.numbers.end()


# ---- trails ----

def sql_plain(text):
    return re.sub(r"\s+", "", re.sub(r"--[^\n]*", "", text))


def rows_of(db, sql, low, high):
    """Rows up to the one that cannot be read. Python's module reads one ahead, and drops a row when the next one is damaged."""
    count = 0
    try:
        for row in db.execute(sql, (low, high)):
            count += 1
            yield row
    except sqlite3.Error as error:
        try:
            row = db.execute(sql + " LIMIT 1 OFFSET ?", (low, high, count)).fetchone()
        except sqlite3.Error:
            row = None
        if row is not None:
            yield row
        raise error


class Along:
    """A side table, one row ahead; what cannot be read is wrong with the record that comes next."""

    def __init__(self, trail, sql, low, high):
        self.trail, self.rows = trail, rows_of(trail.db, sql, low, high)
        self.row = None
        self.next()

    def next(self):
        try:
            self.row = next(self.rows, None)
        except sqlite3.Error as error:
            raise self.trail.broken(error) from error

    def at_most(self, seq):
        return self.row is not None and self.row[0] <= seq


class Trail(Inspection):
    def __init__(self, path, keys, outside):
        self.tasks, self.erasures = {}, {}
        self.open(path)
        super().__init__(keys, outside, self.format > 1)
        self.proved = Erasures()
        if self.format > 1:
            self.prove_erasures()

    def broken(self, error):
        """What cannot be read because it is damaged, and what cannot be read at all."""
        code = getattr(error, "sqlite_errorcode", 1) & 0xFF
        if code in (1, 11, 26, 24, 18, 17, 19, 20, 25) or isinstance(error, (sqlite3.DataError, sqlite3.IntegrityError)):
            return Wrong(getattr(self, "seq", -1) + 1, f"the database is damaged: {error}")
        return Unreadable(str(error))

    def open(self, path):
        wal = os.path.exists(path + "-wal") and os.path.getsize(path + "-wal") > 0
        mode = "mode=ro" if wal else "mode=ro&immutable=1"
        try:
            self.db = sqlite3.connect(f"file:{urllib.parse.quote(path)}?{mode}", uri=True, isolation_level=None)
            self.db.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
            self.db.execute("PRAGMA cell_size_check=ON")
            self.db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            application = self.db.execute("PRAGMA application_id").fetchone()[0]
            self.format = self.db.execute("PRAGMA user_version").fetchone()[0]
            objects = self.db.execute("SELECT name, type, tbl_name, sql FROM sqlite_schema WHERE type <> 'view'").fetchall()
        except sqlite3.Error as error:
            raise self.broken(error) from error
        if application != 0x42756E73 or self.format < 1:
            raise Wrong(0, "it is no trail")
        if self.format > 2:
            raise Unreadable("the trail is newer than this program")
        self.check_schema(objects)

    def check_schema(self, objects):
        with sqlite3.connect(":memory:") as fresh:
            fresh.executescript(SCHEMA_1 if self.format == 1 else SCHEMA_2)
            should = fresh.execute("SELECT name, type, tbl_name, sql FROM sqlite_schema").fetchall()

        def plain(rows):
            return sorted(tuple(sql_plain(text) if isinstance(text, str) else repr(text) for text in row) for row in rows)
        if plain(objects) != plain(should):
            raise Wrong(0, f"its schema is not that of format {self.format}")

    def prove_erasures(self):
        try:
            rows = self.db.execute("SELECT seq, receipt FROM erasures ORDER BY seq").fetchall()
        except sqlite3.Error as error:
            raise Wrong(0, f"the database is damaged: {error}") from error
        for seq, text in rows:
            try:
                receipt = Receipt(text, self.keys)
            except (Wrong, ValueError) as error:
                raise Wrong(0, f"the receipt of erasure {seq}: {error}") from error
            if receipt.row["seq"] != seq or receipt.row["type"] != ERASED:
                raise Wrong(0, f"the receipt of erasure {seq} is another's")
            self.proved.add(receipt.row)

    # What the inspection asks for.
    def ask(self, sql, values, first):
        try:
            return self.db.execute(sql, values).fetchone()
        except sqlite3.Error as error:
            raise Wrong(first, f"the database is damaged: {error}") from error

    def checkpoint_after(self, number):
        return self.ask("SELECT number, size, note FROM checkpoints WHERE number > ? ORDER BY number LIMIT 1",
                        (number if number else INT64_MIN,), self.seq + 1)

    def check_node(self, level, number, root):
        row = self.ask("SELECT hash FROM nodes WHERE level = ? AND number = ?", (level, number), self.seq + 1)
        if not self.sealed:
            return
        if row is None or row[0] != root:
            raise Wrong((number << level) + 1, f"node {number} of level {level} is not the root of its records", number + 1 << level)

    def erasures_ahead(self, sql):
        """Erased records that a checkpoint covers, wherever they stand. They are looked for ahead: what is wrong there is wrong when its turn comes."""
        names = ["seq", "direction", "type", "verdict", "task_id", "facts"]
        found = Erasures()
        sql = sql.format(", ".join("r." + name for name in names), "(SELECT max(size) FROM checkpoints NOT INDEXED)")
        try:
            for values in self.db.execute(sql):
                found.add(dict(zip(names, values)))
        except sqlite3.Error as error:
            raise self.broken(error) from error
        return found

    def is_erased(self, row):
        if self.format < 2:
            return False
        # By the index, which is quick; and, since an index may be damaged where the records are not, by all records.
        for sql in ("SELECT {} FROM records e JOIN records r ON r.seq = e.seq WHERE e.type = 104 AND e.seq <= {} ORDER BY e.seq",
                    "SELECT {} FROM records r WHERE +r.type = 104 AND r.seq <= {} ORDER BY r.seq"):
            if sql not in self.erasures:
                self.erasures[sql] = self.erasures_ahead(sql)
            if self.erasures[sql].cover(row) or self.proved.cover(row):
                return True
        return False

    # The derived tables.
    def apply(self, row):
        """The effect of a record on the row of its task."""
        seq, number = row["seq"], row["task_number"]
        request = row["type"] == REQUEST and row["direction"] == RECEIVED and not row["verdict"]
        if number and number == seq and request:
            if not self.task_rows.row or self.task_rows.row[0] != seq or row["task_id"] is None or \
                    self.task_rows.row[1:4] != (row["task_id"], row["key_hash"], row["body_hash"]):
                raise Wrong(seq, "the row of its task is missing, or another's")
            if not all(isinstance(value, int) for value in self.task_rows.row[4:]):
                raise Wrong(seq, "the row of its task holds what no writer puts there")
            self.tasks[seq] = [0, 0, 0]
            self.task_rows.next()
            return
        if self.task_rows.at_most(seq):
            raise Wrong(seq, "the table of tasks has a row that it did not make")
        if not number or number == seq or not (row["revives"] or row["end_state"]):
            return
        if number not in self.tasks:
            raise Wrong(seq, "it speaks of a task that is not there")
        task = self.tasks[number]
        if row["revives"]:
            task[:] = [0, 0, 0]
        elif row["direction"] == SENT and row["type"] in (COMPLETION, FAILURE):
            task[2] = seq
            if not task[0]:
                task[:2] = [seq, row["end_state"]]
        else:
            task[:2] = [seq, row["end_state"]]

    def derived(self, row):
        seq = row["seq"]
        if row["type"] == SNAPSHOT:
            if not self.snapshot_rows.row or self.snapshot_rows.row[0] != seq:
                raise Wrong(seq, "it is a snapshot, and the table does not name it")
            self.snapshot_rows.next()
        elif self.snapshot_rows.at_most(seq):
            raise Wrong(seq, "the table of snapshots names it, and it is none")
        self.apply(row)

    # Records.
    def side_tables(self, low, high):
        self.payload_rows = Along(self, "SELECT seq, salt, body FROM payloads WHERE seq BETWEEN ? AND ? ORDER BY seq", low, high)
        self.task_rows = Along(self, "SELECT request_seq, task_id, key_hash, body_hash, end_seq, end_state, outcome_seq FROM tasks "
                                     "WHERE request_seq BETWEEN ? AND ? ORDER BY request_seq", low, high)
        self.snapshot_rows = Along(self, "SELECT seq FROM snapshots WHERE seq BETWEEN ? AND ? ORDER BY seq", low, high)

    def take(self, values):
        row = dict(zip(["seq"] + COLUMNS + ["chain"], values))
        expected = self.seq + 1
        bad = column_wrong(row)
        if bad:
            raise Wrong(expected, f"its column {bad} holds what no writer puts there")
        if row["seq"] != expected:
            raise Wrong(expected, f"it is missing: what comes is {row['seq']}")
        owns = row["payload_seq"] == expected
        held = self.payload_rows.row
        if held and (held[0] < expected or (held[0] == expected and not owns)):
            raise Wrong(expected, "the table of payloads has one that it does not own")
        self.derived(row)
        payload = held[1:] if owns and held and held[0] == expected else None
        if payload and any(part is not None and not isinstance(part, bytes) for part in payload):
            raise Wrong(expected, "salt or body of its payload is no blob")
        self.record(row, payload)
        if payload:
            self.payload_rows.next()

    def slice(self):
        """One read transaction. True if it has seen the end."""
        low, high, count = self.seq + 1 if self.seq else INT64_MIN, self.seq + SLICE, 0
        self.db.execute("BEGIN")
        self.side_tables(low, high)
        sql = f"SELECT seq, {', '.join(COLUMNS)}, chain FROM records WHERE seq BETWEEN ? AND ?"
        try:
            for values in rows_of(self.db, sql, low, high):
                count += 1
                self.take(values)
        except sqlite3.Error as error:
            raise self.broken(error) from error
        if count < SLICE:
            self.last_slice()
        self.db.execute("ROLLBACK")
        return count < SLICE

    def last_slice(self):
        behind = self.seq + 1
        self.side_tables(behind if self.seq else INT64_MIN, 2**63 - 1)
        for along in (self.payload_rows, self.task_rows, self.snapshot_rows):
            if along.row:
                raise Wrong(behind, "a row of another table belongs to no record")
        self.end()
        for number in sorted(self.tasks):
            row = self.ask("SELECT end_seq, end_state, outcome_seq FROM tasks WHERE request_seq = ?", (number,), self.seq)
            if row is None or list(row) != self.tasks[number]:
                raise Wrong(number, "the row of its task does not say what the records say")
        if self.format > 1 and self.ask("SELECT 1 FROM nodes WHERE level NOT BETWEEN 8 AND 56 OR level % 8 <> 0 OR number < 0 OR "
                                        "number >= ? >> level LIMIT 1", (self.seq,), behind):
            raise Wrong(behind, "the table of nodes has one that belongs to nothing")

    def verify(self):
        while not self.slice():
            pass


# ---- receipts ----

def read_object(text):
    """A JSON object without a member twice, or ValueError."""
    def unique(pairs):
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a member is there twice")
        return dict(pairs)
    found = json.loads(text, object_pairs_hook=unique, parse_constant=lambda word: (_ for _ in ()).throw(ValueError(word)))
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def proof_of(value):
    if not isinstance(value, list) or len(value) > 64:
        raise ValueError("proof")
    return [from_base64(item, 32) for item in value]


def is_number(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64


class Receipt:
    def __init__(self, text, keys):
        found = read_object(text)
        if found.get("format") != "bunshin-receipt/1" or set(found) - {"checkpoint", "format", "index", "payload", "proof", "record"}:
            raise Wrong(0, "its format is not bunshin-receipt/1, or it has other members")
        if not isinstance(found.get("checkpoint"), str):
            raise Wrong(0, "it has no checkpoint")
        self.note = Note(found["checkpoint"])
        if keys and not keys.outside(self.note):
            raise Wrong(0, "its checkpoint is not signed by the log key, or not sealed")
        record = from_base64(found.get("record"))
        self.row, _ = parse_canonical(record)
        if not is_number(found.get("index")) or found["index"] != self.row["seq"] - 1:
            raise Wrong(0, "its index is not that of the record")
        if root_by_path(sha256(b"\0", record), found["index"], self.note.size, proof_of(found.get("proof"))) != self.note.root:
            raise Wrong(0, "its proof does not lead to the root")
        self.opened = "payload" in found
        if self.opened:
            payload = found["payload"]
            if not isinstance(payload, dict) or set(payload) != {"body", "salt"}:
                raise Wrong(0, "its payload has not just body and salt")
            if sha256(from_base64(payload["salt"], 32), from_base64(payload["body"])) != self.row["commitment"]:
                raise Wrong(0, "its payload is not the one that the record is committed to")


# ---- exports ----

class Export(Inspection):
    def __init__(self, lines, keys, outside):
        super().__init__(keys, outside)
        self.lines, self.at, self.absent, self.erasures = lines, 0, [], Erasures()
        self.before = 0  # last good record of a part
        self.header = self.line()
        names = ("first", "last", "records", "checkpoints")
        if self.header.get("format") != "bunshin-export/1" or not all(is_number(self.header.get(name)) for name in names) or \
                not isinstance(self.header.get("whole"), bool):
            raise Wrong(0, "line 1 is no header of an export")
        if set(self.header) - {"checkpoints", "first", "format", "keys", "last", "payloads", "records", "whole"}:
            raise Wrong(0, "the header has a member that this format does not have")
        self.whole = self.header["whole"]
        first, last, count = (self.header[name] for name in names[:3])
        if self.whole and count and (first != 1 or last != count):
            raise Wrong(0, "the header contradicts itself")
        self.survey(count)

    def bad(self, sentence):
        first = (self.seq if self.whole_known() else self.before) + 1 if self.at > 1 else 0
        return Wrong(first, f"line {self.at} of the export: {sentence}")

    def whole_known(self):
        return getattr(self, "whole", False)

    def line(self):
        self.at += 1
        try:
            return read_object(self.lines[self.at - 1].decode("utf-8"))
        except IndexError:
            raise self.bad("it is not there") from None
        except (ValueError, RecursionError) as error:
            raise self.bad(str(error)) from error

    def survey(self, count):
        """Where the checkpoints stand, and that nothing is missing at the end."""
        total = count + self.header["checkpoints"] + 2
        if len(self.lines) < total:
            self.at = max(len(self.lines), 2)
            raise self.bad("the export was cut off")
        self.at = total - 1
        end = self.line()
        if end.get("end") is not True or end.get("lines") != total - 1 or len(end) != 2:
            raise self.bad("it is not the last line that should stand here")
        if any(self.lines[total:]):
            raise self.bad("there is more behind the last line")
        self.notes, self.at = self.lines[count + 1:total - 1], 1

    def note(self, which):
        found = read_object(self.notes[which].decode("utf-8"))
        if set(found) != {"checkpoint", "number"} or not isinstance(found["checkpoint"], str) or not is_number(found["number"]):
            raise ValueError("a checkpoint line")
        return found["number"], Note(found["checkpoint"])

    def record_line(self):
        found = self.line()
        known = set(COLUMNS) | {"seq", "chain", "message", "payload"} | (set() if self.whole else {"previous", "proof"})
        if set(found) - known:
            raise self.bad("a member is not known")
        try:
            row = {name: self.member(name, found[name]) for name in ["seq"] + COLUMNS + ["chain"]}
            if not row["seq"]:
                raise ValueError("seq")
            payload = found["payload"]
            if payload is not None:
                if not isinstance(payload, dict) or set(payload) != {"body", "salt"}:
                    raise ValueError("payload")
                payload = (from_base64(payload["salt"]), from_base64(payload["body"]))
        except (ValueError, KeyError) as error:
            raise self.bad(f"a member is missing or wrong: {error}") from error
        if payload and row["payload_seq"] != row["seq"]:
            raise self.bad("a payload that it does not own")
        self.erasures.add(row)
        return found, row, payload

    @staticmethod
    def member(name, value):
        if name in IDS:
            return from_hex(value, 16)
        if name in ("commitment", "chain"):
            return from_hex(value, 32, name == "commitment")
        if name in BYTES:
            return from_base64(value)
        if name == "peer":
            if not isinstance(value, str):
                raise ValueError(name)
            return value
        if isinstance(value, str):
            return decimal(value)
        if not is_number(value):
            raise ValueError(name)
        return value

    # A whole one.
    def checkpoint_after(self, number):
        if number >= len(self.notes):
            return None
        try:
            stated, note = self.note(number)
            return stated, note.size, note.text
        except ValueError:
            try:
                stated = read_object(self.notes[number].decode("utf-8")).get("number", 0)
            except ValueError:
                stated = 0
            return stated, 0, ""

    def is_erased(self, row):
        self.absent.append(row)
        return True

    def verify(self):
        if not self.whole:
            self.verify_part()
            return
        for _ in range(self.header["records"]):
            _, row, payload = self.record_line()
            if row["seq"] != self.seq + 1:
                raise self.bad(f"record {self.seq + 1} is missing")
            self.record(row, payload if payload else (None, None))
        self.end()
        self.erased = sum(1 for row in self.absent if self.erasures.cover(row))

    # A part.
    def verify_part(self):
        records, keys = self.header["records"], self.keys
        if len(self.notes) != 1:
            raise Wrong(0, "a part has one checkpoint")
        self.at = records + 2
        try:
            number, note = self.note(0)
        except ValueError as error:
            raise self.bad(str(error)) from error
        if keys and not keys.outside(note) or note.number != number:
            raise self.bad("its checkpoint is not signed, or another's")
        self.at = 1
        for _ in range(records):
            self.part_record(note)
        if records and (self.first_seq != self.header["first"] or self.before != self.header["last"]):
            raise Wrong(0, "it announces other records than it has")

    def part_record(self, note):
        found, row, payload = self.record_line()
        if row["seq"] <= self.before:
            raise self.bad("the order of records")
        self.before = row["seq"] - 1
        try:
            leaf = sha256(b"\0", canonical(row, from_hex(found.get("previous"), 32, False)))
            path = proof_of(found.get("proof"))
        except ValueError as error:
            raise self.bad(str(error)) from error
        if leaf != row["chain"]:
            raise self.bad("its bytes do not give its chain value")
        if root_by_path(leaf, row["seq"] - 1, note.size, path) != note.root:
            raise self.bad("its proof does not lead to the root")
        if row["payload_seq"] == row["seq"] and payload:
            if len(payload[0]) != 32 or sha256(*payload) != row["commitment"]:
                raise self.bad("its payload is not the one that was written")
            self.payloads += 1
        if not self.records:
            self.first_seq = row["seq"]
        self.records += 1
        self.before = row["seq"]


# ---- files ----

def mirror_notes(path, keys):
    """The notes of a mirror, a note or a receipt."""
    with open(path, "rb") as file:
        data = file.read()
    try:
        if data.startswith(b"{"):
            return [(path, Receipt(data.decode("utf-8"), keys).note)]
        notes, lines = [], data.split(b"\n")
        while lines:
            if not lines[0] or lines[0].startswith(b"#"):
                lines.pop(0)
                continue
            note = Note(b"\n".join(lines[:8]) + b"\n")
            if keys and not keys.outside(note):
                raise ValueError("a note is not signed by the log key")
            notes.append((path, note))
            del lines[:8]
        return notes
    except ValueError as error:
        raise Wrong(0, f"{path}: {error}") from error


def outside_of(mirrors, keys):
    return [note for mirror in mirrors for note in mirror_notes(mirror, keys)]


def lines_of_page(data):
    begin = data.find(b'<script type="application/x-ndjson" id="export">')
    begin = data.find(b">", begin) + 1 if begin >= 0 else -1
    end = data.find(b"</script>", begin)
    if begin < 0 or end < 0:
        raise Wrong(0, "the page holds no export")
    return data[begin:end].lstrip(b"\r\n")


def verify_file(path, keys, mirrors):
    """Returns what is to be said; Wrong and Unreadable say the rest. What a file is, is seen from how it begins."""
    with open(path, "rb") as file:
        head = file.read(4096)
        trail = head.startswith(b"SQLite format 3\0")
        data = b"" if trail else head + file.read()
    page = re.search(b"<html|<!doctype|<!DOCTYPE", head)
    if trail:
        found = Trail(path, keys, outside_of(mirrors, keys))
    elif page or (data.startswith(b"{") and b'"bunshin-export/' in data.split(b"\n", 1)[0]):
        lines = lines_of_page(data) if page else data
        found = Export(lines.rstrip(b"\n").split(b"\n"), keys, outside_of(mirrors, keys))
    elif data.startswith(b"{"):
        try:
            receipt = Receipt(data.decode("utf-8"), keys)
        except (ValueError, binascii.Error) as error:
            raise Wrong(0, str(error)) from error
        return {"kind": "receipt", "verdict": "verified", "records": 1, "payloads": int(receipt.opened), "sealed": receipt.note.size}
    else:
        raise Unreadable("neither a trail, nor an export, nor a receipt")
    found.verify()
    numbers = found.numbers
    return {"verdict": "holes" if numbers.missing else "verified", "records": found.records, "head": found.head.hex(),
            "payloads": found.payloads, "erased": found.erased, "checkpoints": found.checkpoints, "sealed": found.sealed_size,
            "missing": numbers.missing, "counted": numbers.counted, "not_counted_yet": numbers.uncounted}


CODES = {"verified": 0, "wrong": 1, "unreadable": 3, "holes": 4}


def verdict_of(path, keys, mirrors):
    try:
        return verify_file(path, keys, mirrors)
    except Wrong as wrong:
        return {"verdict": "wrong", "first": wrong.first, "last": wrong.last, "checkpoint": wrong.checkpoint, "sentence": wrong.sentence}
    except (Unreadable, OSError) as error:
        return {"verdict": "unreadable", "sentence": str(error)}


def main(arguments):
    keys, mirrors, files = None, [], []
    while arguments:
        word = arguments.pop(0)
        if word in ("--key", "--mirror") and arguments:
            if word == "--mirror":
                mirrors.append(arguments.pop(0))
                continue
            try:
                with open(arguments.pop(0), "rb") as file:
                    keys = Keys(file.read())
            except (OSError, ValueError) as error:
                print(f"the key file: {error}", file=sys.stderr)
                return 3
        elif word.startswith("--") and word != "--without-key":
            print(__doc__, file=sys.stderr)
            return 2
        elif not word.startswith("--"):
            files.append(word)
    if not files:
        print(__doc__, file=sys.stderr)
        return 2
    worst = 0
    for path in (line.rstrip("\n") for line in sys.stdin) if files == ["-"] else files:
        verdict = verdict_of(path, keys, mirrors)
        print(json.dumps({"file": path, **verdict}), flush=True)
        worst = max(worst, CODES[verdict["verdict"]])
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
