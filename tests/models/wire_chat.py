# SPDX-License-Identifier: MIT
"""OpenAI Chat Completions: POST …/chat/completions. The usage comes in a chunk of its own, and only if the request asks for it."""
import toolbox
from wires import Question, compact, event, merged, pieces, text_of

NAME = "chat"
content_type = "text/event-stream; charset=utf-8"
STOPS = {"end": "stop", "tools": "tool_calls", "length": "length", "refusal": "content_filter"}
CODES = {400: "context_length_exceeded", 401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


def find(path):
    return path.endswith("/chat/completions")


def read(_path, body):
    messages = body.get("messages", [])
    functions = [tool.get("function", {}) for tool in body.get("tools") or []]
    tools = [toolbox.Tool(function["name"], function.get("parameters")) for function in functions if "name" in function]
    answers = [(text_of(m.get("content")), [call.get("id") or "" for call in m.get("tool_calls") or []])
               if m.get("role") == "assistant" else None for m in messages]
    question = Question(body.get("model", ""), bool(body.get("stream")), tools, merged(answers), len(messages))
    question.wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    return question


def usage(reply):
    return {"prompt_tokens": reply.tokens_in, "completion_tokens": reply.tokens_out,
            "total_tokens": reply.tokens_in + reply.tokens_out, "prompt_tokens_details": {"cached_tokens": reply.cached}}


def frame(question, reply, kind, choices, **more):
    return {"id": f"chatcmpl-{reply.id}", "object": kind, "created": 1700000000, "model": question.model, "choices": choices, **more}


def deltas(reply):
    yield {"role": "assistant", "content": ""}
    for piece in pieces(reply.text):
        yield {"content": piece}
    for index, call in enumerate(reply.calls):
        yield {"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}]}
        for piece in pieces(compact(call.arguments), 64):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def stream(question, reply):
    def say(choices, **more):
        return event(frame(question, reply, "chat.completion.chunk", choices, **more))
    for delta in deltas(reply):
        yield say([{"index": 0, "delta": delta, "finish_reason": None}])
    yield say([{"index": 0, "delta": {}, "finish_reason": STOPS[reply.stop]}])
    if question.wants_usage:
        yield say([], usage=usage(reply))
    yield event("[DONE]")


def whole(question, reply):
    message = {"role": "assistant", "content": reply.text or None}
    if reply.calls:
        message["tool_calls"] = [{"id": call.id, "type": "function", "function": {"name": call.name, "arguments": compact(call.arguments)}}
                                 for call in reply.calls]
    choice = {"index": 0, "message": message, "finish_reason": STOPS[reply.stop]}
    return frame(question, reply, "chat.completion", [choice], usage=usage(reply))


def refuse(status, message):
    kind = "invalid_request_error" if status < 429 else "rate_limit_error" if status == 429 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": CODES.get(status)}}


def stream_error(message):
    return event({"error": {"message": message, "type": "server_error", "param": None, "code": 500}})
