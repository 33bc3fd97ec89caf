"""The client against a stand-in for Drover that says what a test tells it to: python -m unittest."""

import json
import threading
import time
import unittest
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from drover_client import Drover, DroverError, GiveBack, Reply, serve, work

ACCEPTED = (200, {"accepted": True, "sequence": 5, "next": None})


class StandIn:
    """A server that answers each request by `says(path, body, handler)`; `asked` is what it was asked."""

    def __init__(self, says):
        self.asked = asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                text = self.rfile.read(int(self.headers.get("content-length") or 0))
                body = json.loads(text) if text else None
                asked.append((self.path, body, dict(self.headers)))
                answer = says(self.path, body, self)
                if answer:
                    self.send_response(answer[0])
                    self.end_headers()
                    self.wfile.write(json.dumps(answer[1]).encode())

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a client that went away
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.drover = Drover(f"http://127.0.0.1:{self.server.server_port}", "k")

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Queue(StandIn):
    """Hands out each item once; results are answered by `posted(body)`."""

    def __init__(self, items, posted, beat=(200, {})):
        items = list(items)

        def says(path, body, _handler):
            if path.endswith("/heartbeat"):
                return beat
            if path.endswith("/result"):
                return posted(body)
            if not items:
                time.sleep(0.02)
            return 200, {"items": [items.pop(0)] if items else []}

        super().__init__(says)

    def results(self):
        return [(path, body) for path, body, _ in self.asked if path.endswith("/result")]


def item(**more):
    return {"lease": "ses_1.4.1", "session": "ses_1", "sequence": 4, "attempt": 1, "expires": "",
            "idempotency_key": "ses_1/4", "kind": "tool_call", "name": "add",
            "arguments": {"a": 1, "b": 2}, **more}


