#include "session/intact.h"

#include <algorithm>

#include "crypto/hash_chain.h"
#include "session/batch.h"

namespace drover::session {
namespace {

/// Puts a part together, sequence by sequence.
class Sorter {
 public:
  Sorter(const SessionId& id, JournalPlace from) : id_(id) {
    part_.next = std::move(from);
    if (part_.next.sequence <= 1) {
      part_.next.sequence = 1;
      part_.next.previous_hash = crypto::chain_start(id.str()).hex();
    }
  }

  uint64_t next() const { return part_.next.sequence; }

  void take(contract::Event event) {
    auto verified = event.sequence == next()
                        ? verify_event(id_, event, part_.next.previous_hash)
                        : Result<void>(fail(Code::kDataLoss, "another event stands in its place"));
    if (!verified) {
      const std::string what = "event " + std::to_string(next()) + " of " + id_.str();
      return miss(what + ": " + verified.error().message);
    }
    part_.next.previous_hash = event.hash;
    ++part_.next.sequence;
    part_.events.push_back(std::move(event));
  }

  void miss(std::string why) {
    const uint64_t sequence = part_.next.sequence++;
    part_.next.previous_hash.clear();
    JournalGap* before = part_.gaps.empty() ? nullptr : &part_.gaps.back();
    if (before != nullptr && before->last + 1 == sequence && before->why == why) {
      before->last = sequence;
    } else {
      part_.gaps.push_back(JournalGap{sequence, sequence, std::move(why)});
    }
  }

  JournalPart part() { return std::move(part_); }

 private:
  const SessionId& id_;
  JournalPart part_;
};

}  // namespace

Task<Result<JournalPart>> read_intact(Context ctx, store::Journal* journal, SessionId id,
                                      JournalPlace from, uint64_t last, size_t max) {
  Sorter sorter(id, std::move(from));
  if (sorter.next() > last || max == 0) co_return sorter.part();
  const uint64_t to = std::min<uint64_t>(last, sorter.next() + max - 1);
  auto whole = co_await journal->read(ctx, id, sorter.next(), to - sorter.next() + 1);
  if (!whole && whole.error().code != Code::kDataLoss) co_return fail(std::move(whole).error());
  if (whole) {
    for (contract::Event& event : *whole) sorter.take(std::move(event));
  }
  // Damage in one of them hides all: each by itself.
  while (sorter.next() <= to) {
    auto one = co_await journal->read(ctx, id, sorter.next(), 1);
    if (one && !one->empty()) {
      sorter.take(std::move(one->front()));
    } else if (one) {
      sorter.miss("the journal of " + id.str() + " ends before it should");
    } else if (one.error().code == Code::kDataLoss) {
      sorter.miss(std::move(one).error().message);
    } else {
      co_return fail(std::move(one).error());
    }
  }
  co_return sorter.part();
}

}  // namespace drover::session
