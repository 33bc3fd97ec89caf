// Parked sessions: makes many that wait for a signal or for a year, and measures a store that holds
// them.
//
//   build/bench_parked fill FOLDER COUNT      one commit of three events each; then 400 turns in
//   one build/bench_parked measure FOLDER COUNT   opens it, asks what is due, wakes some at random
//
// Prints one JSON object; that of "fill" names some sessions that "measure" leaves alone, so that a
// server over the folder can be asked to wake them. Their events are those that the runtime itself
// would have written. bench/parked/run.sh runs both and keeps the figures.

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "async/scope.h"
#include "identity/tenants.h"
#include "net/asio_loop.h"
#include "session/batch.h"
#include "store/log/log_store.h"

namespace drover {
namespace {

using async::Context;
using async::Task;

constexpr int kAtOnce = 256;
constexpr int kWakes = 2'000;
constexpr size_t kPayloadBytes = 240;
constexpr int kTurns = 400;
constexpr size_t kTurnTextBytes = 2'250;  // 400 turns hold 0.9 MB

contract::Event make_event(const SessionId& session, uint64_t sequence, std::string kind,
                           size_t bytes, Random& random) {
  contract::Event e;
  e.id = EventId::make(wall_from_unix_millis(1'790'000'000'000), random);
  e.session = session;
  e.sequence = sequence;
  e.time = wall_from_unix_millis(1'790'000'000'000);
  e.kind = std::move(kind);
  e.actor.type = "agent";
  e.payload = "\"" + std::string(bytes - 2, 'x') + "\"";
  static constexpr char kDigits[] = "0123456789abcdef";
  for (std::string* hex : {&e.salt, &e.commitment, &e.previous_hash, &e.hash}) {
    for (size_t i = hex == &e.salt ? 32 : 64; i > 0; --i) hex->push_back(kDigits[random.below(16)]);
  }
  return e;
}

/// Ids in order of their number, as real ones are in order of their time.
SessionId session_id(int64_t n) {
  SeededRandom random(static_cast<uint64_t>(n));
  return SessionId::make(wall_from_unix_millis(1'790'000'000'000 + n), random);
}

store::SessionRow parked_row(int64_t n) {
  store::SessionRow row;
  row.id = session_id(n);
  row.tenant = identity::default_tenant();
  row.agent = "support";
  row.agent_version = "1";
  row.status = "waiting";
  row.waiting_for = "signal";
  row.created = row.updated = wall_from_unix_millis(1'790'000'000'000 + n);
  row.due = row.created + std::chrono::hours(24 * 365);
  row.trace_id = "0123456789abcdef0123456789abcdef";
  row.spent.steps = 1;
  return row;
}

/// A session whose planner waits for the signal "go", at most a year.
Result<std::vector<contract::Event>> parked_events(const store::SessionRow& row, Clock& clock,
                                                   Random& random) {
  session::AgentSpec agent;
  agent.name = row.agent;
  agent.version = row.agent_version;
  agent.planner.queue = "bench";
  session::State state;
  state.id = row.id;
  session::Batch batch(state, clock, random);
  Json start = Json::object().set("agent", agent.to_json()).set("tenant", row.tenant.str());
  start.set("trace_id", row.trace_id);
  TRY_VOID(batch.add(session::system_draft("session.started", std::move(start))));
  Json wait = Json::object().set("kind", "wait").set("for", "signal").set("name", "go");
  wait.set("until", format_rfc3339(*row.due)).set("note", std::string(kPayloadBytes, 'x'));
  Json effects = Json::array();
  effects.push(std::move(wait));
  Json plan = Json::object().set("effects", std::move(effects)).set("planner", "queue:bench");
  TRY_VOID(batch.add(session::system_draft("plan", std::move(plan))));
  for (session::Draft& draft : session::decide(state)) {
    draft.payload.set("wait_id", session::wait_id(state.last_sequence + 1));
    TRY_VOID(batch.add(std::move(draft)));
  }
  if (state.find_wait("signal") == nullptr) return fail(Code::kInternal, "it waits for nothing");
  return batch.take();
}

struct Run {
  store::Journal* journal = nullptr;
  Clock* clock = nullptr;
  Random* random = nullptr;
  int64_t next = 0;
  int64_t count = 0;
  Result<void> failed;
};

Task<void> park(Context ctx, Run* run) {
  while (run->next < run->count && run->failed) {
    store::SessionRow row = parked_row(run->next++);
    auto events = parked_events(row, *run->clock, *run->random);
    if (!events) {
      run->failed = fail(events.error());
      co_return;
    }
    row.last_hash = events->back().hash;
    auto done = co_await run->journal->append(ctx, std::move(row), 0, std::move(*events));
    if (!done) run->failed = done;
  }
}

Task<Result<void>> fill(Context ctx, Run* run) {
  async::Scope scope(ctx);
  for (int i = 0; i < kAtOnce; ++i) scope.spawn(park(ctx, run));
  co_await scope.join();
  co_return run->failed;
}

/// One long session: each turn a model call, its result, a tool call and its result.
Task<Result<void>> long_session(Context ctx, Run* run) {
  store::SessionRow row = parked_row(-1);
  uint64_t last = 0;
  for (int turn = 0; turn < kTurns; ++turn) {
    std::vector<contract::Event> events;
    for (const char* kind : {"model.call", "model.result", "tool.call", "tool.result"}) {
      const bool text = std::string_view(kind) == "model.result";
      const size_t bytes = text ? kTurnTextBytes : 200;
      const uint64_t sequence = last + events.size() + 1;
      events.push_back(make_event(row.id, sequence, kind, bytes, *run->random));
    }
    const uint64_t count = events.size();
    CO_TRY_VOID(co_await run->journal->append(ctx, row, last, std::move(events)));
    last += count;
  }
  co_return Result<void>();
}

/// Those with an even number are woken by the store's measure, the others by a server's client.
enum Parity : int64_t { kStoreWakes = 0, kServerWakes = 1 };
int64_t some_session(Run& run, Parity parity) {
  return static_cast<int64_t>(run.random->below(static_cast<uint64_t>(run.count / 2))) * 2 + parity;
}

struct Woken {
  std::vector<Duration> waits;
  double due_ms = 0;
  Result<void> failed;
};

double ms(Duration d) { return static_cast<double>(d.count()) * 1e-6; }

/// What waking one takes: its row, its events, and a commit; it waits again then, since there is
/// nobody here who would go on with it.
Task<Result<void>> wake(Context ctx, Run* run, int64_t n) {
  CO_TRY(auto row, co_await run->journal->find(ctx, session_id(n)));
  CO_TRY(auto events, co_await run->journal->read(ctx, row.id, 1, 1'000));
  const uint64_t last = row.last_sequence;
  std::vector<contract::Event> more;
  more.push_back(make_event(row.id, last + 1, "wait.resolved", kPayloadBytes, *run->random));
  *row.due += 1h;
  co_return co_await run->journal->append(ctx, std::move(row), last, std::move(more));
}

Task<Woken> wake_some(Context ctx, Run* run) {
  Woken out;
  const MonoTime start = ctx.loop().mono();
  auto due = co_await run->journal->due(ctx, wall_from_unix_millis(1'900'000'000'000), 100);
  out.due_ms = ms(ctx.loop().mono() - start);
  if (!due) {
    out.failed = fail(due.error());
    co_return out;
  }
  for (int i = 0; i < kWakes; ++i) {
    const int64_t n = some_session(*run, kStoreWakes);
    const MonoTime begin = ctx.loop().mono();
    auto done = co_await wake(ctx, run, n);
    if (!done) {
      out.failed = done;
      co_return out;
    }
    out.waits.push_back(ctx.loop().mono() - begin);
  }
  co_return out;
}

int64_t resident_kib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != "VmRSS:") continue;
    int64_t kib = 0;
    status >> kib;
    return kib;
  }
  return 0;
}

int64_t bytes_of(const std::string& folder) {
  int64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes += static_cast<int64_t>(entry.file_size());
  }
  return bytes;
}