class ClientTest(unittest.TestCase):
    def until(self, what):
        end = time.monotonic() + 10
        while not what():
            self.assertLess(time.monotonic(), end, "it did not happen in ten seconds")
            time.sleep(0.01)

    def stand_in(self, server):
        self.addCleanup(server.close)
        return server

    def queue(self, *args, **more):
        return self.stand_in(Queue(*args, **more))

    def test_worker_runs_what_it_leases_and_goes_on_with_what_is_next(self):
        calls = []
        second = item(lease="ses_1.6.2", attempt=2, arguments='{"a":3,"b":4}')
        q = self.queue([item()], lambda _: (200, {"accepted": True, "next": second})
                       if len(q.results()) == 1 else ACCEPTED)

        def add(call, a, b):
            calls.append((call.idempotency_key, call.attempt))
            return a + b

        worker = work("sums", tools={"add": add}, drover=q.drover)
        self.until(lambda: len(q.results()) == 2)
        worker.stop()
        self.assertEqual(calls, [("ses_1/4", 1), ("ses_1/4", 2)])
        self.assertEqual([(p, b["content"], b["next"]) for p, b in q.results()], [
            ("/v1/work/ses_1.4.1/result", "3", True), ("/v1/work/ses_1.6.2/result", "7", True)])
        self.assertEqual(q.asked[0][2]["Authorization"], "Bearer k")

    def test_what_a_tool_raises_is_told_and_what_it_gives_back_is_another_attempt(self):
        def broken(call, **_):
            raise RuntimeError("no stock")

        def later(call, **_):
            raise GiveBack("closed until nine")

        items = [item(name=n) for n in ("broken", "later", "unknown", "reply")]
        q = self.queue(items, lambda _: ACCEPTED)
        worker = work("q", drover=q.drover, tools={
            "broken": broken, "later": later,
            "reply": lambda call, **_: Reply("done", plan={"kind": "end"}, data_class="retention=none")})
        self.until(lambda: len(q.results()) == 4)
        worker.stop()
        broke, late, unknown, reply = (body for _, body in q.results())
        self.assertEqual((broke["content"], broke["is_error"]), ("no stock", True))
        self.assertEqual(late["error"]["message"], "closed until nine")
        self.assertIn("no tool 'unknown'", unknown["error"]["message"])
        self.assertEqual((reply["plan"], reply["data_class"]),
                         ({"effects": [{"kind": "end"}]}, "retention=none"))

    def test_a_superseded_result_is_dropped_and_the_worker_goes_on(self):
        problems = []
        refused = (409, {"error": {"code": "superseded", "message": "attempt 2 is current"}})
        q = self.queue([item(), item(lease="ses_2.4.1")],
                       lambda _: refused if len(q.results()) == 1 else ACCEPTED)
        worker = work("q", tools={"add": lambda call, a, b: a}, drover=q.drover, on_problem=problems.append)
        self.until(lambda: len(q.results()) == 2)
        worker.stop()
        self.assertEqual(len(problems), 1)
        self.assertIn("attempt 1 did not count: attempt 2 is current", problems[0])

    def test_a_lost_lease_is_said_to_the_tool_and_its_result_is_posted_once_for_the_record(self):
        def later(call, **_):
            seen.append(call.lost.wait(5))
            raise GiveBack("never mind")

        for answer in ((409, {"error": {"code": "superseded", "message": "attempt 2 is current"}}),
                       (503, {"error": {"message": "starting"}}), (400, {"error": {"message": "not so"}})):
            seen, problems = [], []
            q = self.queue([item(), item(name="later")], lambda _, a=answer: a,
                           beat=(410, {"error": {"message": "lost"}}))
            worker = work("q", drover=q.drover, lease_s=0.06, on_problem=problems.append, tools={
                "add": lambda call, a, b: seen.append(call.lost.wait(5)) or 3, "later": later})
            self.until(lambda: len(problems) == 2)
            worker.stop()
            self.assertEqual(seen, [True, True])
            self.assertEqual([(b["content"], b["next"]) for _, b in q.results()], [("3", False)])
            self.assertIn(f"attempt 1 did not count: {answer[1]['error']['message']}", problems[0])
            self.assertIn("attempt 1 was lost", problems[1])

    def test_stop_finishes_what_is_in_hand_and_ends_the_poll(self):
        finish = threading.Event()
        q = self.queue([item()], lambda _: ACCEPTED)
        worker = work("q", tools={"add": lambda call, a, b: finish.wait(5)}, drover=q.drover, lease_s=0.09)
        self.until(lambda: any(path.endswith("/heartbeat") for path, _, _ in q.asked))
        threading.Timer(0.05, finish.set).start()
        worker.stop()
        self.assertEqual([(b["content"], b["next"]) for _, b in q.results()], [("true", False)])
        slow = self.stand_in(StandIn(lambda *_: time.sleep(8)))
        worker = work("q", drover=slow.drover)
        self.until(lambda: slow.asked)
        start = time.monotonic()
        worker.stop()
        self.assertLess(time.monotonic() - start, 4)

    def test_a_worker_that_drover_refuses_says_so(self):
        server = self.stand_in(StandIn(lambda *_: (403, {"error": {"code": "no", "message": "not with this key"}})))
        worker = work("q", drover=server.drover, on_problem=lambda _: None)
        with self.assertRaisesRegex(DroverError, "not with this key"):
            worker.join()

    def test_a_result_is_posted_again_when_the_server_was_away(self):
        q = self.queue([item()], lambda _: (503, {"error": {"message": "starting"}})
                       if len(q.results()) < 3 else ACCEPTED)
        worker = work("q", tools={"add": lambda call, a, b: 1}, drover=q.drover)
        self.until(lambda: len(q.results()) == 3)
        worker.stop()

    def test_events_are_taken_up_behind_the_last_one_when_the_connection_breaks(self):
        def event(n):
            return f'id: {n}\nevent: x\ndata: {{"sequence": {n}, "kind": "x"}}\n\n'

        def says(path, _body, handler):
            if not path.endswith("/events"):
                return 200, {"status": "ended", "events": 4}
            first = handler.headers["last-event-id"] == "0"
            text = f": hi\n\n{event(1)}{event(2)}id: 3\nda" if first else event(3) + event(4)
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(text.encode())
            return None

        server = self.stand_in(StandIn(says))
        self.assertEqual([e["sequence"] for e in server.drover.events("ses_1")], [1, 2, 3, 4])
        self.assertEqual([h["Last-Event-ID"] for p, _, h in server.asked if p.endswith("events")], ["0", "2"])

    def test_a_damaged_journal_is_an_error_and_not_an_end(self):
        def says(_path, _body, handler):
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(b'id: 1\nevent: x\ndata: {"sequence": 1, "kind": "x"}\n\n'
                                b'event: error\ndata: {"error": {"message": "at byte 9", "code": "data_loss"}}\n\n')

        server = self.stand_in(StandIn(says))
        seen = []
        with self.assertRaises(DroverError) as raised:
            for event in server.drover.events("ses_1"):
                seen.append(event["sequence"])
        self.assertEqual((seen, raised.exception.code, len(server.asked)), ([1], "data_loss", 1))

    def test_the_class_of_data_is_stated_where_it_comes_in(self):
        server = self.stand_in(StandIn(lambda *_: (200, {"id": "ses_1"})))
        server.drover.create("ward", "hello", data_class={"residency": ["de", "fr"], "retention": "none"})
        server.drover.create("ward")
        server.drover.message("ses_1", "more", "sensitivity=confidential")
        server.drover.message("ses_1", "less")
        self.assertEqual([body for _, body, _ in server.asked], [
            {"agent": "ward", "message": "hello",
             "data_class": {"residency": ["de", "fr"], "retention": "none"}},
            {"agent": "ward"},
            {"content": "more", "data_class": "sensitivity=confidential"},
            {"content": "less"}])

    def test_serve_answers_with_effects_refuses_nonsense_and_says_what_a_planner_raises(self):
        def plan(request, call):
            if request["step"] == 2:
                raise RuntimeError("cannot decide")
            return {"kind": "say", "text": f"step {request['step']}"}

        server = self.stand_in(serve(plan, secret="s"))

        def ask(body, secret="s"):
            request = urllib.request.Request(server.url, body.encode(), {"Authorization": f"Bearer {secret}"})
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:
                    return answer.status, json.loads(answer.read())
            except urllib.error.HTTPError as error:
                return error.code, json.loads(error.read())

        self.assertEqual(ask('{"session":"ses_1","step":1}'),
                         (200, {"effects": [{"kind": "say", "text": "step 1"}]}))
        self.assertEqual(ask('{"session":"ses_1","step":2}'), (500, {"error": {"message": "cannot decide"}}))
        self.assertEqual(ask("{")[0], 400)
        self.assertEqual(ask('{"session":"ses_1","step":1}', "other")[0], 401)


if __name__ == "__main__":
    unittest.main()
