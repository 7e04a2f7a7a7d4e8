#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does the proxy between an agent and its model server pass on every wire unchanged, count what it took, hold its limits, and keep the key?

    test_proxy.py PROXY_HOST [TEST…]
"""
import gzip
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time
import unittest

import proxy_bench
from proxy_bench import HEARD, KEY, Folder, Proxy, Raw, Scripted, answer, hear
from test_models import Got, USAGE, WIRES, unchunked

TALK = {"turns": [{"say": "Hello from the other side.", "usage": USAGE}]}
DUMMIES = ["x-api-key: dummy-of-the-agent", "Authorization: Bearer dummy-of-the-agent", "x-goog-api-key: dummy-of-the-agent"]
KEY_HEADERS = {"anthropic": f"x-api-key: {KEY}", "responses": f"authorization: Bearer {KEY}", "chat": f"authorization: Bearer {KEY}",
               "gemini": f"x-goog-api-key: {KEY}", "ollama": f"authorization: Bearer {KEY}"}
PRICES = {"price_in": 3000000, "price_in_cached": 300000, "price_in_cache_write": 3750000, "price_out": 15000000}
COST = 60 * 3 + 12 + 7 * 15  # of USAGE: 60 tokens that are new, 40 that were cached, 7 that came back


def body_of(wire, **more):
    path, common, _, messages = WIRES[wire]
    return path, {**common, **messages, **more}


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Folder().__enter__()
        self.addCleanup(self.folder.__exit__)

    def serve(self, scripts=None, **options):
        scripted = Scripted(TALK if scripts is None else scripts, **options)
        self.addCleanup(scripted.close)
        return scripted

    def serve_raw(self, *arguments, **options):
        raw = Raw(*arguments, **options)
        self.addCleanup(raw.close)
        return raw

    def open(self, url, **options):
        proxy = Proxy(self.folder, url, **options)
        self.addCleanup(proxy.close)
        self.assertIsNone(proxy.why)
        return proxy

    def with_fault(self, fault, **options):
        return self.open(self.serve({**TALK, "faults": [fault]}).url, **options)

    def wait_for(self, proxy, name, value):
        """The proxy settles a request at the latest when it hears that the agent has gone; that comes by itself."""
        until = time.monotonic() + 30
        while proxy.count()[name] != value:
            self.assertLess(time.monotonic(), until, f"{name} is {proxy.count()[name]}, not {value}")
            time.sleep(0.01)
        return proxy.count()


class Wires(Case):
    def test_each_wire_comes_through_byte_for_byte_and_is_counted(self):
        for wire in WIRES:
            with self.subTest(wire), Folder() as self.folder:
                scripted, direct = self.serve(key=KEY), self.serve()
                proxy = Proxy(self.folder, scripted.url, **PRICES)
                path, body = body_of(wire)
                got = proxy.ask(path, body, headers=DUMMIES)
                self.assertEqual((got.status, got.complete), (200, True))
                self.assertEqual(got.body, Proxy.ask(Direct(direct), path, body).body)
                count = proxy.count()
                cached = 0 if wire == "ollama" else 40
                self.assertEqual([count[name] for name in ("in", "in_cached", "out", "guessed", "model")], [100, cached, 7, 0, "m"])
                self.assertEqual(count["microusd"], COST if cached else 100 * 3 + 7 * 15)
                proxy.close()

    def test_an_answer_that_is_not_streamed_is_counted_too(self):
        proxy = self.open(self.serve().url)
        for number, wire in enumerate(("anthropic", "responses", "chat", "ollama"), 1):
            path, body = body_of(wire, stream=False)
            self.assertEqual(proxy.ask(path, body).status, 200)
            self.assertEqual((proxy.count()["in"], proxy.count()["out"]), (100 * number, 7 * number))
        self.assertEqual(proxy.ask("/v1beta/models/m:streamGenerateContent", WIRES["gemini"][3]).status, 200)
        self.assertEqual((proxy.count()["in"], proxy.count()["guessed"]), (500, 0))

    def test_a_server_that_does_not_count_is_counted_by_size(self):
        proxy = self.open(self.serve().url)
        path, body = body_of("chat", stream_options=None)
        proxy.ask(path, body)
        count = proxy.count()
        self.assertEqual(count["guessed"], 1)
        self.assertGreater(count["in"], 10)
        self.assertGreaterEqual(count["out"], 7)

    def test_several_requests_go_over_one_connection_each_way(self):
        raw = self.serve_raw(answer(body=b'{"model":"m","usage":{"prompt_tokens":3,"completion_tokens":1}}'))
        proxy = self.open(raw.url)
        with proxy.connect() as near:
            for _ in range(5):
                near.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
                heard = b""
                while not heard.endswith(b"0\r\n\r\n"):
                    heard += near.recv(65536)
        self.assertEqual((proxy.count()["in"], raw.connections), (15, 1))

    def test_a_body_in_pieces_is_put_together(self):
        raw = self.serve_raw()
        proxy = self.open(raw.url)
        got = Got(proxy.raw(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                            b'6;a="b"\r\n{"mode\r\n6\r\nl":"x"\r\n1\r\n}\r\n0\r\nX-Trailer: y\r\n\r\n'))
        self.assertEqual(got.status, 200)
        asked = raw.asked.get(timeout=30)
        self.assertTrue(asked.endswith(b'\r\n\r\n{"model":"x"}'))
        self.assertNotIn(b"railer", asked)

    def test_fifty_streams_at_once_are_all_whole_and_all_counted(self):
        proxy = self.open(self.serve({**TALK, "faults": [{"fault": "slow", "delay_ms": 3, "bytes": 64}]}).url, **PRICES)
        path, body = body_of("anthropic")
        results, threads = [], []
        for _ in range(50):
            threads.append(threading.Thread(target=lambda: results.append(proxy.ask(path, body))))
            threads[-1].start()
        for thread in threads:
            thread.join()
        self.assertEqual({(got.status, got.complete) for got in results}, {(200, True)})
        count = proxy.count()
        self.assertEqual([count[name] for name in ("requests", "in", "out", "microusd", "reserved_tokens", "reserved_microusd")],
                         [50, 5000, 350, 50 * COST, 0, 0])
        self.assertEqual(len(proxy.lines()), 50)

    def test_a_reply_is_passed_on_while_it_comes(self):
        proxy = self.with_fault({"fault": "stall"})
        path, body = body_of("anthropic")
        data = json.dumps(body).encode()
        with proxy.connect() as near:
            near.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
            heard = b""
            while b"message_start" not in heard:  # the rest never comes
                heard += near.recv(65536)
            self.assertGreater(proxy.count()["reserved_tokens"], 0)
            self.assertGreater(proxy.count()["last_byte_ms"], 0)

    def test_a_long_reply_waits_for_an_agent_that_reads_slowly(self):
        text = b'{"model":"m","message":{"content":"' + b"x" * 5000000 + b'"},"done_reason":"stop","prompt_eval_count":9,"eval_count":8}'
        proxy = self.open(self.serve_raw(answer(body=text)).url)
        with proxy.connect() as near:
            near.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
            self.assertGreater(len(near.recv(1)), 0)
            self.assertEqual(proxy.count()["in"], 0)  # megabytes are still to come
            got = b"".join(iter(lambda: near.recv(65536), b""))
        self.assertTrue(unchunked(got.partition(b"\r\n\r\n")[2]) == (text, True))
        self.assertEqual((proxy.count()["in"], proxy.count()["out"]), (9, 8))

    def test_a_body_is_taken_up_to_its_limit(self):
        proxy = self.open(self.serve_raw().url, body_bytes_max=100000)
        fits = b'{"a":"' + b"x" * 99990 + b'"}'
        self.assertEqual(proxy.ask("/v1/messages", fits).status, 200)
        for size in (100001, 150000):
            got = proxy.ask("/v1/messages", b" " * size)
            self.assertEqual((got.status, got.json()["error"]["type"]), (413, "request_too_large"))
        self.assertEqual(proxy.raw(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n" + b" " * 900000), b"")


class Direct:
    """The same request without a proxy in between."""

    def __init__(self, scripted):
        self.scripted = scripted

    def raw(self, data, _timeout):
        import socket
        with socket.create_connection(self.scripted.server.server_address) as near:
            near.sendall(data)
            return b"".join(iter(lambda: near.recv(65536), b""))


class Keys(Case):
    def test_the_real_key_stands_where_the_wire_wants_it_and_the_agents_own_nowhere(self):
        raw = self.serve_raw()
        for wire in WIRES:
            with self.subTest(wire), Folder() as self.folder:
                proxy = Proxy(self.folder, raw.url + "/base")
                path, body = body_of(wire)
                proxy.ask(path, body, headers=DUMMIES + ["Cookie: a=b", "api-key: dummy-of-the-agent", "X-Forwarded-Host: evil.example",
                                                         "Proxy-Authorization: Basic dummy-of-the-agent", "Accept-Encoding: gzip, br",
                                                         "OpenAI-Organization: other", "Connection: x-api-key", "anthropic-version: 2023-06-01"])
                head, _, sent = raw.asked.get(timeout=30).partition(b"\r\n\r\n")
                lines = head.decode().split("\r\n")
                self.assertEqual(lines[0], f"POST /base{path} HTTP/1.1")
                self.assertEqual(json.loads(sent), body)
                self.assertIn(KEY_HEADERS[wire], lines)
                self.assertEqual(sum(KEY in line for line in lines), 1)
                names = sorted(line.split(":")[0].lower() for line in lines[1:])
                self.assertEqual(names, sorted(["host", "accept-encoding", "anthropic-version", "content-type", "content-length",
                                                KEY_HEADERS[wire].split(":")[0], "accept"]))
                self.assertIn(f"Host: 127.0.0.1:{raw.port}", lines)
                self.assertNotIn("dummy-of-the-agent", head.decode())
                proxy.close()

    def test_a_key_in_the_address_is_left_out(self):
        raw = self.serve_raw()
        proxy = self.open(raw.url)
        proxy.ask("/v1beta/models/m:generateContent?key=dummy-of-the-agent&alt=json", {})
        self.assertTrue(raw.asked.get(timeout=30).startswith(b"POST /v1beta/models/m:generateContent?alt=json HTTP/1.1\r\n"))

    def test_a_list_of_models_is_asked_with_the_key_where_the_agent_had_its_own(self):
        raw = self.serve_raw()
        proxy = self.open(raw.url)
        for header, wanted in zip(DUMMIES, (f"x-api-key: {KEY}", f"authorization: Bearer {KEY}", f"x-goog-api-key: {KEY}")):
            proxy.ask("/v1/models", headers=[header])
            self.assertIn(wanted.encode(), raw.asked.get(timeout=30).split(b"\r\n"))

    def test_the_header_may_be_chosen_and_without_a_key_there_is_none(self):
        raw = self.serve_raw()
        for options, wanted in (({"key_header": "api-key"}, [f"api-key: {KEY}"]), ({"key_header": "Authorization"}, [f"Authorization: Bearer {KEY}"]),
                                ({"key": None}, [])):
            with Folder() as self.folder:
                proxy = Proxy(self.folder, raw.url, **options)
                proxy.ask("/v1/messages", {}, headers=DUMMIES)
                lines = raw.asked.get(timeout=30).decode().split("\r\n")
                self.assertEqual([line for line in lines if re.match(r"(?i)(x-)?(api-)?(key|authorization)", line)], wanted)
                proxy.close()

    def test_the_log_tells_of_every_request_and_holds_neither_bodies_nor_keys(self):
        proxy = self.open(self.serve().url, **PRICES)
        path, body = body_of("gemini")
        body["contents"][0]["parts"][0]["text"] = "words-of-the-body"
        proxy.ask(path + "&key=dummy-of-the-agent", body, headers=DUMMIES)
        proxy.ask("/v1/files/\x1b[31m", {}, headers=DUMMIES)
        first, second = proxy.lines()
        self.assertEqual({name: first[name] for name in ("method", "path", "wire", "status", "end", "model", "in", "in_cached", "out", "microusd")},
                         {"method": "POST", "path": path.split("?")[0], "wire": "gemini", "status": 200, "end": "complete", "model": "m",
                          "in": 100, "in_cached": 40, "out": 7, "microusd": COST})
        self.assertEqual((second["status"], second["end"], second["path"]), (400, "refused", "/v1/files/?[31m"))
        with open(proxy.log, encoding="utf-8") as file:
            log = file.read()
        for word in (KEY, "dummy-of-the-agent", "words-of-the-body", "Hello from", "\x1b"):
            self.assertNotIn(word, log)
        self.assertEqual(os.stat(proxy.log).st_mode & 0o777, 0o600)

    def test_a_key_that_the_server_repeats_does_not_reach_the_agent(self):
        text = f'{{"error":{{"message":"wrong key: {KEY}, {KEY[:9]}{KEY}"}}}}'.encode()
        for size in (1, 7, len(KEY) - 1, len(KEY), len(text)):
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(text[i:i + size]), text[i:i + size]) for i in range(0, len(text), size))
            head = f"HTTP/1.1 401 Unauthorized\r\nrequest-id: {KEY}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
            with Folder() as self.folder:
                proxy = Proxy(self.folder, self.serve_raw(head + chunks + b"0\r\n\r\n").url)
                got = proxy.ask("/v1/messages", {})
                self.assertEqual((got.status, got.complete, got.body), (401, True, text.replace(KEY.encode(), b"*" * len(KEY))))
                self.assertNotIn("request-id", got.headers)
                proxy.close()

    def test_a_reply_that_ends_like_the_key_begins_is_whole(self):
        proxy = self.open(self.serve_raw(answer(body=b"{} " + KEY[:10].encode())).url)
        self.assertEqual(proxy.ask("/v1/messages", {}).body, b"{} " + KEY[:10].encode())

class Faults(Case):
    def test_errors_of_the_server_come_through_with_what_they_say(self):
        for status in (400, 401, 403, 404, 500, 529):
            with self.subTest(status), Folder() as self.folder:
                scripted = self.serve({**TALK, "faults": [{"fault": "status", "status": status}]})
                proxy = Proxy(self.folder, scripted.url)
                got = proxy.ask(*body_of("anthropic"))
                self.assertEqual((got.status, got.json()["type"]), (status, "error"))
                count = proxy.count()
                self.assertEqual([count[name] for name in ("failures", "last_status", "in", "out", "rate_limited", "reserved_tokens")],
                                 [1, status, 0, 0, int(status == 529), 0])
                proxy.close()

    def test_a_short_wait_that_the_server_asks_for_is_kept_for_the_agent(self):
        proxy = self.with_fault({"fault": "status", "status": 429, "retry_after": 1, "at": 1})
        got = proxy.ask(*body_of("anthropic"))
        self.assertEqual((got.status, got.headers["retry-after"]), (429, "1"))
        begun = time.monotonic()
        self.assertEqual(proxy.ask(*body_of("anthropic")).status, 200)  # at once, and yet not too early
        self.assertGreater(time.monotonic() - begun, 0.8)
        count = proxy.count()
        self.assertEqual([count[name] for name in ("rate_limited", "retry_after_ms", "requests", "refused", "in")], [1, 1000, 2, 0, 100])

    def test_a_long_wait_is_answered_here_without_asking_the_server_again(self):
        scripted = self.serve({**TALK, "faults": [{"fault": "status", "status": 429, "retry_after": 3600}]})
        proxy = self.open(scripted.url)
        for wire in ("anthropic", "chat", "gemini"):
            got = proxy.ask(*body_of(wire))
            self.assertEqual(got.status, 429)
            self.assertIn(int(got.headers["retry-after"]), range(3500, 3601))
        self.assertEqual(scripted.totals()["requests"], 1)
        self.assertEqual((proxy.count()["rate_limited"], proxy.count()["refused"]), (1, 2))

    def test_a_reply_that_breaks_off_breaks_off_for_the_agent_too(self):
        for reset in (False, True):
            with self.subTest(reset=reset), Folder() as self.folder:
                scripted = self.serve({**TALK, "faults": [{"fault": "drop", "reset": reset}]})
                proxy = Proxy(self.folder, scripted.url)
                got = proxy.ask(*body_of("anthropic"))
                self.assertEqual((got.status, got.complete), (200, False))
                count = proxy.count()
                self.assertEqual((count["failures"], count["guessed"], count["reserved_tokens"]), (1, 1, 0))
                self.assertTrue(count["in"] == 100 or (reset and count["in"] > 0))  # a reset may take along what was on the way
                proxy.close()
                self.assertEqual(proxy.lines()[0]["end"], "dropped")

    def test_no_reply_at_all_is_a_bad_gateway(self):
        proxy = self.with_fault({"fault": "drop", "when": "before"})
        got = proxy.ask(*body_of("anthropic"))
        self.assertEqual((got.status, got.json()["error"]["type"]), (502, "api_error"))
        self.assertEqual(proxy.count()["failures"], 1)

    def test_a_server_that_is_not_there_is_a_bad_gateway(self):
        raw = self.serve_raw()
        raw.close()
        proxy = self.open(raw.url)
        self.assertEqual(proxy.ask(*body_of("chat")).status, 502)
        count = proxy.count()
        self.assertEqual((count["failures"], count["in"], count["reserved_tokens"]), (1, 0, 0))

    def test_a_server_that_says_nothing_is_given_up(self):
        proxy = self.open(self.serve_raw(None).url, first_byte_ms=100, connect_ms=100)
        got = proxy.ask(*body_of("gemini"))
        self.assertEqual((got.status, got.json()["error"]["status"]), (504, "DEADLINE_EXCEEDED"))
        self.assertEqual(proxy.count()["failures"], 1)

    def test_a_reply_that_stalls_is_given_up(self):
        proxy = self.with_fault({"fault": "stall"}, idle_ms=1000)
        got = proxy.ask(*body_of("anthropic"))
        self.assertEqual((got.status, got.complete), (200, False))
        count = proxy.count()
        self.assertEqual((count["in"], count["guessed"], count["failures"]), (100, 1, 1))

    def test_what_makes_no_sense_comes_through_and_is_counted_by_size(self):
        for fault, ending in {"empty": "open", "html": "open", "garbage": "open", "blank": "stop", "refusal": "refusal", "truncated": "length"}.items():
            with self.subTest(fault), Folder() as self.folder:
                scripted = self.serve({**TALK, "faults": [{"fault": fault}]})
                proxy = Proxy(self.folder, scripted.url)
                got = proxy.ask(*body_of("chat"))
                self.assertEqual((got.status, got.complete), (200, True))
                self.assertEqual(proxy.count()["guessed"], int(fault in ("empty", "html", "garbage")))
                self.assertGreater(proxy.count()["in"], 0)
                self.assertEqual(proxy.count()["last_ending"], ending)
                proxy.close()

    def test_an_error_within_a_stream_is_a_failure(self):
        proxy = self.with_fault({"fault": "error"})
        self.assertEqual(proxy.ask(*body_of("anthropic")).status, 200)
        count = proxy.count()
        self.assertEqual((count["failures"], count["last_status"], count["rate_limited"], count["last_ending"]), (1, 529, 1, "error"))

    def test_an_agent_that_leaves_ends_the_request_and_what_came_is_counted(self):
        scripted = self.serve({**TALK, "faults": [{"fault": "stall"}]})
        proxy = self.open(scripted.url)
        path, body = body_of("anthropic")
        data = json.dumps(body).encode()
        near = proxy.connect()
        near.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        heard = b""
        while b'"usage":{"input_tokens":60' not in heard:
            heard += near.recv(65536)
        near.close()
        count = self.wait_for(proxy, "reserved_tokens", 0)
        self.assertEqual((count["in"], count["guessed"]), (100, 1))
        self.assertEqual(proxy.lines()[0]["end"], "client left")

    def test_an_agent_that_leaves_before_the_reply_pays_for_the_time(self):
        raw = self.serve_raw(None)
        proxy = self.open(raw.url)
        near = proxy.connect()
        near.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
        raw.asked.get(timeout=30)
        time.sleep(0.1)  # the time is what is measured
        near.close()
        count = self.wait_for(proxy, "reserved_tokens", 0)
        self.assertGreaterEqual(count["out"], 20)
        self.assertLess(count["out"], 32768)


class Budgets(Case):
    def test_a_budget_ends_the_work_in_words_that_no_program_tries_again(self):
        for wire in WIRES:
            with self.subTest(wire), Folder() as self.folder:
                scripted = self.serve()
                proxy = Proxy(self.folder, scripted.url, tokens_max=250)
                statuses = [proxy.ask(*body_of(wire)).status for _ in range(5)]
                self.assertEqual(statuses, [200, 200, 200, 400, 400])  # 107 each
                got = proxy.ask(*body_of(wire)).json()
                self.assertIn("budget", got["error"] if wire == "ollama" else got["error"]["message"])
                count = proxy.count()
                self.assertEqual([count[name] for name in ("spent", "refused", "requests", "in", "out")], [True, 3, 3, 300, 21])
                self.assertEqual(scripted.totals()["requests"], 3)
                proxy.close()

    def test_money_is_a_budget_too_and_so_are_requests(self):
        for options, sent in (({"microusd_max": 2 * COST}, 2), ({"microusd_max": 2 * COST + 1}, 3), ({"requests_max": 4}, 4)):
            with self.subTest(options), Folder() as self.folder:
                proxy = Proxy(self.folder, self.serve().url, **PRICES, **options)
                self.assertEqual([proxy.ask(*body_of("anthropic")).status for _ in range(5)], [200] * sent + [400] * (5 - sent))
                self.assertEqual(proxy.count()["microusd"], sent * COST)
                proxy.close()

    def test_at_once_or_one_after_another_a_budget_is_exceeded_by_less_than_one_reply(self):
        scripted = self.serve({**TALK, "faults": [{"fault": "slow", "delay_ms": 1, "bytes": 256}]})
        proxy = self.open(scripted.url, tokens_max=1500)
        path, body = body_of("anthropic", max_tokens=400)
        statuses, over = [], []

        def agent():
            for _ in range(4):
                statuses.append(proxy.ask(path, body).status)

        threads = [threading.Thread(target=agent) for _ in range(8)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            count = proxy.count()
            over.append(count["in"] + count["out"] + count["reserved_tokens"])
        for thread in threads:
            thread.join()
        count = proxy.count()
        self.assertEqual({status: statuses.count(status) for status in set(statuses)}, {200: 15, 400: 17})  # 14 are 1498: one more fits
        self.assertEqual(count["in"] + count["out"], 15 * 107)
        self.assertEqual(scripted.totals()["requests"], 15)
        self.assertLess(max(over), 1500 + 107)
        self.assertTrue(count["spent"])

    def test_a_stop_cuts_what_is_under_way_and_nothing_more_is_sent(self):
        scripted = self.serve({**TALK, "faults": [{"fault": "stall"}]})
        proxy = self.open(scripted.url)
        results = []
        threads = [threading.Thread(target=lambda: results.append(proxy.ask(*body_of("anthropic")))) for _ in range(4)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + 30
        while scripted.totals()["requests"] < 4 and time.monotonic() < until:
            time.sleep(0.01)
        proxy.say("stop")
        for thread in threads:
            thread.join()
        self.assertEqual({got.complete for got in results if got.raw}, {False})
        self.assertEqual(proxy.ask(*body_of("anthropic")).status, 400)
        self.assertEqual(scripted.totals()["requests"], 4)
        self.assertEqual((proxy.count()["reserved_tokens"], proxy.count()["spent"]), (0, False))

    def begin(self, proxy):
        """A request whose answer is not waited for."""
        path, body = body_of("anthropic")
        data = json.dumps(body).encode()
        near = proxy.connect()
        self.addCleanup(near.close)
        near.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        return near

    def test_a_request_that_finds_nothing_to_set_aside_waits_until_it_does_or_nobody_waits_for_it(self):
        scripted = self.serve({**TALK, "faults": [{"fault": "stall", "at": 1}]})
        proxy = self.open(scripted.url, tokens_max=1000)
        first = self.begin(proxy)
        first.recv(1)  # it took all there is
        self.assertEqual(proxy.count()["reserved_tokens"], 1000)
        for tenths in range(1, 20):  # who leaves before it waits is not noticed at all
            near = self.begin(proxy)
            time.sleep(tenths / 10)
            near.close()
            time.sleep(0.5)
            if proxy.count()["refused"]:
                break
        self.assertEqual((proxy.count()["refused"], proxy.count()["spent"]), (1, False))
        second = self.begin(proxy)
        self.assertEqual(scripted.totals()["requests"], 1)
        first.close()
        heard = b""
        while not heard.endswith(b"0\r\n\r\n"):
            heard += second.recv(65536)
        self.assertIn(b"message_stop", heard)
        self.assertEqual(proxy.count()["requests"], 2)

    def test_a_stop_ends_the_waiting_too(self):
        proxy = self.open(self.serve({**TALK, "faults": [{"fault": "stall"}]}).url, tokens_max=1000)
        self.begin(proxy).recv(1)
        second = self.begin(proxy)
        proxy.say("stop")
        self.assertIn(b"400 Bad Request", second.recv(65536))

    def test_a_proxy_that_is_closed_while_replies_are_under_way_lets_go_of_them(self):
        scripted = self.serve({**TALK, "faults": [{"fault": "stall"}]})
        with Folder() as self.folder:
            proxy = Proxy(self.folder, scripted.url)
            near = proxy.connect()
            path, body = body_of("anthropic")
            data = json.dumps(body).encode()
            near.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
            self.assertIn(b"200 OK", near.recv(65536))
            idle = proxy.connect()
            proxy.close()
            hear(near)
            near.close()
            idle.close()


class Ways(Case):
    def test_a_redirect_is_not_followed_and_not_passed_on(self):
        elsewhere = self.serve_raw()
        for status in ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"):
            with Folder() as self.folder:
                proxy = Proxy(self.folder, self.serve_raw(answer(status, b"", f"Location: {elsewhere.url}/v1/messages")).url)
                got = proxy.ask(*body_of("anthropic"))
                self.assertEqual((got.status, "location" in got.headers), (502, False))
                self.assertIn("redirect", got.json()["error"]["message"])
                proxy.close()
        self.assertEqual(elsewhere.connections, 0)

    def test_no_proxy_and_no_password_of_the_environment_is_used(self):
        trap, raw = self.serve_raw(), self.serve_raw()
        with open(os.path.join(self.folder.path, ".netrc"), "w", encoding="utf-8") as file:
            file.write("machine 127.0.0.1 login a password canary-of-netrc\n")
        names = ("http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
        proxy = self.open(raw.url, key=None, environment={**{name: trap.url for name in names}, "no_proxy": "", "HOME": self.folder.path})
        self.assertEqual(proxy.ask(*body_of("anthropic")).status, 200)
        self.assertNotIn(b"uthorization", raw.asked.get(timeout=30))
        self.assertEqual(trap.connections, 0)

    def test_cookies_and_addresses_of_the_server_do_not_reach_the_agent(self):
        raw = self.serve_raw(answer("200 OK", b"{}", "Set-Cookie: a=canary-cookie", "Location: http://x", "Server: s", "Content-Type: application/json",
                                    "request-id: r1", "x-ratelimit-remaining-requests: 7"))
        proxy = self.open(raw.url)
        got = proxy.ask(*body_of("anthropic"))
        self.assertEqual(sorted(got.headers), ["connection", "content-type", "date", "request-id", "transfer-encoding", "x-ratelimit-remaining-requests"])
        proxy.ask(*body_of("anthropic"))
        raw.asked.get(timeout=30)
        self.assertNotIn(b"canary-cookie", raw.asked.get(timeout=30))

    def test_a_reply_that_was_compressed_unasked_is_read_and_passed_on_plain(self):
        text = b'{"model":"m","usage":{"prompt_tokens":31,"completion_tokens":2}}'
        proxy = self.open(self.serve_raw(answer("200 OK", gzip.compress(text), "Content-Encoding: gzip", "Content-Type: application/json")).url)
        got = proxy.ask(*body_of("chat"))
        self.assertEqual((got.body, "content-encoding" in got.headers), (text, False))
        self.assertEqual((proxy.count()["in"], proxy.count()["out"]), (31, 2))

    def test_heads_that_only_announce_are_waited_through(self):
        first = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nrequest-id: wrong\r\n\r\n"
        proxy = self.open(self.serve_raw(first + answer("200 OK", b"{}", "request-id: right")).url)
        got = proxy.ask(*body_of("chat"))
        self.assertEqual((got.status, got.headers["request-id"], got.body), (200, "right", b"{}"))

    def test_a_server_that_speaks_nonsense_is_a_bad_gateway(self):
        for reply in (b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00" * 50, b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200000 + b"\r\n\r\n",
                      b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 7\r\n\r\nhello", b"HTTP/1.1 999999 OK\r\n\r\n"):
            with self.subTest(reply[:20]), Folder() as self.folder:
                proxy = Proxy(self.folder, self.serve_raw(reply).url, idle_ms=200)
                got = proxy.ask(*body_of("chat"))
                self.assertTrue(got.status == 502 or not got.complete, got.raw[:200])
                self.assertEqual(proxy.count()["reserved_tokens"], 0)
                proxy.close()

    def certificate(self):
        words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=test",
                 "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]
        subprocess.run(words, cwd=self.folder.path, check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(self.folder.path, "cert.pem"), os.path.join(self.folder.path, "key.pem"))
        return context, os.path.join(self.folder.path, "cert.pem")

    def test_a_certificate_is_trusted_only_if_it_was_said_to_be(self):
        context, path = self.certificate()
        raw = self.serve_raw(tls=context)
        with Folder() as self.folder:
            proxy = self.open(raw.url)
            got = proxy.ask(*body_of("anthropic"))
            self.assertEqual((got.status, raw.asked.qsize()), (502, 0))
            self.assertIn("certificate", got.json()["error"]["message"])
        with Folder() as self.folder:
            proxy = Proxy(self.folder, raw.url, ca_file=path)
            for _ in range(3):
                self.assertEqual(proxy.ask(*body_of("anthropic")).status, 200)
            proxy.close()
        self.assertEqual((raw.asked.qsize(), raw.connections), (3, 2))
        self.assertIn(f"x-api-key: {KEY}".encode(), raw.asked.get(timeout=30))

    def test_options_that_cannot_be_are_refused_with_a_sentence(self):
        raw = self.serve_raw()
        taken = os.path.join(self.folder.path, "taken")
        os.mkdir(taken)
        for options, code, words in (({"socket": "relative"}, "usage", "absolute"), ({"socket": "/" + "x" * 100}, "usage", "100 bytes"),
                                     ({"socket": taken}, "io", "in use"), ({"socket": "/nowhere/at/all"}, "io", "No such"),
                                     ({"server": "ftp://x"}, "usage", "http"), ({"server": "http://a:b@x"}, "usage", "password"),
                                     ({"key": "a b"}, "usage", "key"), ({"key": "a\r\nx: y"}, "usage", "key"), ({"key": ""}, "usage", "key"),
                                     ({"key_header": "a b"}, "usage", "header"), ({"log": "log"}, "usage", "absolute"),
                                     ({"log": "/nowhere/log"}, "io", "No such"), ({"log": "/dev/full"}, "io", "Invalid"),
                                     ({"ca_file": "x"}, "usage", "absolute")):
            with self.subTest(options):
                proxy = Proxy(self.folder, **{"url": raw.url, **options})
                self.assertEqual(proxy.code, code)
                self.assertIn(words, proxy.why)
                self.assertNotIn(KEY, proxy.why)
                proxy.close()
        self.assertTrue(os.path.isdir(taken))

    def test_the_socket_is_for_nobody_else_and_gone_in_the_end(self):
        proxy = self.open(self.serve_raw().url)
        self.assertEqual(os.stat(proxy.socket).st_mode & 0o777, 0o600)

    def test_nothing_is_inherited_by_a_program_that_is_started_meanwhile(self):
        proxy = self.with_fault({"fault": "stall"})
        near = proxy.connect()
        path, body = body_of("anthropic")
        data = json.dumps(body).encode()
        near.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        near.recv(65536)
        folder = f"/proc/{proxy.child.pid}"
        for number in os.listdir(f"{folder}/fd"):
            with open(f"{folder}/fdinfo/{number}", encoding="ascii") as file:
                flags = int(re.search(r"flags:\s+(\d+)", file.read())[1], 8)
            target = os.readlink(f"{folder}/fd/{number}")
            if int(number) > 2 and not flags & os.O_CLOEXEC:
                self.assertFalse(self.leads_out(folder, target), f"{number}: {target}")
        near.close()

    @staticmethod
    def leads_out(folder, target):
        """Files and connections by TCP; libcurl's own pairs of sockets lead nowhere."""
        if not target.startswith("socket:["):
            return target.startswith("/") and not target.startswith("/dev/")
        inode = target[8:-1]
        with open(f"{folder}/net/tcp", encoding="ascii") as file:
            return any(line.split()[9] == inode for line in file.read().splitlines()[1:])


