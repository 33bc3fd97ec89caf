#pragma once
// Internal to src/road: one batch on its way, and a call in it (batches.h).

#include <algorithm>

#include "road/batches.h"

namespace drover::road {

inline constexpr const char* kBatchesCollection = "batches";

struct Batches::Item {
  BatchCall call;  // its body goes with the file
  Hold hold;
  BatchState::What what = BatchState::What::kWaiting;
  bool settled = false;
  bool told = false;  // its caller knows the outcome, or wants none
  bool left = false;  // its session is over
  contract::ChatResponse response;
  Money cost;
  bool cost_known = false;
  Error error;
  Run* run = nullptr;  // while it is in one
  bool open() const { return what == BatchState::What::kWaiting; }
};

struct Batches::Run {
  /// kEnded: told to all; only its files are still to be removed.
  enum class State : uint8_t { kCollecting, kSending, kOpen, kEnded };
  std::string token;  // its key, ours
  std::string endpoint;
  std::shared_ptr<const catalog::Catalog> catalog;  // that the endpoint was found in last
  State state = State::kCollecting;
  bool restarted = false;  // read from its document
  /// It was accepted, and what became of its lines was not learnt: they may be billed.
  bool unsure = false;
  bool may_have_file = false;  // at the provider, although input_file is empty
  std::string id, input_file, output_file, error_file;
  WallTime made{};
  Duration within = limits::kBatchWithinMax;
  std::vector<ItemPtr> items;
  size_t bytes = 0;  // of their bodies
  async::WaitQueue full;
  async::WaitQueue accepted;
  async::WaitQueue stirred;  // nobody waits for it any more
  MonoTime told{};           // when somebody was told last
  ~Run() {
    for (const ItemPtr& item : items) item->run = nullptr;
  }
  WallTime ends() const { return made + within; }
  WallTime given_up() const { return ends() + limits::kBatchGrace; }
  bool all(bool Item::* what) const {
    return std::all_of(items.begin(), items.end(),
                       [what](const ItemPtr& item) { return (*item).*what; });
  }
};

inline Error batch_lost(std::string what) {
  return Error(Code::kUnavailable, std::move(what), Retry::kSameTarget).with_reason("batch_lost");
}

/// So that not all look at once.
inline Duration spread(Duration d, Random& random) {
  return Duration(
      static_cast<int64_t>(static_cast<double>(d.count()) * (0.75 + random.unit() / 2)));
}

}  // namespace drover::road
