"""A provider that answers every call with one word and tells what it was asked: GET /last."""
import http.server
import json

last = {}
OPENAI = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "recorder",
          "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None,
                       "message": {"role": "assistant", "content": "Recorded.", "refusal": None}}],
          "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
CONVERSE = {"output": {"message": {"role": "assistant", "content": [{"text": "Recorded."}]}},
            "stopReason": "end_turn", "metrics": {"latencyMs": 1},
            "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.answer(last)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        last.update(path=self.path, authorization=self.headers.get("authorization", ""),
                    body=json.loads(body))
        self.answer(CONVERSE if self.path.endswith("/converse") else OPENAI)

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
