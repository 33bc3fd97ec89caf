#include "async/stage.h"

#include <cstddef>
#include <utility>

#include "async/task.h"

namespace drover::async {
namespace {

/// Memory for the next stage's list.
thread_local std::vector<std::coroutine_handle<>> spare;

}  // namespace

void Stage::add(Loop& loop, std::coroutine_handle<> h) {
  here_.push_back(h);
  if (here_.size() == 1) loop.call_soon(*this);
}

void Stage::on_turn() {
  std::vector<std::coroutine_handle<>> all = std::exchange(here_, std::exchange(spare, {}));
  // The last one may end what owns this stage: from here on nothing of it is touched.
  for (size_t i = 0; i < all.size(); ++i) {
    if (i + 1 < all.size()) fetch_frame(all[i + 1].address());
    all[i].resume();
  }
  all.clear();
  spare = std::move(all);
}

}  // namespace drover::async
