#include "session/batch.h"

#include <algorithm>

#include "base/bytes.h"
#include "crypto/hash_chain.h"

namespace drover::session {
namespace {

/// A result, what is decided next, and its intents.
constexpr size_t kEventsUsual = 4;
constexpr size_t kPayloadBytesUsual = 256;

Result<crypto::Digest> previous_digest(const SessionId& session, const std::string& last_hash) {
  if (last_hash.empty()) return crypto::chain_start(session.str());
  return crypto::parse_digest(last_hash);
}

}  // namespace

Result<uint64_t> Batch::add(Draft&& draft) {
  if (events_.empty()) events_.reserve(kEventsUsual);
  contract::Event& event = events_.emplace_back();
  Result<void> made = make(event, std::move(draft));
  if (made) return event.sequence;
  events_.pop_back();
  return fail(std::move(made).error());
}

Result<void> Batch::make(contract::Event& event, Draft&& draft) {
  WallTime now = std::max(clock_.wall(), state_.last_time);
  event.id = EventId::make(now, random_);
  event.session = state_.id;
  event.sequence = state_.last_sequence + 1;
  event.time = now;
  event.kind = std::move(draft.kind);
  event.causation = draft.causation;
  event.attempt = draft.attempt;
  event.actor = std::move(draft.actor);
  event.data_class = std::move(draft.data_class);
  event.payload.reserve(kPayloadBytesUsual);
  draft.payload.dump_to(event.payload);
  std::string salt = crypto::make_salt(random_);
  crypto::Digest commitment = crypto::payload_commitment(salt, event.payload);
  event.salt = to_hex(salt);
  event.commitment = commitment.hex();
  if (!last_hash_) {
    TRY(last_hash_, previous_digest(state_.id, state_.last_hash));
  }
  event.previous_hash = state_.last_hash.empty() ? last_hash_->hex() : state_.last_hash;
  const crypto::Digest hash =
      crypto::chain_next(*last_hash_, contract::envelope_bytes(event), commitment);
  event.hash = hash.hex();
  // What cannot be read back must not be written.
  if (!is_utf8(event.payload)) {
    return fail(Code::kInvalidArgument, "a payload that is not UTF-8: " + event.kind);
  }
  TRY_VOID(fold(state_, event, draft.payload));
  last_hash_ = hash;
  return {};
}

Result<void> verify_event(const SessionId& session, const contract::Event& event,
                          std::string_view previous_hash) {
  auto broken = [](std::string why) { return fail(Code::kDataLoss, std::move(why)); };
  if (event.session != session) return broken("it belongs to another session");
  if (!previous_hash.empty() && event.previous_hash != previous_hash) {
    return broken("it does not follow its predecessor");
  }
  TRY(crypto::Digest previous, crypto::parse_digest(event.previous_hash));
  TRY(crypto::Digest commitment, crypto::parse_digest(event.commitment));
  bool purged = event.payload.empty() && event.salt.empty();
  if (!purged && event.payload_ref.empty()) {
    TRY(std::string salt, from_hex(event.salt));
    if (salt.size() < crypto::kSaltBytes) return broken("its salt is too short");
    if (crypto::payload_commitment(salt, event.payload).hex() != event.commitment) {
      return broken("its payload was changed");
    }
  }
  if (crypto::chain_next(previous, contract::envelope_bytes(event), commitment).hex() !=
      event.hash) {
    return broken("its envelope was changed");
  }
  return {};
}

Result<void> verify_chain(const SessionId& session, const std::vector<contract::Event>& events) {
  std::string previous = crypto::chain_start(session.str()).hex();
  uint64_t expected = 1;
  for (const contract::Event& event : events) {
    Result<void> checked =
        event.sequence == expected
            ? verify_event(session, event, previous)
            : fail(Code::kDataLoss, "expected sequence " + std::to_string(expected));
    if (!checked) {
      return fail(Code::kDataLoss, "event " + std::to_string(event.sequence) + " of " +
                                       session.str() + ": " + checked.error().message);
    }
    previous = event.hash;
    ++expected;
  }
  return {};
}

}  // namespace drover::session
