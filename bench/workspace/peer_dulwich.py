#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""dulwich's MemoryRepo, measured from outside by peer_script.c."""
import json
import sys
import time

try:
    from dulwich.index import commit_tree
    from dulwich.object_store import commit_tree_changes, tree_lookup_path
    from dulwich.objects import Blob, Commit
    from dulwich.repo import MemoryRepo
except ImportError as error:
    MISSING = str(error)
else:
    MISSING = ""

PERSON = b"Bench <bench@localhost>"
MAIN = b"refs/heads/main"


class Peer:
    def __init__(self):
        self.repo = None if MISSING else MemoryRepo()
        self.tree = None
        self.tip = None

    def commit_files(self, files):
        changes = []
        for path, data in files:
            blob = Blob.from_string(data)
            self.repo.object_store.add_object(blob)
            changes.append((path, 0o100644, blob.id))
        if self.tree is None:
            entries = [(path, sha, mode) for path, mode, sha in changes]
            self.tree = self.repo[commit_tree(self.repo.object_store, entries)]
        else:
            self.tree = commit_tree_changes(self.repo.object_store, self.tree, changes)
        commit = Commit()
        commit.tree = self.tree.id
        commit.parents = [self.tip] if self.tip else []
        commit.author = commit.committer = PERSON
        commit.author_time = commit.commit_time = 1700000000
        commit.author_timezone = commit.commit_timezone = 0
        commit.message = b"commit\n"
        self.repo.object_store.add_object(commit)
        self.tip = commit.id
        self.repo.refs[MAIN] = commit.id


def timed(work):
    begin = time.perf_counter()
    work()
    return {"us": (time.perf_counter() - begin) * 1e6}


def file_of(entry):
    return entry["path"].encode(), entry["data"].encode()


def answer(peer, request):
    kind = request["op"]
    if kind == "open":
        if MISSING:
            return {"cannot": f"dulwich is not there: {MISSING}"}
        return timed(lambda: peer.commit_files([file_of(entry) for entry in request["files"]]))
    if kind == "commit":
        file = file_of(request)
        return timed(lambda: peer.commit_files([file]))
    if kind == "branch":
        return timed(lambda: peer.repo.refs.set_if_equals(b"refs/heads/" + request["name"].encode(), None, peer.tip))
    if kind == "read":
        path = request["path"].encode()

        def read():
            _, sha = tree_lookup_path(peer.repo.object_store.__getitem__, peer.repo[peer.tip].tree, path)
            return peer.repo[sha].data

        return timed(read)
    if kind == "head":
        tree = peer.repo[peer.tip].tree
        return {"tree": tree.decode()}
    return {"cannot": f"{kind} is nothing that dulwich 0.21 offers"}


def main():
    peer = Peer()
    for line in sys.stdin:
        print(json.dumps(answer(peer, json.loads(line))), flush=True)


main()
