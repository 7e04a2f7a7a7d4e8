#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Exports as whoever asks for them meets them: files, choices, refusals, and the table read by another program.

    export.py BUNSHIN EXPORT_WORLD
"""
import base64
import csv
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

BUNSHIN, WORLD = sys.argv[1:3]
HOSTILE = "01990b1e-5c1a-7c3e-9d52-00000000beef"
ERASED = "01990b1e-5c1a-7c3e-9d52-0000000e4a5e"
RECORDS, UNSEALED = 1037, 3
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


class Exports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="bunshin-export-")
        cls.state = os.path.join(cls.folder, "state")
        subprocess.run([WORLD, cls.state, "1005", str(UNSEALED)], check=True, stdout=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def run_export(self, *options, **more):
        return subprocess.run([BUNSHIN, "audit", "export", "--state", self.state, *options], capture_output=True, check=False, **more)

    def export(self, *options):
        done = self.run_export(*options)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout

    def lines(self, *options):
        return [json.loads(line) for line in self.export(*options).decode().split("\n") if line]

    def records(self, *options):
        return [line for line in self.lines(*options) if "seq" in line]

    def refused(self, code, sentence, *options, **more):
        done = self.run_export(*options, **more)
        self.assertEqual(done.returncode, code, done.stderr.decode())
        self.assertIn(sentence, done.stderr.decode())

    def path(self, name):
        return os.path.join(self.folder, name)

    def others(self):
        """What is in the folder besides the state and what tests name."""
        return sorted(name for name in os.listdir(self.folder) if name != "state")

    def test_a_whole_export_ends_where_the_last_checkpoint_does(self):
        lines = self.lines()
        header, records, checkpoints = lines[0], lines[1:1 + RECORDS], lines[1 + RECORDS:-1]
        self.assertEqual((header["first"], header["last"], header["records"], header["whole"]), (1, RECORDS, RECORDS, True))
        self.assertEqual([record["seq"] for record in records], list(range(1, RECORDS + 1)))
        self.assertEqual([one["number"] for one in checkpoints], list(range(1, header["checkpoints"] + 1)))
        self.assertEqual(int(checkpoints[-1]["checkpoint"].split("\n")[1]), RECORDS)
        self.assertEqual(lines[-1], {"end": True, "lines": len(lines) - 1})
        self.assertNotIn("proof", records[5])
        self.assertIn(f"{UNSEALED} records stand behind the checkpoint", self.run_export().stderr.decode())

    def test_the_keys_are_those_of_the_network(self):
        with open(os.path.join(self.state, "keys/log.pub"), encoding="utf-8") as file:
            keys = [line for line in file.read().splitlines() if line and not line.startswith("#")]
        self.assertEqual(self.lines("--to", "1")[0]["keys"], keys)

    def test_sender_sequences_are_text(self):
        self.assertEqual(self.records("--from", "9", "--to", "9")[0]["sender_seq"], "9")

    def test_what_is_chosen_is_in_a_part_and_nothing_else(self):
        self.assertEqual({one["task_id"] for one in self.records("--task", HOSTILE)}, {HOSTILE.replace("-", "")})
        self.assertEqual([one["seq"] for one in self.records("--from", "5", "--to", "8")], [5, 6, 7, 8])
        self.assertEqual({one["peer"] for one in self.records("--peer", "beta/1")}, {"beta/1"})
        early = self.records("--until", "2026-02-03T10:11:13Z")
        self.assertEqual([one["seq"] for one in early], [1, 2, 3, 4])
        both = self.records("--task", HOSTILE, "--task", ERASED, "--from", "20")
        self.assertEqual([one["seq"] for one in both], [20, 21, 22, 23, 24, 25, 26])
        header = self.lines("--from", "1")[0]
        self.assertEqual((header["whole"], header["records"], header["checkpoints"]), (False, RECORDS, 1))

    def test_every_record_of_a_part_has_its_own_proof(self):
        lines = self.lines("--task", HOSTILE, "--task", ERASED)
        note = [line for line in lines if "checkpoint" in line][0]["checkpoint"].split("\n")
        size, root = int(note[1]), base64.b64decode(note[2])
        for record in (line for line in lines if "proof" in line):
            index, last, node = record["seq"] - 1, size - 1, bytes.fromhex(record["chain"])
            for other in map(base64.b64decode, record["proof"]):
                if index % 2 or index == last:
                    node = hashlib.sha256(b"\1" + other + node).digest()
                    while index % 2 == 0 and index:
                        index, last = index // 2, last // 2
                else:
                    node = hashlib.sha256(b"\1" + node + other).digest()
                index, last = index // 2, last // 2
            self.assertEqual(node, root, record["seq"])

    def test_a_part_brings_the_record_of_an_erasure_along(self):
        records = self.records("--from", "24", "--to", "24")
        self.assertEqual([one["seq"] for one in records], [24, 26])
        self.assertIsNone(records[0]["payload"])
        self.assertEqual(records[1]["type"], 0x68)
        self.assertEqual([one["seq"] for one in self.records("--from", "24", "--to", "24", "--without-payloads")], [24])

    def test_payloads_are_those_that_were_committed_to(self):
        seen = 0
        for record in self.records():
            if record["payload"]:
                salt, body = (base64.b64decode(record["payload"][name]) for name in ("salt", "body"))
                self.assertEqual(hashlib.sha256(salt + body).hexdigest(), record["commitment"])
                seen += 1
        self.assertGreater(seen, 500)

    def test_without_payloads_no_text_of_them_goes_out(self):
        out = self.export("--without-payloads")
        self.assertIs(json.loads(out.split(b"\n")[0])["payloads"], False)
        self.assertNotIn(b"OWNED", out)
        for form in ("csv", "html"):
            self.assertNotIn(b"OWNED", self.export("--without-payloads", "--format", form).split(b"</html>")[0])

    def test_nothing_that_was_erased_goes_out(self):
        for form in ("jsonl", "csv", "html"):
            self.assertNotIn(b"CANARY", self.export("--format", form))

    # ---- files ----

    def test_a_file_appears_whole_and_for_its_owner_alone(self):
        file = self.path("all.jsonl")
        done = self.run_export("--output", file)
        self.assertEqual((done.returncode, done.stdout), (0, b""))
        self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
        with open(file, "rb") as stream:
            content = stream.read()
        self.assertEqual(content, self.export())
        self.assertIn(hashlib.sha256(content).hexdigest(), done.stderr.decode())
        self.refused(6, "is there already", "--output", file)
        self.assertEqual(self.run_export("--output", file, "--force").returncode, 0)
        os.remove(file)
        self.assertEqual(self.others(), [])

    def test_the_form_follows_the_name_of_the_file(self):
        for name, begin in (("a.html", b"<!DOCTYPE html>"), ("a.csv", b"record,time,"), ("a.jsonl", b'{"checkpoints":'), ("a", b'{"check')):
            self.assertEqual(self.run_export("--output", self.path(name)).returncode, 0)
            with open(self.path(name), "rb") as stream:
                self.assertTrue(stream.read().startswith(begin))
            os.remove(self.path(name))

    def test_json_says_what_was_written(self):
        done = self.run_export("--json", "--output", self.path("b.csv"))
        with open(self.path("b.csv"), "rb") as stream:
            total = hashlib.sha256(stream.read()).hexdigest()
        os.remove(self.path("b.csv"))
        said = json.loads(done.stdout)
        self.assertEqual((said["records"], said["left_out"], said["format"], said["sha256"]), (RECORDS, UNSEALED, "csv", total))
        self.refused(2, "--json says what became of a file", "--json")

    def test_the_trail_is_never_replaced(self):
        for name in ("trail.db", "keys/log.pub"):
            self.refused(4, "belongs to the network", "--force", "--output", os.path.join(self.state, name))
        self.refused(2, "no regular file", "--force", "--output", "/dev/null")
        os.symlink(os.path.join(self.state, "trail.db"), self.path("link"))
        self.refused(2, "no regular file", "--force", "--output", self.path("link"))
        os.remove(self.path("link"))

    def test_a_folder_that_is_not_there_is_named(self):
        self.refused(10, "cannot be written", "--output", self.path("nowhere/a.jsonl"))

    def test_a_reader_that_goes_away_is_an_error_of_one_line(self):
        with subprocess.Popen([BUNSHIN, "audit", "export", "--state", self.state], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
            run.stdout.read(10)
            run.stdout.close()
            error = run.stderr.read().decode()
        self.assertEqual((run.returncode, error), (10, "bunshin audit export: whoever read the export went away before its end\n"))

    def test_a_full_disk_is_an_error_and_leaves_nothing(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([BUNSHIN, "audit", "export", "--state", self.state], stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 10)
        self.assertIn(b"standard output cannot be written: No space left on device", done.stderr)
        limited = self.run_export("--output", self.path("c.jsonl"), preexec_fn=small_files)
        self.assertEqual(limited.returncode, 10, limited.stderr)
        self.assertIn(b"File too large", limited.stderr)
        self.assertEqual(self.others(), [])

    def test_ctrl_c_leaves_nothing(self):
        with subprocess.Popen([BUNSHIN, "audit", "export", "--state", self.state, "--output", self.path("d.jsonl")],
                              preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, []), stderr=subprocess.PIPE) as run:
            while run.poll() is None and not self.others():
                pass
            run.send_signal(signal.SIGINT)
            run.stderr.read()
        self.assertIn(run.returncode, (130, 0, -signal.SIGINT))
        if run.returncode == 0:
            os.remove(self.path("d.jsonl"))
        if run.returncode == 130:
            self.assertEqual(self.others(), [])
        for name in self.others():
            os.remove(self.path(name))

    # ---- what cannot be ----

    def test_what_cannot_be_is_said(self):
        self.refused(2, "\"pdf\" is no form", "--format", "pdf")
        self.refused(2, "\"0\" is no record", "--from", "0")
        self.refused(2, "lies behind", "--from", "9", "--to", "8")
        self.refused(2, "is no moment", "--since", "soonish")
        self.refused(5, "is what you asked for", "--peer", "nobody/1")
        self.refused(5, "is what you asked for", "--from", str(RECORDS + 1))
        self.refused(5, "there is no task", "--task", "abcd9876")

    def test_a_trail_that_nobody_sealed_is_not_exported(self):
        bare = self.path("bare")
        os.mkdir(bare, 0o700)
        shutil.copy(os.path.join(self.state, "trail.db"), bare)
        subprocess.run([sys.executable, "-c", "import sqlite3,sys\ndb = sqlite3.connect(sys.argv[1])\n"
                        "db.execute('DELETE FROM checkpoints')\ndb.commit()", os.path.join(bare, "trail.db")], check=True)
        done = subprocess.run([BUNSHIN, "audit", "export", "--state", bare], capture_output=True, check=False)
        shutil.rmtree(bare)
        self.assertEqual(done.returncode, 6)
        self.assertIn(b"sealed by a checkpoint yet", done.stderr)

    def test_what_is_erased_while_it_goes_out_is_told(self):
        other = self.path("other")
        subprocess.run([WORLD, other, "5000", "2"], check=True, stdout=subprocess.DEVNULL)
        export = [BUNSHIN, "audit", "export", "--state", other]
        with subprocess.Popen(export, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
            begun = run.stdout.read(20000)  # it stops where the pipe is full
            subprocess.run([WORLD, other, "erase"], check=True)
            rest = run.stdout.read()
            error = run.stderr.read().decode()
        self.assertEqual(run.returncode, 6, error)
        self.assertIn("payloads were erased by record 5035", error)
        self.assertIn(b"OWNED", begun)
        self.assertGreater(len(rest), 100000)
        after = subprocess.run(export, capture_output=True, check=True).stdout
        self.assertNotIn(b"OWNED", after)
        shutil.rmtree(other)

    def test_a_part_brings_the_owner_of_a_payload_along(self):
        self.assertEqual([one["seq"] for one in self.records("--from", "27", "--to", "27")], [27])
        records = self.records("--from", "1037", "--to", "1037")
        self.assertEqual([one["seq"] for one in records], [27, 1037])
        self.assertEqual(records[1]["payload_seq"], 27)
        self.assertIsNone(records[1]["payload"])
        self.assertIsNotNone(records[0]["payload"])

    def test_the_second_verifier_says_the_same_of_every_form(self):
        verifier = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../verifier/verify.py")
        cases = ((["--format", "jsonl"], "holes"), (["--format", "html"], "holes"), (["--format", "jsonl", "--without-payloads"], "holes"),
                 (["--format", "html", "--task", ERASED], "verified"), (["--format", "jsonl", "--peer", "gamma/1"], "verified"),
                 (["--format", "jsonl", "--from", "1037", "--to", "1037"], "verified"))
        for options, verdict in cases:  # the senders of this trail have made-up numbers, with holes
            with open(self.path("second"), "wb") as file:
                file.write(self.export(*options))
            done = subprocess.run([sys.executable, verifier, "--key", os.path.join(self.state, "keys/log.pub"), self.path("second")],
                                  capture_output=True, check=False)
            self.assertEqual(json.loads(done.stdout)["verdict"], verdict, done.stderr)
        os.remove(self.path("second"))

    # ---- the table ----

    def rows(self, *options):
        text = self.export("--format", "csv", *options).decode()
        self.assertTrue(text.endswith("\r\n"))
        return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))

    def test_the_table_says_what_the_records_say(self):
        records = self.records()
        rows = self.rows()
        self.assertEqual(len(rows), RECORDS)
        for row, record in zip(rows, records):
            row = {name: value[1:] if value.startswith("'") else value for name, value in row.items()}
            self.assertEqual((int(row["record"]), row["hash"]), (record["seq"], record["chain"]))
            self.assertEqual(row["message"], record["message"]["type"])
            self.assertEqual(row["task"].replace("-", ""), record["task_id"] or "")
            self.assertEqual(json.loads(row["facts"] or "{}"), record["message"]["facts"])
            self.assertEqual(json.loads(row["payload"] or "{}"), record["message"]["payload"])

    def test_no_field_is_a_formula_and_every_one_can_be_had_back(self):
        rows = self.rows("--task", HOSTILE)
        fields = [value for row in rows for value in row.values() if value]
        self.assertEqual([value for value in fields if value[0] in "=+-@\t\r\n"], [])
        said = [row["what_it_says"] for row in rows]
        self.assertEqual([text for text in said if text.startswith("'")], [])
        requests = self.rows("--from", "24", "--to", "26")
        self.assertEqual([row["payload_state"] for row in requests], ["erased by record 26", "erased by record 26", ""])

    def test_a_field_that_would_be_a_formula_gets_an_apostrophe(self):
        rows = self.rows("--from", "23", "--to", "23")
        self.assertEqual(rows[0]["what_it_says"], "</script><script>document.title='OWNED'</script>")
        formulas = self.rows("--peer", "=1+1")
        self.assertEqual({row["peer"] for row in formulas}, {"'=1+1"})
        self.assertEqual([row["what_it_says"] for row in formulas], ["'=HYPERLINK(\"http://example.org\",\"x\")", "'''", "'-2", "'@x"])

    def test_a_terminal_obeys_nothing_in_the_table(self):
        self.assertIsNone(HIDDEN.search(self.export("--format", "csv").decode().replace("\r\n", "\n")))


def small_files():
    import resource
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
