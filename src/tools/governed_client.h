#pragma once
// A tool server as agents' calls reach it: identical read-only calls under way share one
// (shared_calls.h), calls with a batch form go together (batcher.h), and what is left waits for its
// turn (limiter.h), and is tried again where that is safe. Around the client that speaks to it.
//
// Tries: a call that was refused before it ran (429, 503), whatever it does, and one that is safe
// to repeat, up to limits::kToolTriesMax times; one of which nobody says whether it may be
// repeated, once more when its server broke off, as ever with the same idempotency key; one that
// may not be, never after it may have run. Not beyond the call's deadline.
//
// Which calls share: those of one tenant, principal and data class, of a tool that changes nothing,
// with equal arguments, between which no call of the server ended or began that may have changed
// something. An answer is shared, never kept.
//
// close() or retire() must have ended before one that was used goes. Loop thread only.

#include <memory>
#include <optional>

#include "base/random.h"
#include "tools/batcher.h"
#include "tools/limiter.h"
#include "tools/server_client.h"
#include "tools/shared_calls.h"

namespace drover::tools {

class GovernedClient final : public ServerClient {
 public:
  /// `limiter` is null for servers over standard streams; `random` may be null.
  GovernedClient(std::unique_ptr<ServerClient> inner, std::shared_ptr<Limiter> limiter,
                 Random* random)
      : limiter_(std::move(limiter)), inner_(std::move(inner)), random_(random) {}

  Task<Result<std::vector<contract::ToolDefinition>>> list(Context ctx) override {
    return inner_->list(std::move(ctx));
  }
  Task<Result<ToolOutcome>> call(Context ctx, ToolInvocation invocation) override;
  ToolTraits traits(const std::string& tool) const override { return inner_->traits(tool); }
  Task<void> close(Context ctx) override;
  Task<void> retire(Context ctx) override;
  const ToolServer& server() const override { return inner_->server(); }
  std::string version() const override { return inner_->version(); }

 private:
  /// In a batch if the tool has one.
  Task<Result<ToolOutcome>> grouped(Context ctx, ToolInvocation invocation, ToolTraits traits);
  Task<Result<ToolOutcome>> in_turn(Context ctx, ToolInvocation invocation, ToolTraits traits);
  /// Nullopt: no further try.
  std::optional<Duration> pause_before_next(const Error& error, const ToolTraits& traits,
                                            int tries) const;
  std::string key_of(const ToolInvocation& invocation) const;

  std::shared_ptr<Limiter> limiter_;  // outlives the client that tells it
  std::unique_ptr<ServerClient> inner_;
  Random* random_;
  InFlight in_flight_;
  SharedCalls shared_;
  Batcher batcher_;
  /// Begins and ends of calls that may change something.
  uint64_t changes_ = 0;
};

}  // namespace drover::tools
