#pragma once
// A checker holds one invariant: it is told what happens, in the order in which it happened, and
// says what must not have. Everything that it is told of was acknowledged: the store has said that
// it is durable. One file a checker in checkers/, one line each in checkers/table.cc.
//
// Owned by the Book. Loop thread only.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "contract/event.h"
#include "session/state.h"
#include "store/journal.h"
#include "world/verdict.h"

namespace drover::world {

/// Tenants that are killed whole have names that begin like this.
inline constexpr std::string_view kDoomedTenant = "ten_doomed";

/// One event of a journal, its payload read.
struct Seen {
  const contract::Event& event;
  const Json& payload;
};

/// A node begins an attempt at an effect.
struct EffectStart {
  int node = 0;
  bool model = false;
  std::string key;   // "<session>/<sequence>"
  int attempt = 0;   // 0: not known here
  std::string name;  // tool or model
};

/// What a tool server did with a call, and what it said.
struct ToolAnswer {
  std::string key;
  int attempt = 0;
  std::string tool;
  std::string content;
};

/// What a provider billed for one attempt at a model call, as it arrived.
struct Bill {
  std::string key;
  int attempt = 0;
  int64_t input = 0;
  int64_t output = 0;
  /// The most output tokens that the call allowed.
  int64_t output_max = 0;
};

/// One session when all is over.
struct Final {
  const SessionId& id;
  const session::State& state;
  const store::SessionRow& row;
  WallTime now;
};

class Book;

class Checker {
 public:
  Checker(Verdict& verdict, const Book& book) : verdict_(verdict), book_(book) {}
  virtual ~Checker() = default;
  virtual void committed(const Seen& seen) {}
  /// The row that was written with a session's newest events.
  virtual void indexed(const store::SessionRow& row) {}
  virtual void effect_started(const EffectStart& start) {}
  virtual void tool_answered(const ToolAnswer& answer) {}
  virtual void billed(const Bill& bill) {}
  /// Not called for a purged one, of which nothing is left to fold.
  virtual void at_end(const Final& final) {}
  /// After all sessions were seen.
  virtual void finished() {}

 protected:
  Verdict& verdict_;
  const Book& book_;
};

std::vector<std::unique_ptr<Checker>> make_checkers(Verdict& verdict, const Book& book);

/// "ses_1/12" taken apart; nullopt for what is no such key.
struct EffectKey {
  SessionId session;
  uint64_t sequence = 0;
};
std::optional<EffectKey> parse_key(std::string_view key);

}  // namespace drover::world
