#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A clone that changes files: adds a notice to those that lack it, and hands that in. See docs/write-a-clone.md and docs/workspace.md."""
import json
import os
import tempfile
import uuid

import zmq

from line_count import COMPLETION, FAILURE, STARTED, STATE, Clone

TASK_FAILED = 33


def ask(**request):
    """One question to the workspace: a JSON object there, one back."""
    socket = zmq.Context.instance().socket(zmq.DEALER)
    try:
        with open(STATE + "/run/workspace", encoding="utf-8") as file:
            socket.connect(file.read().strip())
        socket.send(json.dumps(request).encode())
        if not socket.poll(60000):
            raise OSError("the workspace does not answer")
        reply = json.loads(socket.recv())
    finally:
        socket.close(0)
    if "error" in reply:
        raise OSError(reply["error"]["sentence"])
    return reply["result"]


def add_notice(folder, notice):
    """The work itself."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        for name in names:
            path = os.path.join(place, name)
            if name.endswith(".py") and not os.path.islink(path):
                with open(path, encoding="utf-8") as file:
                    text = file.read()
                if notice not in text:
                    with open(path, "w", encoding="utf-8") as file:
                        file.write(f"# {notice}\n{text}")


class Notice(Clone):
    task_types = "notice"

    def work(self, task, attempt, lease, payload):
        self.say(STARTED, [attempt, lease], task)
        try:
            wanted = json.loads(payload["parameters"])
            repository, revision = wanted["repo"], wanted.get("commit", "HEAD")
            with tempfile.TemporaryDirectory() as folder:
                base = ask(verb="checkout", repository=repository, revision=revision, folder=folder)["id"]
                add_notice(folder, wanted["notice"])
                result = ask(verb="harvest", repository=repository, folder=folder, base=base, task=str(uuid.UUID(bytes=task)), attempt=attempt)
            said = {"summary": f"{len(result['changes'])} files changed", "result": json.dumps({"ref": result["ref"], "commit": result["new"]})}
            self.say(COMPLETION, [attempt, lease], task, said)
        except (KeyError, TypeError, ValueError, OSError) as error:
            self.say(FAILURE, [attempt, lease, TASK_FAILED], task, {"sentence": f"nothing was handed in: {error}"})


if __name__ == "__main__":
    Notice().run()
