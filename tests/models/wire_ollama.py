# SPDX-License-Identifier: MIT
"""Ollama: POST /api/chat (and /api/generate), one JSON object a line; it streams unless told not to. Times are nanoseconds."""
import toolbox
from wires import Question, compact, merged, pieces

NAME = "ollama"
content_type = "application/x-ndjson"


def find(path):
    return path in ("/api/chat", "/api/generate")


def read(path, body):
    messages = body.get("messages", [])
    functions = [tool.get("function", {}) for tool in body.get("tools") or []]
    tools = [toolbox.Tool(function["name"], function.get("parameters")) for function in functions if "name" in function]
    answers = [(m.get("content") or "", [""] * len(m.get("tool_calls") or [])) if m.get("role") == "assistant" else None for m in messages]
    question = Question(body.get("model", ""), body.get("stream", True) is not False, tools, merged(answers), len(messages))
    question.generates = path == "/api/generate"
    return question


def line(question, text, calls=(), **more):
    value = {"model": question.model, "created_at": "2026-01-01T00:00:00.000000000Z"}
    if question.generates:
        value["response"] = text
    else:
        value["message"] = {"role": "assistant", "content": text}
        if calls:
            value["message"]["tool_calls"] = [{"function": {"name": call.name, "arguments": call.arguments}} for call in calls]
    return {**value, "done": False, **more}


def ending(reply):
    return {"done": True, "done_reason": "length" if reply.stop == "length" else "stop", "total_duration": 5_000_000_000,
            "load_duration": 1_000_000_000, "prompt_eval_count": reply.tokens_in, "prompt_eval_duration": 1_000_000_000,
            "eval_count": reply.tokens_out, "eval_duration": 3_000_000_000}


def stream(question, reply):
    for piece in pieces(reply.text):
        yield compact(line(question, piece)).encode() + b"\n"
    if reply.calls:
        yield compact(line(question, "", reply.calls)).encode() + b"\n"
    yield compact(line(question, "", **ending(reply))).encode() + b"\n"


def whole(question, reply):
    return line(question, reply.text, reply.calls, **ending(reply))


def refuse(_status, message):
    return {"error": message}


def stream_error(message):
    return compact({"error": message}).encode() + b"\n"