class Questions(Case):
    """Single questions of our own, without an agent."""

    @staticmethod
    def begin(url, wire, **more):
        child = subprocess.Popen([proxy_bench.HOST_PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        child.stdin.write(json.dumps({"ask": "Which?", "wire": wire, "server": url, "key": KEY, "model": "m"} | more) + "\n")
        child.stdin.flush()
        return child

    def end(self, child):
        told = child.stdout.readline()
        _, complaint = child.communicate(timeout=60)
        HEARD.append(told.encode() + complaint.encode())
        self.assertEqual(child.returncode, 0, complaint)
        return json.loads(told)

    def ask(self, *arguments, **more):
        return self.end(self.begin(*arguments, **more))

    def test_a_question_is_answered_on_every_wire(self):
        url = self.serve(key=KEY).url
        for wire in WIRES:
            with self.subTest(wire):
                told = self.ask(url, wire, system="Be brief.", temperature=0.5, tokens_max=77)
                self.assertEqual((told["text"], told["in"], told["out"], told["model"]), ("Hello from the other side.", 100, 7, "m"))

    def test_a_question_says_what_it_was_told_to_say(self):
        wanted = {
            "anthropic": {"model": "m", "messages": [{"role": "user", "content": "Which?"}], "system": "S", "max_tokens": 77, "temperature": 0.5},
            "responses": {"model": "m", "input": "Which?", "instructions": "S", "store": False, "max_output_tokens": 77, "temperature": 0.5},
            "chat": {"model": "m", "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Which?"}], "max_tokens": 77,
                     "temperature": 0.5},
            "gemini": {"contents": [{"role": "user", "parts": [{"text": "Which?"}]}], "systemInstruction": {"parts": [{"text": "S"}]},
                       "generationConfig": {"maxOutputTokens": 77, "temperature": 0.5}},
            "ollama": {"model": "m", "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Which?"}], "stream": False,
                       "options": {"num_predict": 77, "temperature": 0.5}},
        }
        raw = self.serve_raw()
        for wire, body in wanted.items():
            with self.subTest(wire):
                self.assertEqual(self.ask(raw.url, wire, system="S", temperature=0.5, tokens_max=77)["code"], "task_failed")
                head, _, sent = raw.asked.get(timeout=30).partition(b"\r\n\r\n")
                self.assertEqual(json.loads(sent), body)
                self.assertIn(KEY_HEADERS[wire], head.decode().split("\r\n"))

    def test_what_goes_wrong_has_a_code_and_a_sentence_without_the_key(self):
        rows = [({"fault": "status", "status": 401}, "not_allowed"), ({"fault": "status", "status": 403}, "not_allowed"),
                ({"fault": "status", "status": 429}, "overloaded"), ({"fault": "status", "status": 529}, "overloaded"),
                ({"fault": "status", "status": 500}, "task_failed"), ({"fault": "status", "status": 400, "message": f"wrong key {KEY}"}, "task_failed"),
                ({"fault": "refusal"}, "task_failed"), ({"fault": "blank"}, "task_failed"), ({"fault": "html"}, "task_failed"),
                ({"fault": "garbage"}, "task_failed"), ({"fault": "empty"}, "task_failed"), ({"fault": "drop"}, "unreachable"),
                ({"fault": "drop", "when": "before"}, "unreachable"), ({"fault": "stall", "when": "before"}, "timeout"),
                ({"fault": "stall"}, "timeout")]
        for fault, code in rows:
            with self.subTest(fault):
                told = self.ask(self.serve({**TALK, "faults": [fault]}).url, "anthropic", timeout_ms=300 if fault["fault"] == "stall" else 0)
                self.assertEqual(told["code"], code)
                self.assertGreater(len(told["why"]), 10)

    def test_a_redirect_is_no_answer(self):
        elsewhere = self.serve_raw()
        told = self.ask(self.serve_raw(answer("302 Found", b"", f"Location: {elsewhere.url}")).url, "chat")
        self.assertEqual((told["code"], elsewhere.connections), ("task_failed", 0))

    def test_a_question_can_be_taken_back(self):
        raw = self.serve_raw(None)
        child = self.begin(raw.url, "chat")
        raw.asked.get(timeout=30)
        child.stdin.close()
        child.stdin = None
        self.assertEqual(self.end(child)["code"], "cancelled")

    def test_a_question_that_cannot_be_asked_is_not_asked(self):
        raw = self.serve_raw()
        for wire, more in (("none", {}), ("chat", {"model": ""}), ("chat", {"model": None}), ("gemini", {"model": "../x"}), ("gemini", {"model": "a/b"}),
                           ("chat", {"key": "a\nb"}), ("chat", {"server": "ftp://x"}), ("chat", {"server": None})):
            with self.subTest(wire=wire, **more):
                self.assertEqual(self.ask(raw.url, wire, **more)["code"], "usage")
        self.assertEqual(raw.connections, 0)


class Afterwards(unittest.TestCase):
    def test_zzz_no_agent_and_no_log_ever_saw_the_key(self):
        self.assertGreater(sum(map(len, HEARD)), 1000)
        self.assertFalse([heard for heard in HEARD if KEY.encode() in heard])


if __name__ == "__main__":
    proxy_bench.HOST_PROGRAM = sys.argv.pop(1)
    from test_proxy_attacks import Attacks  # noqa: F401  run with the others, before Afterwards
    loaded = unittest.defaultTestLoader
    names = sys.argv[1:]
    suite = loaded.loadTestsFromNames(names, sys.modules["__main__"]) if names else unittest.TestSuite(
        loaded.loadTestsFromTestCase(case) for case in (Wires, Keys, Faults, Budgets, Ways, Questions, Attacks, Afterwards))
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())
