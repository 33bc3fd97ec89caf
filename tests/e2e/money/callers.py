"""Callers of a server that may be killed under them: some leave, and some have little money."""
import http.client
import json
import random
import socket
import threading
import time


class Callers:
    """`counts` says what became of their calls."""

    def __init__(self, server, admin, small, leave, seed):
        self._server, self._admin, self._small = server, admin, small
        self._leave, self._seed = leave, seed
        self.counts = {"answered": 0, "left": 0, "refused": 0, "broken": 0}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = []

    def start(self, workers):
        self._threads = [threading.Thread(target=self._work, args=(n,)) for n in range(workers)]
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _note(self, what):
        with self._lock:
            self.counts[what] += 1

    def _work(self, number):
        rng = random.Random(self._seed * 1000 + number)
        while not self._stop.is_set():
            self._one_call(rng)
            time.sleep(rng.random() * 0.02)

    def _one_call(self, rng):
        stream = rng.random() < 0.6
        leaves = rng.random() < self._leave
        small = rng.random() < 0.05
        words = " ".join("word%d" % rng.randrange(1000) for _ in range(rng.randrange(5, 200)))
        body = json.dumps({"model": rng.choice(["aws", "azure", "coreweave", "any", "any"]),
                           "max_tokens": 300, "stream": stream,
                           "messages": [{"role": "user", "content": words}]})
        connection = http.client.HTTPConnection("127.0.0.1", self._server.now.port, timeout=30)
        try:
            connection.request("POST", "/v1/chat/completions", body,
                               {"authorization": "Bearer " + (self._small if small else self._admin),
                                "content-type": "application/json"})
            if leaves and not stream:
                time.sleep(rng.random() * 0.05)
                connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                self._note("left")
                return
            answer = connection.getresponse()
            if leaves:
                answer.read(rng.randrange(1, 400))
                self._note("left")
                return
            text = answer.read()
            if answer.status == 402:
                self._note("refused")
            elif answer.status == 200 and (not stream or text.rstrip().endswith(b"[DONE]")):
                self._note("answered")
            else:
                self._note("broken")
        except (OSError, http.client.HTTPException):
            self._note("broken")
        finally:
            connection.close()
