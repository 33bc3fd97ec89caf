#pragma once
// The demo's day: three simulated clouds, Drover over them, and beside it the same day run naively
// (one cloud, no failover), all in this process, on a clock that runs a day in half a minute. What
// happens on the day is asked by acts (acts/act.h); the day knows none of them.
//
// Day belongs to run_day(); acts get it for the time of the run. Loop thread only. Failure: a day
// that cannot be set up is an error; what goes wrong during it is found by the acts' checks.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "app/demo/clouds.h"
#include "app/demo/day_facts.h"
#include "app/demo/day_report.h"
#include "app/demo/enclave.h"
#include "app/progress.h"

namespace drover::app {

struct DayOptions {
  /// How long the 24 hours take.
  Duration length = 30s;
  uint64_t seed = 1;
  /// Data folder; empty: a new temporary one. It is kept.
  std::string data;
  bool quiet = false;
};

/// What one person says in one session, and what came of it.
struct Talk {
  std::string act;
  std::string agent;
  std::string user;
  std::vector<std::string> turns;
  /// Between an answer and the next question; in real time.
  Duration think{};
  std::string tenant;  // "clinic", or the default one
};
struct TalkOutcome {
  SessionId session;
  size_t answered = 0;
  bool lost = false;
  std::string why;
};

class Act;

class Day {
 public:
  Day(net::AsioLoop& loop, DayOptions options);
  ~Day();
  Result<DayReport> run();

  // For acts.
  uint64_t seed() const { return options_.seed; }
  /// 13.5 is half past one in the afternoon.
  double hour() const;
  /// Waits for that hour of the day.
  Task<Result<void>> until(Context ctx, double hour);
  /// Has the conversation, here and on the naive side at once; returns when the one here is over.
  Task<TalkOutcome> converse(Context ctx, Talk talk);
  /// Begins a session here alone and says the first thing; returns at once.
  Task<Result<SessionId>> begin(Context ctx, Talk talk);
  /// The session's state once it waits for that ("approval", "budget", …) or has ended.
  Task<Result<session::State>> until_waiting(Context ctx, SessionId id, std::string what);
  /// The sessions of that tree once none of them works, and one waits for that.
  Task<Result<std::vector<store::SessionRow>>> until_tree_stopped(Context ctx, SessionId root,
                                                                  std::string what);
  /// Until Drover trusts the attested endpoint, or does no longer.
  Task<Result<void>> until_trusted(Context ctx, bool trusted);
  /// Says something more in a session that was begun here alone.
  Task<Result<void>> say(Context ctx, SessionId id, std::string text, std::string data_class);
  /// The payload of the session's last event of that kind; an empty object if there is none.
  Task<Result<Json>> last_payload(Context ctx, SessionId id, std::string_view kind);
  /// Stops Drover with whatever is under way and starts it on the same data; returns how many
  /// sessions it took up. Talks wait meanwhile.
  Task<Result<size_t>> restart(Context ctx);
  /// For calls of sessions(): Drover is not replaced until it is gone.
  class Visit {
   public:
    explicit Visit(size_t& inside) : inside_(&inside) { ++inside; }
    Visit(Visit&& o) noexcept : inside_(std::exchange(o.inside_, nullptr)) {}
    ~Visit() {
      if (inside_ != nullptr) --*inside_;
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

   private:
    size_t* inside_;
  };
  Task<Result<Visit>> visit(Context ctx);
  session::SessionManager& sessions() { return real_.runtime->sessions(); }
  const identity::Principal& who() const { return who_; }
  size_t at_work() const { return real_.running; }
  /// For both sides.
  void set_outage(sim::CloudKind kind, bool on);
  /// Of one region.
  void set_outage(sim::CloudKind kind, bool on, std::string_view region);
  /// Another machine claims to be the attested endpoint.
  void set_impostor(bool on) { enclave_->set_impostor(on); }
  /// Calls of a session that the clouds' books have in regions that are not `inside`.
  size_t asked_outside(SessionId id, bool (*inside)(const std::string& region));
  /// What goes wrong at a cloud, for Drover alone.
  sim::FaultQueue& faults(sim::CloudKind kind) { return real_.clouds->cloud(kind).faults(); }
  /// Calls that met such a fault there.
  size_t met(sim::CloudKind kind, sim::FaultKind fault);
  /// Calls that the cloud is answering now (Drover's, not the naive side's).
  size_t in_flight(sim::CloudKind kind);
  void note(const std::string& text) { progress_.note(text); }

 private:
  /// One whole world: clouds and a Drover over them.
  struct Side {
    bool naive = false;
    std::unique_ptr<Runtime> runtime;
    std::unique_ptr<DemoClouds> clouds;
    std::map<std::string, session::AgentSpec> agents;
    std::map<SessionId, std::string> acts;  // of each session
    std::set<SessionId> asides;             // begun here alone
    size_t talks = 0, running = 0, steps = 0, lost = 0, answered = 0;
    /// Visits to the runtime, and whether it is being replaced.
    size_t inside = 0;
    bool restarting = false;
  };

  Result<void> set_up();
  /// The European tenant, and the floor of its data.
  Task<Result<void>> found_clinic(Context ctx);
  const identity::Principal& who_of(SessionId id) const {
    return of_clinic_.count(id) == 0 ? who_ : clinic_;
  }
  Result<void> set_up(Side& side);
  Result<Config> config_of(Side& side);
  Task<Result<SessionId>> make(Context ctx, Side* side, const Talk* talk, bool speak);
  Task<Result<std::optional<std::vector<contract::Event>>>> next_events(Context ctx, Side* side,
                                                                        SessionId id,
                                                                        uint64_t from);
  Task<Result<uint64_t>> post(Context ctx, Side* side, SessionId id, std::string text);
  /// Waits while Drover is being replaced.
  Task<Result<Visit>> enter(Context ctx, Side* side);
  Task<Result<void>> run_acts(Context ctx);
  Task<void> run_act(Context ctx, Act* act);
  Task<void> play_naive(Context ctx, Talk talk);
  Task<TalkOutcome> play(Context ctx, Side* side, Talk talk);
  Task<Result<bool>> ask(Context ctx, Side* side, SessionId id, session::State* state,
                         std::string text);
  Task<void> watch(Context ctx);
  Task<Result<void>> gather(Context ctx, Side* side, SideReport* out);
  void count_books(Side& side, SideReport& out);
  Task<Result<void>> settle_bill(Context ctx, Side* side, BillReport* out);
  void show();

  net::AsioLoop& loop_;
  DayOptions options_;
  /// The clouds', which outlive a restart of Drover.
  async::WorkerPool resolver_{"blocking", 1};
  std::unique_ptr<net::Network> network_;
  Side real_, naive_;
  std::unique_ptr<async::Scope> naive_talks_;
  std::vector<std::unique_ptr<Act>> acts_;
  identity::Principal who_ = identity::Principal::system(default_tenant());
  std::unique_ptr<DemoEnclave> enclave_;
  identity::Principal clinic_;
  std::set<SessionId> of_clinic_;
  MonoTime midnight_{};
  Progress progress_;
  std::string data_;
  std::set<sim::CloudKind> down_;
  Duration sync_sum_{};
  int64_t sync_samples_ = 0;
  DayReport report_;
};

Result<DayReport> run_day(net::AsioLoop& loop, DayOptions options);

/// "09:05".
std::string clock_text(double hour);

}  // namespace drover::app
