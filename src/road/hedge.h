#pragma once
// Internal to src/road: hedging of the first token. A streamed call whose endpoint has said nothing
// after Settings::hedge_after is asked a second time at another place of the same zone, within that
// place's retry budget; whoever is visible first is the answer, the other is ended at once. Both
// are settled: the one that lost at its prompt, as an estimate.
//
// A lane is one of the two attempts. Until one has won, what is not visible is held back in its
// lane; the winner's goes to the caller's sink from there on, in order. Off by default. Loop thread
// only; race and gate outlive the lanes.

#include <string>
#include <vector>

#include "road/flight.h"

namespace drover::road {

class Lane;
using AttemptResult = providers::Attempted;

struct Race {
  Lane* winner = nullptr;
  async::WaitQueue changed;
};

class Lane final : public providers::Sink {
 public:
  Lane(Race& race, GateSink& gate, const Context& parent, const catalog::Endpoint& where,
       providers::Provider& by, int attempt)
      : cancel(parent),
        endpoint(&where),
        provider(&by),
        number(attempt),
        race_(race),
        gate_(gate) {}

  bool wants_raw() const override;
  Task<Result<void>> delta(Context ctx, const contract::StreamDelta& delta) override;
  Result<void> raw(std::string_view data, bool visible) override;
  Task<Result<void>> flush(Context ctx) override;
  /// Hands on what was held back, if no other lane has won; for an answer that ends without ever
  /// having been visible too.
  Task<Result<void>> win(Context ctx);
  bool lost() const { return race_.winner != nullptr && race_.winner != this; }

  async::CancelSource cancel;
  const catalog::Endpoint* endpoint;
  providers::Provider* provider;
  int number;  // of the attempt
  MonoTime began{};
  bool done = false;
  std::optional<AttemptResult> result;

 private:
  Result<void> hold(size_t bytes);
  Result<void> claim();
  Race& race_;
  GateSink& gate_;
  // What was held back; only one of them is filled.
  std::vector<contract::StreamDelta> deltas_;
  std::vector<std::string> raws_;
  size_t held_bytes_ = 0;
};

}  // namespace drover::road
