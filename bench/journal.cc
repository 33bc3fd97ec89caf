// How many events a second the journal makes durable, by how many sessions append at once, how many
// of them share one sync, and what an event costs: the segmented log beside the same journal in
// SQLite, in one run. Each append waits for its own answer before the next.
//
//   ninja -C build bench_journal && build/bench_journal [FOLDER] [RESULTS.jsonl]
//
// FOLDER decides which disk is measured (default: the current one). One JSON object a line goes to
// standard output and, if named, to the end of RESULTS.jsonl.

#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "async/scope.h"
#include "async/sim_loop.h"
#include "net/asio_loop.h"
#include "store/log/log_store.h"
#include "store/sqlite/sqlite_store.h"

namespace drover {
namespace {

using async::Context;
using async::Task;

constexpr Duration kRunTime = 2s;
constexpr size_t kPayloadBytes = 300;

struct Measured {
  uint64_t events = 0;
  std::vector<Duration> waits;
};

contract::Event make_event(const SessionId& session, uint64_t sequence, Random& random) {
  contract::Event e;
  e.id = EventId("evt_" + make_ulid(WallTime(), random));
  e.session = session;
  e.sequence = sequence;
  e.kind = "model.result";
  e.actor.type = "agent";
  e.payload = "\"" + std::string(kPayloadBytes - 2, 'x') + "\"";
  e.salt = std::string(32, 'a');
  e.commitment = e.previous_hash = e.hash = std::string(64, 'b');
  return e;
}

Task<void> append_until(Context ctx, store::Journal* journal, Random* random, MonoTime end,
                        Measured* out) {
  store::SessionRow row;
  row.id = SessionId::make(ctx.loop().wall(), *random);
  row.tenant = TenantId("ten_bench");
  row.status = "running";
  uint64_t last = 0;
  while (ctx.loop().mono() < end) {
    std::vector<contract::Event> events;
    events.push_back(make_event(row.id, last + 1, *random));
    const MonoTime start = ctx.loop().mono();
    auto done = co_await journal->append(ctx, row, last, std::move(events));
    if (!done) {
      std::fprintf(stderr, "%s\n", done.error().to_string().c_str());
      ::exit(1);
    }
    out->waits.push_back(ctx.loop().mono() - start);
    ++out->events;
    ++last;
  }
}

Task<void> run_case(Context ctx, net::AsioLoop* loop, store::Journal* journal, Random* random,
                    int sessions, Measured* out) {
  async::Scope scope(ctx);
  const MonoTime end = ctx.loop().mono() + kRunTime;
  for (int i = 0; i < sessions; ++i) {
    scope.spawn(append_until(ctx, journal, random, end, out));
  }
  co_await scope.join();
  loop->stop();
}

std::string commit_of_checkout() {
  std::string out;
  FILE* pipe = ::popen("git rev-parse --short HEAD 2>/dev/null", "r");
  if (pipe == nullptr) return out;
  char line[64] = {};
  if (std::fgets(line, sizeof(line), pipe) != nullptr) out = line;
  ::pclose(pipe);
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

/// One case of one backend.
struct Figures {
  double events_per_second = 0;
  double syncs_per_second = 0;
  double events_per_sync = 0;
  double cpu_us_per_event = 0;
  double append_p50_ms = 0;
  double append_p99_ms = 0;
};

void report(FILE* file, const std::string& name, const char* metric, const char* unit, double value,
            double peer) {
  SystemClock clock;
  Json line = Json::object();
  line.set("bench", "journal").set("case", name).set("metric", metric).set("value", value);
  line.set("unit", unit).set("peer", "sqlite").set("peer_value", peer);
  line.set("ratio", peer > 0 ? Json(value / peer) : Json(nullptr));
  line.set("cores", std::thread::hardware_concurrency());
  line.set("date", format_rfc3339(clock.wall())).set("commit", commit_of_checkout());
  const std::string text = line.dump() + "\n";
  std::fputs(text.c_str(), stdout);
  if (file != nullptr) std::fputs(text.c_str(), file);
}

void report_all(FILE* file, const std::string& name, const Figures& log, const Figures& sqlite) {
  const auto one = [&](const char* metric, const char* unit, double Figures::* figure) {
    report(file, name, metric, unit, log.*figure, sqlite.*figure);
  };
  one("events_per_second", "1/s", &Figures::events_per_second);
  one("syncs_per_second", "1/s", &Figures::syncs_per_second);
  one("events_per_sync", "1", &Figures::events_per_sync);
  one("cpu_us_per_event", "us", &Figures::cpu_us_per_event);
  one("append_p50", "ms", &Figures::append_p50_ms);
  one("append_p99", "ms", &Figures::append_p99_ms);
}

/// User and system time of the whole process, all threads.
Duration cpu_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) {
    return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

Figures measure(net::AsioLoop& loop, store::Store& store, Random& random, int sessions) {
  Context ctx(loop);
  Measured measured;
  const Duration cpu_before = cpu_time();
  async::detail::start_detached(
      run_case(ctx, &loop, &store.journal(), &random, sessions, &measured));
  loop.run();
  const Duration cpu = cpu_time() - cpu_before;
  std::sort(measured.waits.begin(), measured.waits.end());
  const auto at = [&](double q) {
    const auto i = static_cast<size_t>(q * static_cast<double>(measured.waits.size() - 1));
    return static_cast<double>(measured.waits[i].count()) * 1e-6;
  };
  const auto events = static_cast<double>(measured.events);
  Figures out;
  out.events_per_second = events / (static_cast<double>(kRunTime.count()) * 1e-9);
  out.cpu_us_per_event = static_cast<double>(cpu.count()) * 1e-3 / events;
  out.append_p50_ms = at(0.5);
  out.append_p99_ms = at(0.99);
  return out;
}

void count_syncs(Figures& figures, uint64_t syncs) {
  figures.syncs_per_second =
      static_cast<double>(syncs) / (static_cast<double>(kRunTime.count()) * 1e-9);
  if (syncs > 0) figures.events_per_sync = figures.events_per_second / figures.syncs_per_second;
}

Result<Figures> measure_sqlite(const std::string& folder, int sessions) {
  SystemClock clock;
  SystemRandom random;
  net::AsioLoop loop;
  store::SqliteOptions options;
  options.folder = folder;
  TRY(auto store, store::open_sqlite(options, clock, random));
  Figures figures = measure(loop, *store, random, sessions);
  count_syncs(figures, store->stats().syncs);
  return figures;
}

Result<Figures> measure_log(const std::string& folder, int sessions) {
  SystemClock clock;
  SystemRandom random;
  net::AsioLoop loop;
  store::LogStoreOptions options;
  options.rest.folder = folder;
  TRY(auto store, store::open_log_store(options, clock, random));
  Figures figures = measure(loop, *store, random, sessions);
  count_syncs(figures, store->log_syncs());
  return figures;
}

/// Runs it in a folder of its own that goes away.
Result<Figures> in_folder(const std::string& parent, int sessions,
                          Result<Figures> (*measured)(const std::string&, int)) {
  std::string folder = parent + "/journal-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    return fail(Code::kUnavailable, "cannot make a folder in " + parent);
  }
  Result<Figures> figures = measured(folder, sessions);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return figures;
}

Result<void> run(const std::string& parent, FILE* file) {
  for (int sessions : {1, 16, 64, 256}) {
    TRY(Figures sqlite, in_folder(parent, sessions, measure_sqlite));
    TRY(Figures log, in_folder(parent, sessions, measure_log));
    report_all(file, std::to_string(sessions) + " sessions", log, sqlite);
  }
  return {};
}

}  // namespace
}  // namespace drover

int main(int argc, char** argv) {
  FILE* file = argc > 2 ? std::fopen(argv[2], "a") : nullptr;
  auto done = drover::run(argc > 1 ? argv[1] : ".", file);
  if (!done) std::fprintf(stderr, "%s\n", done.error().to_string().c_str());
  if (file != nullptr) std::fclose(file);
  return done ? 0 : 1;
}
