# SPDX-License-Identifier: MIT
"""Raw bytes of an agent that wants out: to another server, past the count, with a key of its own, or to make the proxy stop serving.

Whatever happens, the one server that there is sees nothing but whole requests on the lists, and the next honest request is answered.
"""
import unittest

from proxy_bench import KEY, Folder, Proxy, Raw, answer
from test_models import Got

GOOD = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


def post(*lines, body=b"", target=b"/v1/messages", version=b"HTTP/1.1", host=b"Host: localhost\r\n"):
    return b"POST " + target + b" " + version + b"\r\n" + host + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


LONG = b"x" * 70000
REFUSED = {  # nothing of it reaches the server
    "an absolute target": post(target=b"http://evil.example/v1/messages"),
    "an absolute target to the server itself": post(target=b"http://127.0.0.1/v1/messages"),
    "CONNECT": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
    "CONNECT and then a request": b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "CONNECT with a NUL": b"CONNECT evil.example\0.localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "another host": post(b"Content-Length: 2", body=b"{}", host=b"Host: evil.example\r\n"),
    "two hosts": post(b"Host: evil.example", b"Content-Length: 2", body=b"{}"),
    "no host": post(b"Content-Length: 2", body=b"{}", host=b""),
    "an empty host": post(b"Content-Length: 2", body=b"{}", host=b"Host:\r\n"),
    "a host with a NUL": post(b"Content-Length: 2", body=b"{}", host=b"Host: evil.example\0localhost\r\n"),
    "a host and an at sign": post(b"Content-Length: 2", body=b"{}", host=b"Host: localhost@evil.example\r\n"),
    "two lengths": post(b"Content-Length: 2", b"Content-Length: 2", body=b"{}"),
    "two lengths that differ": post(b"Content-Length: 2", b"Content-Length: 50", body=b"{}"),
    "a length and chunks": post(b"Content-Length: 2", b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n"),
    "chunks and a length": post(b"Transfer-Encoding: chunked", b"Content-Length: 12", body=b"2\r\n{}\r\n0\r\n\r\n"),
    "chunks twice": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n"),
    "chunks that are none": post(b"Transfer-Encoding: xchunked", body=b"2\r\n{}\r\n0\r\n\r\n"),
    "chunks under another": post(b"Transfer-Encoding: gzip, chunked", body=b"2\r\n{}\r\n0\r\n\r\n"),
    "chunks hidden by a tab": post(b"Transfer-Encoding:\tchunked", b"Content-Length: 5", body=b"0\r\n\r\n"),
    "chunks hidden by a fold": post(b"Transfer-Encoding:\r\n chunked", b"Content-Length: 5", body=b"0\r\n\r\n"),
    "a negative length": post(b"Content-Length: -2", body=b"{}"),
    "a length with a sign": post(b"Content-Length: +2", body=b"{}"),
    "a length in words": post(b"Content-Length: two", body=b"{}"),
    "a length beyond all bounds": post(b"Content-Length: 99999999999999999999999", body=b"{}"),
    "a length that is a list": post(b"Content-Length: 2, 2", body=b"{}"),
    "a chunk with a size that is none": post(b"Transfer-Encoding: chunked", body=b"xyz\r\n{}\r\n0\r\n\r\n"),
    "a chunk beyond all bounds": post(b"Transfer-Encoding: chunked", body=b"ffffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
    "a negative chunk": post(b"Transfer-Encoding: chunked", body=b"-2\r\n{}\r\n0\r\n\r\n"),
    "an upgrade": post(b"Connection: Upgrade", b"Upgrade: websocket", b"Content-Length: 2", body=b"{}"),
    "an upgrade to HTTP/2": post(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk", b"Content-Length: 2", body=b"{}"),
    "HTTP/2 by knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 50,
    "HTTP/1.0": post(b"Content-Length: 2", version=b"HTTP/1.0", body=b"{}"),
    "HTTP/0.9": b"GET /v1/models\r\n",
    "HTTP of the future": post(b"Content-Length: 2", version=b"HTTP/9.9", body=b"{}"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 500,
    "SOCKS": b"\x05\x01\x00\x05\x01\x00\x03\x0cevil.example\x01\xbb",
    "NULs": b"\0" * 2000,
    "a header that is too long": post(b"x-a: " + LONG, b"Content-Length: 2", body=b"{}"),
    "a header with a name that is too long": post(LONG + b": a", b"Content-Length: 2", body=b"{}"),
    "too many headers": post(*[b"x-%d: a" % i for i in range(9000)], b"Content-Length: 2", body=b"{}"),
    "a target that is too long": post(b"Content-Length: 2", body=b"{}", target=b"/" + LONG + b"/v1/messages"),
    "a target of some length": post(b"Content-Length: 2", body=b"{}", target=b"/" + b"x" * 3000 + b"/v1/messages"),
    "a name with a blank before its colon": post(b"Transfer-Encoding : chunked", b"Content-Length: 2", body=b"{}"),
    "a name with a control character": post(b"x\x01y: z", b"Content-Length: 2", body=b"{}"),
    "a value with a control character": post(b"anthropic-version: a\x01b", b"Content-Length: 2", body=b"{}"),
    "a value with a carriage return": post(b"anthropic-version: a\rx-api-key: b", b"Content-Length: 2", body=b"{}"),
    "a NUL in a header": post(b"User-Agent: a\0x-api-key: mine", b"Content-Length: 2", body=b"{}"),
    "a NUL in the target": post(b"Content-Length: 2", body=b"{}", target=b"/v1/messages\0/../../evil"),
    "a NUL in a host": post(b"Content-Length: 2", body=b"{}", host=b"Host: localhost\0evil.example\r\n"),
    "a NUL in a length": post(b"Content-Length: 2\0", body=b"{}"),
    "a header on two lines": post(b"User-Agent: a\r\n x-api-key: mine", b"Content-Length: 2", body=b"{}"),
    "a first header with a blank before it": post(b"Content-Length: 2", body=b"{}", host=b" Host: evil.example\r\nHost: localhost\r\n"),
    "lines without a carriage return": post(b"Content-Length: 2", body=b"{}").replace(b"\r\n", b"\n"),
    "one line without a carriage return": post(b"User-Agent: a\nx-api-key: mine", b"Content-Length: 2", body=b"{}"),
    "a header without a colon": post(b"mine", b"Content-Length: 2", body=b"{}"),
    "blanks within the first line": post(b"Content-Length: 2", body=b"{}", target=b" /v1/messages "),
    "tabs within the first line": post(b"Content-Length: 2", body=b"{}").replace(b" ", b"\t"),
    "a list instead of an object": post(b"Content-Length: 2", body=b"[]"),
    "two objects": post(b"Content-Length: 4", body=b"{}{}"),
    "compressed": post(b"Content-Encoding: gzip", b"Content-Length: 2", body=b"\x1f\x8b"),
    "no JSON": post(b"Content-Length: 5", body=b"hello"),
    "half of it JSON": post(b"Content-Length: 5", body=b'{"a":'),
    "in the background": post(b"Content-Length: 19", target=b"/v1/responses", body=b'{"background":true}'),
    "in the background, with escapes": post(b"Content-Length: 24", target=b"/v1/responses", body=b'{"b\\u0061ckground":true}'),
    "in the background and not": post(b"Content-Length: 38", target=b"/v1/responses", body=b'{"background":true,"background":false}'),
    "a GET with a body": b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60\r\n\r\n" + GOOD,
    "a HEAD with chunks": b"HEAD /v1/models HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a body before its end": b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n{}",
    "an expectation of something else": post(b"Expect: 999-anything", b"Content-Length: 2", body=b"{}"),
    "up by dots": post(b"Content-Length: 2", body=b"{}", target=b"/../v1/messages"),
    "up by dots behind percent signs": post(b"Content-Length: 2", body=b"{}", target=b"/%2e%2e/v1/messages"),
    "up by two layers": post(b"Content-Length: 2", body=b"{}", target=b"/%252e%252e/v1/messages"),
    "up by a slash behind a percent sign": post(b"Content-Length: 2", body=b"{}", target=b"/..%2f..%2fv1/messages"),
    "two slashes": post(b"Content-Length: 2", body=b"{}", target=b"//evil.example/v1/messages"),
    "a backslash": post(b"Content-Length: 2", body=b"{}", target=b"/\\evil.example/v1/messages"),
    "a target without a slash": post(b"Content-Length: 2", body=b"{}", target=b"@evil.example/v1/messages"),
    "a NUL behind a percent sign": post(b"Content-Length: 2", body=b"{}", target=b"/v1/messages%00"),
    "a line end behind percent signs": post(b"Content-Length: 2", body=b"{}", target=b"/v1/messages%0d%0aX-Api-Key:%20a"),
    "a fragment": post(b"Content-Length: 2", body=b"{}", target=b"/v1/messages#a"),
    "bytes beyond ASCII": post(b"Content-Length: 2", body=b"{}", target=b"/v1/m\xc3\xa9ssages"),
    "files": post(b"Content-Length: 2", body=b"{}", target=b"/v1/files"),
    "batches": post(b"Content-Length: 2", body=b"{}", target=b"/v1/messages/batches"),
    "an image": post(b"Content-Length: 2", body=b"{}", target=b"/v1/images/generations"),
    "a model to remove": b"DELETE /api/delete HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
    "a method of its own": b"SEARCH /v1/messages HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a method in small letters": b"post /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
    "a trace of what is sent": b"TRACE /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n",
}
TAMED = {  # reaches the server, without what was slipped in: what must not be there, or what its first line is
    "another method in a header": (post(b"X-HTTP-Method-Override: DELETE", b"Content-Length: 2", b"Connection: close", body=b"{}"), b"DELETE"),
    "another address in a header": (post(b"X-Original-URL: /v1/files", b"Content-Length: 2", b"Connection: close", body=b"{}"), b"files"),
    "a key of its own": (post(b"x-api-key: mine", b"X-API-KEY: mine", b"Content-Length: 2", b"Connection: close", body=b"{}"), b"mine"),
    "a key by another name": (post(b"Authorization: Bearer mine", b"Content-Length: 2", b"Connection: close", body=b"{}"), b"mine"),
    "a key for a proxy": (post(b"Proxy-Authorization: Basic mine", b"Content-Length: 2", b"Connection: close", body=b"{}"), b"mine"),
    "a header declared to be of this hop": (post(b"Connection: close, content-type, x-api-key", b"Content-Length: 2", body=b"{}"), b"close, content"),
    "who asks": (post(b"X-Forwarded-For: 10.0.0.1", b"Forwarded: for=10.0.0.1", b"Content-Length: 2", b"Connection: close", body=b"{}"), b"10.0.0.1"),
    "whose account": (post(b"OpenAI-Organization: other", b"X-Goog-User-Project: other", b"Content-Length: 2", b"Connection: close", body=b"{}"), b"other"),
    "what may be compressed": (post(b"Accept-Encoding: gzip, br, zstd", b"Content-Length: 2", b"Connection: close", body=b"{}"), b"gzip"),
    "a way to be told less": (post(b"Content-Length: 2", b"Connection: close", body=b"{}",
                                   target=b"/v1beta/models/m:generateContent?fields=candidates&alt=media&$.xgafv=2"), b"fields"),
}


class Attacks(unittest.TestCase):
    def setUp(self):
        self.folder = Folder().__enter__()
        self.addCleanup(self.folder.__exit__)
        self.raw = Raw(answer(body=b'{"usage":{"input_tokens":3,"output_tokens":1}}'))
        self.addCleanup(self.raw.close)
        self.proxy = Proxy(self.folder, self.raw.url + "/base")
        self.addCleanup(self.proxy.close)

    def asked(self):
        return [self.raw.asked.get_nowait() for _ in range(self.raw.asked.qsize())]

    def attack(self, data):
        """Say it, and hear the answer; who is still waiting for more after a while will wait for ever."""
        heard = b""
        with self.proxy.connect(0.3) as near:
            try:
                near.sendall(data)
                while not self.is_whole(heard) and (more := near.recv(65536)):
                    heard += more
            except OSError:
                pass
        return heard

    @staticmethod
    def is_whole(heard):
        got = Got(heard) if b"\r\n\r\n" in heard else None
        return got is not None and got.complete

    def test_what_has_no_business_at_the_server_does_not_get_there(self):
        self.assertGreaterEqual(len(REFUSED), 60)
        for name, data in REFUSED.items():
            with self.subTest(name):
                heard = self.attack(data)
                self.assertEqual(self.asked(), [])
                if heard:
                    self.assertIn(Got(heard).status // 100, (4, 5), heard[:200])
                self.assertNotIn(KEY.encode(), heard)
        self.assertEqual(Got(self.proxy.raw(GOOD)).status, 200)
        self.assertEqual(self.proxy.count()["in"], 3)

    def test_what_an_attack_is_followed_by_is_not_taken_for_a_request(self):
        """A request hidden in what another says is its body: none of the lengths in doubt lets one out."""
        for name in ("two lengths", "two lengths that differ", "a length and chunks", "chunks and a length", "chunks twice", "chunks that are none",
                     "chunks under another", "chunks hidden by a tab", "a name with a blank before its colon", "a length that is a list",
                     "a GET with a body", "a HEAD with chunks", "an upgrade", "another host", "two hosts"):
            with self.subTest(name):
                self.attack(REFUSED[name] + GOOD + GOOD)
                self.assertEqual(self.asked(), [])

    def test_what_is_slipped_into_an_honest_request_stays_here(self):
        for name, (data, word) in TAMED.items():
            with self.subTest(name):
                heard = self.proxy.raw(data)
                asked = self.asked()
                self.assertLessEqual(len(asked), 1)
                for one in asked:
                    self.assertNotIn(word, one.replace(b"x-api-key: " + KEY.encode(), b""))
                    self.assertTrue(one.startswith(b"POST /base/v1"), one[:100])
                    self.assertEqual(one.count(KEY.encode()), 1)
                self.assertTrue(asked or Got(heard).status // 100 == 4 or not heard)

    def test_requests_without_end_do_not_keep_others_out(self):
        waiting = []
        for data in (b"", b"POST ", b"POST /v1/messages HTTP/1.1\r\nHost: loc", b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"):
            for _ in range(10):
                near = self.proxy.connect()
                near.sendall(data)
                waiting.append(near)
        self.assertEqual(Got(self.proxy.raw(GOOD)).status, 200)
        for near in waiting:
            near.close()
