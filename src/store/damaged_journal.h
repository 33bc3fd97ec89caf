#pragma once
// A journal that is damaged where a test says: a fake in front of a real one. Reads that touch a
// damaged event fail with kDataLoss, as those of the log do; a forged event is read with another
// payload than was written. For tests; loop thread only.

#include <map>
#include <set>
#include <string>
#include <utility>

#include "store/forwarding_journal.h"

namespace drover::store {

class DamagedJournal final : public ForwardingJournal {
 public:
  using ForwardingJournal::ForwardingJournal;

  /// These sequences cannot be read, of any session.
  std::set<uint64_t> damaged;
  /// Their payload is another one.
  std::map<uint64_t, std::string> forged;

  Task<Result<std::vector<contract::Event>>> read(Context ctx, SessionId session, uint64_t from,
                                                  size_t max_events) override {
    CO_TRY(auto events, co_await below_.read(ctx, session, from, max_events));
    for (contract::Event& event : events) {
      if (damaged.count(event.sequence) != 0) {
        co_return fail(Code::kDataLoss, "events are damaged (segment 7 at byte 99)");
      }
      auto it = forged.find(event.sequence);
      if (it != forged.end()) event.payload = it->second;
    }
    co_return events;
  }
};

}  // namespace drover::store
