// Effects: an intent before an act, one accepted result at most, attempts that rise under one key,
// and nothing that is finished done again.

#include <map>

#include "world/checkers/table.h"

namespace drover::world {
namespace {

namespace kind = contract::kind;

struct Effect {
  std::string kind;
  uint32_t attempt = 1;
  uint64_t finished_by = 0;  // sequence of the accepted result
  uint32_t given_up = 0;     // the last attempt that ended without one
};

class EffectsChecker final : public Checker {
 public:
  using Checker::Checker;

  void committed(const Seen& seen) override {
    const contract::Event& event = seen.event;
    if (is_intent(event.kind)) {
      on_intent(seen);
    } else if (is_result(event.kind)) {
      on_result(seen);
    } else if (event.kind == kind::kBudgetExceeded) {
      Effect* effect = find(sessions_[event.session], event.causation);
      bool cut = seen.payload.get_string("effect") == "cut";
      if (effect != nullptr && cut) effect->given_up = effect->attempt;
    } else if (event.kind == kind::kWaitStarted) {
      // A call that a person refuses never runs: its wait stands for its intent.
      Effect wait;
      wait.kind = event.kind;
      sessions_[event.session].effects[event.sequence] = wait;
    }
  }

  void effect_started(const EffectStart& start) override {
    auto key = parse_key(start.key);
    if (!key) return verdict_.fail("key", "an effect was started with the key " + start.key);
    auto session = sessions_.find(key->session);
    Effect* effect = session == sessions_.end() ? nullptr : find(session->second, key->sequence);
    if (effect == nullptr) {
      return verdict_.fail("write before act", start.name + " was started with key " + start.key +
                                                   ", of which the journal knows nothing");
    }
    if (effect->finished_by != 0) {
      verdict_.fail("finished once", fmt::format("{} {} was started again after its result {}",
                                                 start.name, start.key, effect->finished_by));
    }
    if (start.attempt != 0 && static_cast<uint32_t>(start.attempt) != effect->attempt) {
      verdict_.fail("write before act",
                    fmt::format("{} {} was started as attempt {}, the journal is at attempt {}",
                                start.name, start.key, start.attempt, effect->attempt));
    }
  }

 private:
  struct Session {
    std::map<uint64_t, Effect> effects;
  };

  static bool is_intent(std::string_view k) {
    return k == kind::kModelCall || k == kind::kToolCall || k == kind::kPlanRequested;
  }
  static bool is_result(std::string_view k) {
    return k == kind::kModelResult || k == kind::kToolResult || k == kind::kPlan;
  }
  static Effect* find(Session& session, uint64_t sequence) {
    auto it = session.effects.find(sequence);
    return it == session.effects.end() ? nullptr : &it->second;
  }
  static std::string place(const contract::Event& event) {
    return fmt::format("{}/{} ({})", event.session.str(), event.sequence, event.kind);
  }

  void on_intent(const Seen& seen) {
    const contract::Event& event = seen.event;
    Session& session = sessions_[event.session];
    if (event.attempt <= 1) {
      Effect effect;
      effect.kind = event.kind;
      session.effects[event.sequence] = effect;
      auto key = seen.payload.get_string("idempotency_key");
      std::string expected = event.session.str() + "/" + std::to_string(event.sequence);
      if (key && *key != expected) {
        verdict_.fail("key", place(event) + " has the key " + std::string(*key));
      }
      return;
    }
    Effect* effect = find(session, event.causation);
    if (effect == nullptr || effect->kind != event.kind) {
      return verdict_.fail("attempts rise", place(event) + " is an attempt at nothing");
    }
    if (effect->finished_by != 0) {
      verdict_.fail("finished once",
                    fmt::format("{} is a new attempt at {}, which {} finished", place(event),
                                event.causation, effect->finished_by));
    }
    if (event.attempt <= effect->attempt) {
      verdict_.fail("attempts rise", fmt::format("{} is attempt {} after attempt {}", place(event),
                                                 event.attempt, effect->attempt));
    }
    effect->attempt = event.attempt;
  }

  void on_result(const Seen& seen) {
    const contract::Event& event = seen.event;
    if (event.kind == kind::kPlan && event.causation == 0) return;  // handed in, not asked for
    Effect* effect = find(sessions_[event.session], event.causation);
    if (effect == nullptr) {
      return verdict_.fail("results", place(event) + " answers nothing that was asked");
    }
    bool current = effect->finished_by == 0 && event.attempt == effect->attempt;
    if (seen.payload.find("ignored") != nullptr) {
      if (current && event.attempt != effect->given_up) {
        verdict_.fail("results", place(event) + " was ignored though its attempt is the newest");
      }
      return;
    }
    if (effect->finished_by != 0) {
      return verdict_.fail("one result",
                           fmt::format("{} is a second result of {}, after {}", place(event),
                                       event.causation, effect->finished_by));
    }
    if (!current) {
      verdict_.fail("results", fmt::format("{} of attempt {} was accepted at attempt {}",
                                           place(event), event.attempt, effect->attempt));
    }
    bool failed = seen.payload.find("error") != nullptr && event.kind != kind::kToolResult;
    if (failed) {
      effect->given_up = event.attempt;
    } else {
      effect->finished_by = event.sequence;
    }
  }

  std::map<SessionId, Session> sessions_;
};

}  // namespace

std::unique_ptr<Checker> make_effects_checker(Verdict& verdict, const Book& book) {
  return std::make_unique<EffectsChecker>(verdict, book);
}

}  // namespace drover::world
