#pragma once
// When calls of one tool server over HTTP may go: what it says of its limits (rate_headers.h) is
// kept to, and where it says nothing, the number under way is found out: it grows with answers and
// is halved by refusals (429, 503), after which nothing goes for a while, longer each time.
//
//   Limiter::Permit permit = co_await limiter->enter(ctx, tool, session);   // waits for its turn
//   … the call; the server's answer comes by heard() …
//   permit.finish(refused);
//
// Whom a word holds for: a limit with a name, for the tools whose answers name it; one without, for
// the whole server where all its tools share one URL (MCP), else for the tool. A 429 is the
// tool's, unless all share one URL; a 503 is the server's.
//
// Turns: round robin among the tools that may go, and among the sessions of a tool, so that a large
// fan-out of one does not keep another waiting. A call that could not go before its deadline is
// refused at once, with the time after which it could.
//
// Loop thread only. Held by shared_ptr; outlives its permits. Limits: limits/tool_calls.h.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "async/wait.h"
#include "base/limits/tool_calls.h"
#include "base/random.h"
#include "tools/rate_headers.h"
#include "tools/server_client.h"

namespace drover::tools {

class Limiter final : public AnswerListener {
 public:
  /// `who`, for messages: "tool server 'orders'". `one_url`: all tools share one.
  Limiter(async::Loop& loop, Random* random, std::string who, bool one_url)
      : loop_(loop), random_(random), who_(std::move(who)), one_url_(one_url) {}
  ~Limiter() override;
  Limiter(const Limiter&) = delete;
  Limiter& operator=(const Limiter&) = delete;

  class Permit {
   public:
    Permit() = default;
    Permit(Permit&& o) noexcept { *this = std::move(o); }
    Permit& operator=(Permit&& o) noexcept;
    ~Permit() { finish(Answer::kNone); }
    enum class Answer : uint8_t { kNone, kGiven, kBusyTool, kBusyServer };
    /// How it ended: an answer, a refusal (429; 503), or neither (broken off).
    void finish(Answer answer);
    /// From 1; 0 for none.
    uint64_t turn() const { return turn_; }

   private:
    friend class Limiter;
    Limiter* owner_ = nullptr;
    std::string tool_;
    uint64_t turn_ = 0;
  };

  /// kResourceExhausted with retry "after" (reason "limited") where the queue is full or the wait
  /// would be too long.
  Task<Result<Permit>> enter(Context ctx, std::string tool, std::string session);
  void heard(const std::string& tool, uint64_t turn, const http::ResponseHead& head) override;

  size_t waiting() const { return waiting_; }
  size_t in_flight() const { return server_.in_flight; }
  /// Calls that may be under way at once, as found out.
  double window() const { return server_.window; }

 private:
  /// What a server, or one of its tools, is found to bear.
  struct Gate {
    double window = limits::kToolWindowStart;
    double borne = limits::kToolWindowMax;  // beyond it the last refusal came: approached slowly
    size_t in_flight = 0;
    MonoTime not_before{};
    uint64_t cut_at = 0;  // the last call that was let go before the window was halved
    int refusals = 0;     // without an answer between
  };
  struct Entry {
    explicit Entry(Limiter* limiter) : owner(limiter) {}
    ~Entry() {
      if (queued) owner->forget(this);
    }
    Limiter* owner;
    std::string tool;
    std::string session;
    MonoTime deadline{};
    bool queued = false;
    std::optional<Permit> permit;
    std::optional<Duration> hopeless;  // its turn would come only after this time
    async::WaitQueue queue;
  };
  /// A tool with those that wait for it, by session.
  struct Tool {
    Gate gate;
    std::deque<std::string> order;  // sessions with calls that wait, the next one first
    std::map<std::string, std::deque<Entry*>> waiting;
  };
  struct Quota {
    bool all = false;             // of every tool
    std::set<std::string> tools;  // otherwise of these
    int64_t left = 0;
    std::optional<int64_t> limit;
    std::optional<Duration> window;
    MonoTime reset{};
  };

  Tool& tool_of(const std::string& name);
  void forget_idle_tools();
  void forget(Entry* entry);
  bool holds_for(const Quota& quota, const std::string& tool) const {
    return quota.all || quota.tools.count(tool) != 0;
  }
  /// When the time for the next call comes, whatever is under way.
  MonoTime opens(const std::string& name, const Tool& tool, MonoTime now);
  static bool has_room(const Gate& gate);
  bool may_go(const std::string& name, const Tool& tool, MonoTime now);
  Permit grant(const std::string& name, Tool& tool, MonoTime now);
  /// Lets go whoever may, in turn, and sets the timer for the next.
  void pump();
  bool let_one_go(MonoTime now);
  void refuse_the_hopeless(MonoTime now);
  void arm(MonoTime now);
  void learn(const std::string& tool, uint64_t turn, const RateQuota& said, MonoTime now);
  Quota& quota_of(const std::string& key);
  static void renew(Quota& quota, MonoTime now);
  /// Calls of the quota that were let go after that turn.
  int64_t granted_since(const Quota& quota, uint64_t turn) const;
  Duration spread(Duration told);
  void pause(Gate& gate, Duration told, MonoTime now);
  static void answered(Gate& gate);
  void refused(Gate& gate, uint64_t turn, MonoTime now);
  void leave(const std::string& tool, uint64_t turn, Permit::Answer answer);
  Entry* take_first(const std::string& name, Tool& tool);
  void enqueue(Entry* entry);
  Error limited(Duration wait) const;

  async::Loop& loop_;
  Random* random_;
  std::string who_;
  bool one_url_;
  Gate server_;
  std::map<std::string, Tool> tools_;
  std::deque<std::string> order_;  // tools with calls that wait, the next one first
  std::map<std::string, Quota> quotas_;
  size_t waiting_ = 0;
  uint64_t granted_ = 0;            // the last turn
  std::deque<std::string> recent_;  // tools of the last turns, the newest last
  async::Loop::TimerId timer_ = 0;
  MonoTime armed_for_{};
};

}  // namespace drover::tools
