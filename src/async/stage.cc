#include "async/stage.h"

#include <cstddef>
#include <utility>

namespace drover::async {
namespace {

/// Asks for the beginning of a frame, which the second cache has at best since another's turn. What
/// stands there is what a coroutine goes on with.
void fetch(std::coroutine_handle<> h) {
  constexpr size_t kBytes = 384;
  constexpr size_t kLine = 64;
  const char* frame = static_cast<const char*>(h.address());
  for (size_t at = 0; at < kBytes; at += kLine) __builtin_prefetch(frame + at);
}

/// Memory for the next stage's list.
thread_local std::vector<std::coroutine_handle<>> spare;

}  // namespace

void Stage::add(Loop& loop, std::coroutine_handle<> h) {
  here_.push_back(h);
  if (here_.size() == 1) loop.post([this] { go_on(); });
}

void Stage::go_on() {
  std::vector<std::coroutine_handle<>> all = std::exchange(here_, std::exchange(spare, {}));
  // The last one may end what owns this stage: from here on nothing of it is touched.
  for (size_t i = 0; i < all.size(); ++i) {
    if (i + 1 < all.size()) fetch(all[i + 1]);
    all[i].resume();
  }
  all.clear();
  spare = std::move(all);
}

}  // namespace drover::async
