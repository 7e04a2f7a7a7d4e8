# SPDX-License-Identifier: MIT
"""The languages in which model servers are spoken to. Each wire reads a request and writes an answer, whole or as a stream.

A wire has: `find(path)` (is it spoken there?), `read(path, body)` -> Question, `stream(question, reply)` -> the events as bytes,
`whole(question, reply)` -> an object, `refuse(status, message)` -> the object of an error, `stream_error(message)` -> the event
that says it in the middle of a stream, and `content_type` of a stream.
"""
import json


class Question:
    """What every wire says in its own words."""

    def __init__(self, model, stream, tools, history, messages):
        self.model, self.stream, self.tools, self.history, self.messages = model, stream, tools, history, messages


class Reply:
    """One answer. `stop` is one of end, tools, length, refusal. Cached tokens are part of `tokens_in`."""

    def __init__(self, text, calls, stop, tokens_in, tokens_out, cached=0):
        self.text, self.calls, self.stop = text, calls, stop
        self.tokens_in, self.tokens_out, self.cached = tokens_in, tokens_out, cached
        self.id = "0"


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def event(value, name=None, end="\n\n"):
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {value if isinstance(value, str) else compact(value)}{end}".encode()


def pieces(text, size=16):
    """A text as it trickles out of a model."""
    return [text[i:i + size] for i in range(0, len(text), size)]


def text_of(content):
    """Text in any of the shapes: a string, or a list of parts with a text."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content or [] if isinstance(part, dict))


def merged(answers):
    """Answers that follow one another without a word between them are one: None stands for the other side."""
    history, open_answer = [], False
    for answer in answers:
        if answer is None:
            open_answer = False
        elif open_answer:
            text, ids = history[-1]
            history[-1] = (text + answer[0], ids + answer[1])
        else:
            history.append(answer)
            open_answer = True
    return history
