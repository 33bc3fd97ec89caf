#!/usr/bin/env python3
"""Makes bench/RESULTS.md from bench/results.jsonl: of each figure the newest, and the one before."""

import json
import os
import platform
import sys

import results

QUESTIONS = {
    "gateway": "What does a call through `drover serve` cost, beside nginx and HAProxy proxying the same "
               "bytes, a relay that looks at none, and other gateways?",
    "gateway_instructions": "How many instructions of its own does `drover serve` run for a call?",
    "durable": "How fast are durable three-step sessions, so many at once, beside Restate and LangGraph's "
               "SQLite saver?",
    "journal": "How many events a second does the journal's log make durable, beside SQLite?",
    "parked": "What does a store with a million parked sessions need?",
    "placement": "How long does it take to say where a call may run?",
    "http_echo": "What does the HTTP server by itself cost?",
}

HOW = """# Measured

Made by `bench/report.py` from `bench/results.jsonl`; each benchmark appends there.

How to read it:

- A peer stands in the same run on the same cores, in alternating rounds. **Trust the ratio**
  (ours ÷ peer's) before the absolute figures: those move with the machine and with what else runs
  on it.
- CPU a request is user and system time of the proxy's own processes, all threads, divided by the
  requests that were answered. It is what capacity costs; requests a second on few cores also
  measures the load generator and the upstream, which share them.
- `gateway`: a peer's cell is its figure and, in brackets, ours ÷ its. Added latency is that of the
  call through the proxy minus that of the call without it, percentile by percentile; with one
  connection on an idle machine it is mostly the kernel's waking of threads. `added_ttft_ms` is the
  mean time from the request to the first event of a stream, minus that without a proxy.
  `kib_per_open_stream` is resident memory. `instructions_per_request` counts all threads and no
  kernel, by callgrind: no noise moves it. The peer `relay` passes bytes on and looks at none: no
  proxy over TCP costs this machine less.
- `durable`: the case is how many sessions run at once; a session is three steps, each result (240
  bytes) synced to disk before the next step begins, the client on the same cores and within the
  wall time. `p50_ms` and `p99_ms` are of a whole session; CPU is the server's, without the client
  and, for Restate, without the process that runs the steps (LangGraph is a library: its CPU is
  all). `syncs_per_session` is counted by strace: honest is at least one a commit for one session at
  a time, and fewer where many share one. `sync_p50_ms` is a write of 1 KiB and fdatasync measured
  beside the rounds, one right after another; `p50_over_4_syncs_ms` is what is left of a session
  after its four. A session's syncs do not come one right after another: between them the processor
  and the disk rest, and waking costs both. `rested_sync_p50_ms` is the same sync after 0.1 ms of
  rest, and `p50_over_4_rested_syncs_ms` what is left after four of those. `looking_…`: the client
  looks for each answer for 0.3 ms before it sleeps, for every system alike; what this machine takes
  to wake it is then not in the figure. `awake_…`: no processor of the machine halts while it has
  nothing to do (PM Quality of Service, `/dev/cpu_dma_latency`, as `tuned-adm profile
  latency-performance` sets it), for every system and for the disk's syncs alike. A virtual machine
  that is given no time to poll before it halts (`guest_halt_poll_ns` 0; the kernel's own default is
  0.2 ms) takes some 60 us to wake a client on another processor, four times a session, and whether
  the client is on another one is the scheduler's whim: the plain figure is as much about that as
  about the server. `low_latency_…`: Drover itself is told to keep them awake while requests come
  (`low_latency: true`), and nobody else does: not the disk's syncs beside it, nor, in their own
  rounds, the peers. The peer `bare` is a server that syncs the same requests, answers, and does
  nothing else: what it takes above its syncs is the machine's.
- `wall`: what a client sees when endpoints fail. The peers are configured to do what Drover does by
  itself (fallbacks in order, retries, deadlines of 2 s and 7 s). Most answers must come within 8 s
  (`drover wall --list`, docs/faults.md); where a peer's only fault is a time just above that, it did
  answer, and a machine with nothing else to do might have let it pass.
- "before" is the same figure of the last earlier commit, or other build, that was measured. A `+`
  after a commit: measured with changes that were not committed yet. `(release)`: the program of
  `make release`, not that of `make build`.
"""


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


def machine():
    model = ""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    model = line.split(":", 1)[1].strip()
                    break
    except OSError:
        pass
    return ", ".join(p for p in (model, f"{os.cpu_count()} cores", platform.system() + " " +
                                 platform.release().split("-")[0]) if p)


