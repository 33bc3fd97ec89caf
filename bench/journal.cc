// How many events a second the embedded journal makes durable, by how many sessions append at once,
// and how many of them share one sync. Each append waits for its own answer before the next.
//
//   ninja -C build bench_journal && build/bench_journal [FOLDER] [RESULTS.jsonl]
//
// FOLDER decides which disk is measured (default: the current one). One JSON object a line goes to
// standard output and, if named, to the end of RESULTS.jsonl.

#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "async/scope.h"
#include "async/sim_loop.h"
#include "net/asio_loop.h"
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

void report(FILE* file, const std::string& name, const char* metric, double value,
            const char* unit) {
  SystemClock clock;
  Json line = Json::object();
  line.set("bench", "journal").set("case", name).set("metric", metric).set("value", value);
  line.set("unit", unit).set("peer", nullptr).set("peer_value", nullptr).set("ratio", nullptr);
  line.set("cores", std::thread::hardware_concurrency());
  line.set("date", format_rfc3339(clock.wall())).set("commit", commit_of_checkout());
  const std::string text = line.dump() + "\n";
  std::fputs(text.c_str(), stdout);
  if (file != nullptr) std::fputs(text.c_str(), file);
}

Result<void> measure(const std::string& folder, int sessions, FILE* file) {
  SystemClock clock;
  SystemRandom random;
  net::AsioLoop loop;
  Context ctx(loop);
  store::SqliteOptions options;
  options.folder = folder;
  TRY(auto store, store::open_sqlite(options, clock, random));
  Measured measured;
  async::detail::start_detached(
      run_case(ctx, &loop, &store->journal(), &random, sessions, &measured));
  loop.run();
  const store::SqliteStats stats = store->stats();
  const double seconds = static_cast<double>(kRunTime.count()) * 1e-9;
  std::sort(measured.waits.begin(), measured.waits.end());
  const auto at = [&](double q) {
    const auto i = static_cast<size_t>(q * static_cast<double>(measured.waits.size() - 1));
    return static_cast<double>(measured.waits[i].count()) * 1e-6;
  };
  const std::string name = std::to_string(sessions) + " sessions";
  const double commits = static_cast<double>(std::max<uint64_t>(1, stats.commits));
  report(file, name, "events_per_second", static_cast<double>(measured.events) / seconds, "1/s");
  report(file, name, "syncs_per_second", commits / seconds, "1/s");
  report(file, name, "events_per_sync", static_cast<double>(measured.events) / commits, "1");
  report(file, name, "commit_mean", static_cast<double>(stats.commit_time.count()) * 1e-6 / commits,
         "ms");
  report(file, name, "append_p50", at(0.5), "ms");
  report(file, name, "append_p99", at(0.99), "ms");
  return {};
}

int run(const std::string& parent, const char* results) {
  FILE* file = results == nullptr ? nullptr : std::fopen(results, "a");
  for (int sessions : {1, 8, 64, 512}) {
    std::string folder = parent + "/journal-bench-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) {
      std::fprintf(stderr, "cannot make a folder in %s\n", parent.c_str());
      return 1;
    }
    Result<void> done = measure(folder, sessions, file);
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    if (!done) {
      std::fprintf(stderr, "%s\n", done.error().to_string().c_str());
      return 1;
    }
  }
  if (file != nullptr) std::fclose(file);
  return 0;
}

}  // namespace
}  // namespace drover

int main(int argc, char** argv) {
  return drover::run(argc > 1 ? argv[1] : ".", argc > 2 ? argv[2] : nullptr);
}
