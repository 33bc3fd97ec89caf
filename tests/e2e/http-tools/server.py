"""A small JSON service, and what it was asked: GET /seen gives all requests in order."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

SEEN = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, kind="application/json", headers=()):
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def serve(self):
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if url.path == "/seen":
            return self.answer(200, json.dumps(SEEN))
        seen = {k.lower(): v for k, v in self.headers.items()}
        SEEN.append({"method": self.command, "target": self.path, "body": body, "headers": seen})
        name = url.path.rsplit("/", 1)[-1]
        if name == "find":
            q = parse_qs(url.query).get("q", [""])[0]
            return self.answer(200, json.dumps({"found": q}, ensure_ascii=False))
        if name == "refund":
            return self.answer(200, "refunded " + url.path.split("/")[-2], "text/plain")
        if name == "busy":
            times = sum(s["target"].endswith("/busy") for s in SEEN)
            if times % 2 == 1:
                return self.answer(503, "not now", "text/plain", [("Retry-After", "1")])
            return self.answer(200, '{"done":true}')
        if name == "wrong":
            return self.answer(422, "no such order", "text/plain")
        if name == "moved":
            return self.answer(302, "", "text/plain", [("Location", "http://169.254.169.254/")])
        if name == "picture":
            return self.answer(200, b"\x89PNG\xff\xfe", "image/png")
        if name == "slow":
            time.sleep(30)
        return self.answer(404, "{}")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