Result<std::unique_ptr<store::LogStore>> open(const std::string& folder, Clock& clock,
                                              Random& random) {
  store::LogStoreOptions options;
  options.rest.folder = folder;
  return store::open_log_store(options, clock, random);
}

Result<void> run_fill(const std::string& folder, int64_t count) {
  SystemClock clock;
  SeededRandom random(1);
  net::AsioLoop loop;
  Context ctx(loop);
  std::filesystem::create_directories(folder);
  TRY(auto store, open(folder, clock, random));
  Run run;
  run.journal = &store->journal();
  run.clock = &clock;
  run.random = &random;
  run.count = count;
  const MonoTime start = clock.mono();
  TRY_VOID(loop.run_task(fill(ctx, &run)));
  const double seconds = ms(clock.mono() - start) * 1e-3;
  store.reset();
  const int64_t parked = bytes_of(folder);
  TRY(store, open(folder, clock, random));
  run.journal = &store->journal();
  TRY_VOID(loop.run_task(long_session(ctx, &run)));
  store.reset();
  Json out = Json::object();
  out.set("sessions_per_second", static_cast<double>(count) / seconds);
  out.set("store_bytes", parked).set("long_session_bytes", bytes_of(folder) - parked);
  Json sample = Json::array();
  for (int i = 0; i < kWakes; ++i) sample.push(session_id(some_session(run, kServerWakes)).str());
  out.set("sample", std::move(sample));
  std::printf("%s\n", out.dump().c_str());
  return {};
}

Result<void> run_measure(const std::string& folder, int64_t count) {
  SystemClock clock;
  SystemRandom random;
  net::AsioLoop loop;
  Context ctx(loop);
  const MonoTime start = clock.mono();
  TRY(auto store, open(folder, clock, random));
  const double open_ms = ms(clock.mono() - start);
  Run run;
  run.journal = &store->journal();
  run.random = &random;
  run.count = count;
  const int64_t resident_before = resident_kib();
  Woken woken = loop.run_task(wake_some(ctx, &run));
  TRY_VOID(woken.failed);
  std::sort(woken.waits.begin(), woken.waits.end());
  Json out = Json::object();
  out.set("open_ms", open_ms).set("resident_kib", resident_before);
  out.set("resident_after_wakes_kib", resident_kib()).set("due_ms", woken.due_ms);
  out.set("wake_p50_ms", ms(woken.waits[woken.waits.size() / 2]));
  out.set("wake_p99_ms", ms(woken.waits[woken.waits.size() * 99 / 100]));
  std::printf("%s\n", out.dump().c_str());
  return {};
}

}  // namespace
}  // namespace drover

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: bench_parked fill|measure FOLDER COUNT\n");
    return 2;
  }
  const bool fill = std::string_view(argv[1]) == "fill";
  const int64_t count = std::atoll(argv[3]);
  auto done = fill ? drover::run_fill(argv[2], count) : drover::run_measure(argv[2], count);
  if (!done) std::fprintf(stderr, "%s\n", done.error().to_string().c_str());
  return done ? 0 : 1;
}
