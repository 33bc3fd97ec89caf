"""The three-step workflow on LangGraph's SQLite saver: a graph of three nodes, one thread a session.

Reads {"sessions": N, "seconds": S} a line from standard input, runs N sessions at once for that
long, and prints one JSON object with what it measured. It is a library: client and server are this
process. Honest sync: WAL with synchronous=FULL, and durability="sync" (a step's checkpoint is
committed before the next begins).
"""

import asyncio
import json
import os
import resource
import sys
import time
from typing import Annotated

import aiosqlite
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

RESULT_BYTES = 240
STEPS = ("step-1", "step-2", "step-3")
# Results that do not compress, as the other systems get.
RESULTS = [os.urandom(RESULT_BYTES // 2).hex() for _ in range(1024)]


def joined(old, new):
    return old + new


class State(TypedDict):
    results: Annotated[list, joined]


def build(saver):
    taken = 0

    async def step(_state):
        nonlocal taken
        taken += 1
        return {"results": [RESULTS[taken % len(RESULTS)]]}

    graph = StateGraph(State)
    for name in STEPS:
        graph.add_node(name, step)
    for source, target in zip((START, *STEPS), (*STEPS, END)):
        graph.add_edge(source, target)
    return graph.compile(checkpointer=saver)


def cpu_s():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure(graph, prefix, sessions, seconds):
    times_ms = []
    stop = time.monotonic() + seconds

    async def one_after_the_other(number):
        count = 0
        while time.monotonic() < stop:
            count += 1
            start = time.monotonic()
            config = {"configurable": {"thread_id": f"{prefix}-{number}-{count}"}}
            state = await graph.ainvoke({"results": []}, config, durability="sync")
            times_ms.append((time.monotonic() - start) * 1000)
            if [len(text) for text in state["results"]] != [RESULT_BYTES] * len(STEPS):
                raise SystemExit(f"a session ended with {state}")

    cpu, start = cpu_s(), time.monotonic()
    await asyncio.gather(*(one_after_the_other(n) for n in range(sessions)))
    wall = time.monotonic() - start
    times_ms.sort()
    return {"sessions": len(times_ms), "wall_s": wall, "cpu_s": cpu_s() - cpu,
            "p50_ms": times_ms[int(0.5 * (len(times_ms) - 1))],
            "p99_ms": times_ms[int(0.99 * (len(times_ms) - 1))]}


async def main():
    async with aiosqlite.connect(sys.argv[1]) as connection:
        saver = AsyncSqliteSaver(connection)
        await saver.setup()
        await connection.execute("PRAGMA synchronous=FULL")
        graph = build(saver)
        async with connection.execute("PRAGMA synchronous") as cursor:
            assert (await cursor.fetchone())[0] == 2, "synchronous is not FULL"
        async with connection.execute("PRAGMA journal_mode") as cursor:
            assert (await cursor.fetchone())[0] == "wal", "no WAL"
        print(json.dumps({"ready": True}), flush=True)
        rounds = 0
        while line := await asyncio.to_thread(sys.stdin.readline):
            rounds += 1
            wanted = json.loads(line)
            done = await measure(graph, f"round-{rounds}", wanted["sessions"], wanted["seconds"])
            print(json.dumps(done), flush=True)


asyncio.run(main())
