#include "world/plants.h"

namespace drover::world {

async::Task<Result<void>> append_without_fence(async::Context ctx, store::Journal& journal,
                                               store::SessionRow row, uint64_t expected_last,
                                               std::vector<contract::Event> events) {
  store::SessionRow row_copy = row;
  std::vector<contract::Event> events_copy = events;
  auto done =
      co_await journal.append(ctx, std::move(row_copy), expected_last, std::move(events_copy));
  if (done || done.error().code != Code::kAborted) co_return done;
  CO_TRY(auto now, co_await journal.find(ctx, row.id));
  uint64_t next = now.last_sequence;
  for (contract::Event& event : events) event.sequence = ++next;
  co_return co_await journal.append(ctx, std::move(row), now.last_sequence, std::move(events));
}

store::SessionRow settle_twice(store::SessionRow row, const std::vector<contract::Event>& events) {
  for (const contract::Event& event : events) {
    if (event.kind != contract::kind::kBudgetSettled) continue;
    auto payload = Json::parse(event.payload);
    if (payload) row.spent.tokens += payload->get_int("tokens").value_or(0);
  }
  return row;
}

}  // namespace drover::world