def read(path):
    """Newest and earlier lines by (bench, case, metric, peer), in order of first appearance."""
    figures = {}
    with open(path, encoding="utf-8") as lines:
        for number_of_line, text in enumerate(lines, 1):
            if not text.strip():
                continue
            try:
                line = json.loads(text)
                if "scenario" in line:
                    continue
                key = (line["bench"], line["case"], line["metric"], line["peer"])
            except (ValueError, KeyError) as error:
                raise SystemExit(f"{path}:{number_of_line}: {error!r}")
            figures.setdefault(key, []).append(line)
    return figures


def read_wall(path):
    """The newest run's scorecards: by scenario, by gateway."""
    with open(path, encoding="utf-8") as lines:
        rows = [json.loads(t) for t in lines if t.strip() and '"scenario"' in t]
    card = {}
    for row in rows:
        if row["date"] == rows[-1]["date"]:
            card.setdefault(row["scenario"], {})[row["gateway"]] = row
    return card


def wall_table(card):
    gateways = list(dict.fromkeys(g for row in card.values() for g in row))
    out = ["", "What the client saw, and whether that was right:", "",
           "| scenario | right is | " + " | ".join(gateways) + " |",
           "|---|---|" + "---|" * len(gateways)]
    for name, row in card.items():
        cells = []
        for gateway in gateways:
            seen = row.get(gateway)
            mark = "" if seen is None else ("yes: " if seen["passed"] else "**no**: ") + seen["saw"]
            if seen is not None and not seen["passed"] and seen["faults"]:
                mark += " (" + seen["faults"][0].replace("|", "/") + ")"
            cells.append(mark)
        right = next(iter(row.values()))["right"]
        out.append(f"| {name} | {right} | " + " | ".join(cells) + " |")
    return out


def before(lines):
    """The last figure of another commit, or another build of it, than the newest one's."""
    for line in reversed(lines[:-1]):
        if line["commit"] != lines[-1]["commit"]:
            return line["value"]
    return None


def table(keys, figures):
    out = ["| case | metric | Drover | unit | peer | peer's | ratio | before | date | commit |",
           "|---|---|---:|---|---|---:|---:|---:|---|---|"]
    for key in keys:
        line = figures[key][-1]
        cells = [line["case"], line["metric"], number(line["value"]), line["unit"],
                 line["peer"] or "", number(line["peer_value"]),
                 "" if line["ratio"] is None else f"{line['ratio']:.2f}",
                 number(before(figures[key])), line["date"][:10], line["commit"]]
        out.append("| " + " | ".join(cells) + " |")
    return out


def wide_table(keys, figures):
    """One line a case and metric, the peers in columns: for a benchmark that has many."""
    peers = list(dict.fromkeys(key[3] for key in keys if key[3]))
    out = ["| case | metric | Drover | unit | " + " | ".join(peers) + " | before | date | commit |",
           "|---|---|---:|---|" + "---:|" * (len(peers) + 1) + "---|---|"]
    for case, metric in dict.fromkeys((key[1], key[2]) for key in keys):
        lines = {key[3]: figures[key] for key in keys if key[1:3] == (case, metric)}
        newest = max((l[-1] for l in lines.values()), key=lambda line: line["date"])
        history = next(l for l in lines.values() if l[-1] is newest)
        cells = [case, metric, number(newest["value"]), newest["unit"]]
        for peer in peers:
            line = lines[peer][-1] if peer in lines else None
            cells.append("" if line is None else number(line["peer_value"]) +
                         ("" if line["ratio"] is None else f" ({line['ratio']:.3g})"))
        cells += [number(before(history)), newest["date"][:10], newest["commit"]]
        out.append("| " + " | ".join(cells) + " |")
    return out


WIDE = {"gateway"}


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else results.RESULTS
    figures = read(path)
    newest = max(lines[-1]["date"] for lines in figures.values())
    out = [HOW, f"This file was made on: {machine()}. Newest figure: {newest}.\n"]
    for bench in dict.fromkeys(key[0] for key in figures):
        out.append(f"## {bench}\n")
        if bench in QUESTIONS:
            out.append(QUESTIONS[bench] + "\n")
        make = wide_table if bench in WIDE else table
        out += make([key for key in figures if key[0] == bench], figures)
        if bench == "wall":
            out += wall_table(read_wall(path))
        out.append("")
    with open(os.path.join(os.path.dirname(path), "RESULTS.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(out))


if __name__ == "__main__":
    main()
