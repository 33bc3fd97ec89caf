"""An endpoint that takes half a second for a call, says under which tier it served it, and counts
how many it had at once: GET /seen. The model "scarce" is refused five times before it answers."""
import http.server
import json
import threading
import time

SECONDS = 0.5
lock = threading.Lock()
seen = {"now": 0, "most": 0, "tiers": {}, "scarce": 0}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, **headers):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        with lock:
            self.answer(200, seen)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        tier = body.get("service_tier", "default")
        with lock:
            if body["model"] == "scarce":
                seen["scarce"] += 1
                if seen["scarce"] <= 5:
                    self.answer(429, {"error": {"message": "later", "code": "rate_limit_exceeded"}},
                                retry_after_ms="200")
                    return
            seen["now"] += 1
            seen["most"] = max(seen["most"], seen["now"])
            seen["tiers"][tier] = seen["tiers"].get(tier, 0) + 1
        time.sleep(SECONDS)
        with lock:
            seen["now"] -= 1
        self.answer(200, {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"],
            "service_tier": tier,
            "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None,
                         "message": {"role": "assistant", "content": "Done.", "refusal": None}}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}})

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
