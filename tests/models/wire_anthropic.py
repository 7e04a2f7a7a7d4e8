# SPDX-License-Identifier: MIT
"""Anthropic Messages: POST /v1/messages, events from message_start to message_stop. Cached tokens are not part of input_tokens."""
import toolbox
from wires import Question, compact, event, merged, pieces, text_of

NAME = "anthropic"
content_type = "text/event-stream; charset=utf-8"
STOPS = {"end": "end_turn", "tools": "tool_use", "length": "max_tokens", "refusal": "refusal"}
TYPES = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
         413: "request_too_large", 429: "rate_limit_error", 529: "overloaded_error"}


def find(path):
    return path.endswith("/messages")


def read(_path, body):
    messages = body.get("messages", [])
    tools = [toolbox.Tool(tool["name"], tool.get("input_schema")) for tool in body.get("tools") or [] if "name" in tool]
    answers = []
    for message in messages:
        content = message.get("content")
        ids = [part.get("id", "") for part in content if part.get("type") == "tool_use"] if isinstance(content, list) else []
        answers.append((text_of(content), ids) if message.get("role") == "assistant" else None)
    return Question(body.get("model", ""), bool(body.get("stream")), tools, merged(answers), len(messages))


def usage(reply, written):
    return {"input_tokens": reply.tokens_in - reply.cached, "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": reply.cached, "output_tokens": written}


def blocks(reply):
    """Each block as its beginning and its deltas."""
    if reply.text:
        yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces(reply.text)]
    for call in reply.calls:
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(compact(call.arguments), 64)]
        yield {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}, deltas


def message(question, reply, content, stop, written):
    return {"id": f"msg_{reply.id}", "type": "message", "role": "assistant", "model": question.model, "content": content,
            "stop_reason": stop, "stop_sequence": None, "usage": usage(reply, written)}


def stream(question, reply):
    def say(value):
        return event(value, value["type"])
    yield say({"type": "message_start", "message": message(question, reply, [], None, 1)})
    yield say({"type": "ping"})
    for index, (start, deltas) in enumerate(blocks(reply)):
        yield say({"type": "content_block_start", "index": index, "content_block": start})
        for delta in deltas:
            yield say({"type": "content_block_delta", "index": index, "delta": delta})
        yield say({"type": "content_block_stop", "index": index})
    yield say({"type": "message_delta", "delta": {"stop_reason": STOPS[reply.stop], "stop_sequence": None},
               "usage": {"output_tokens": reply.tokens_out}})
    yield say({"type": "message_stop"})


def whole(question, reply):
    content = [{"type": "text", "text": reply.text}] if reply.text else []
    content += [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in reply.calls]
    return message(question, reply, content, STOPS[reply.stop], reply.tokens_out)


def refuse(status, message):
    return {"type": "error", "error": {"type": TYPES.get(status, "api_error"), "message": message}, "request_id": "req_scripted"}


def stream_error(message):
    return event({"type": "error", "error": {"type": "overloaded_error", "message": message}}, "error")
