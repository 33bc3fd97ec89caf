#include "store/journal.h"

namespace drover::store {

Result<void> check_append(const SessionRow& row, uint64_t expected_last,
                          const std::vector<contract::Event>& events) {
  if (row.id.empty() || row.tenant.empty()) {
    return fail(Code::kInvalidArgument, "an append needs a session id and a tenant");
  }
  if (events.empty() && expected_last == 0) {
    return fail(Code::kInvalidArgument, "a session begins with an event");
  }
  uint64_t next = expected_last + 1;
  for (const contract::Event& event : events) {
    if (event.session != row.id) {
      return fail(Code::kInvalidArgument,
                  "an event of " + event.session.str() + " was handed to " + row.id.str());
    }
    if (event.sequence != next++) {
      return fail(Code::kInvalidArgument, "event " + std::to_string(event.sequence) + " of " +
                                              row.id.str() + " is out of order: expected " +
                                              std::to_string(next - 1));
    }
  }
  return {};
}

}  // namespace drover::store
