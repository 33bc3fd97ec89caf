#include "store/log/event_codec.h"

#include <array>

namespace drover::store::log {
namespace {

// Bits of an event's flags.
constexpr uint64_t kPreviousImplied = 1;
constexpr uint64_t kPayloadInBlob = 2;
constexpr uint64_t kHasPayloadRef = 4;
constexpr uint64_t kHasDataClass = 8;
constexpr uint64_t kHasExtra = 16;
constexpr uint64_t kKnownFlags =
    kPreviousImplied | kPayloadInBlob | kHasPayloadRef | kHasDataClass | kHasExtra;

// Kinds by number. Append only: the numbers are in files.
constexpr std::array<std::string_view, 28> kKinds = {
    "",
    "session.started",
    "session.ended",
    "observation",
    "plan",
    "model.call",
    "model.result",
    "tool.call",
    "tool.result",
    "memory.read",
    "memory.write",
    "child.spawned",
    "child.ended",
    "wait.started",
    "wait.resolved",
    "budget.reserved",
    "budget.settled",
    "budget.exceeded",
    "budget.extension_requested",
    "budget.extension_decided",
    "placement.decided",
    "failover",
    "downgrade",
    "reward",
    "purge",
    "plan.requested",
    "signal",
    "agent.changed",
};

void put_kind(WireWriter& out, std::string_view kind) {
  for (size_t i = 1; i < kKinds.size(); ++i) {
    if (kKinds[i] != kind) continue;
    out.varint(i);
    return;
  }
  out.varint(0);
  out.text(kind);
}

std::string take_kind(WireReader& in) {
  const uint64_t number = in.varint();
  if (number == 0) return std::string(in.text());
  if (number < kKinds.size()) return std::string(kKinds[number]);
  in.fail();
  return {};
}

}  // namespace

void encode_event(WireWriter& out, const EventContext& context, const contract::Event& event,
                  std::string_view blob_ref) {
  uint64_t flags = 0;
  const bool implied =
      !context.previous_hash.empty() && event.previous_hash == context.previous_hash;
  if (implied) flags |= kPreviousImplied;
  if (!blob_ref.empty()) flags |= kPayloadInBlob;
  if (!event.payload_ref.empty()) flags |= kHasPayloadRef;
  if (!event.data_class.empty()) flags |= kHasDataClass;
  if (!event.extra.empty()) flags |= kHasExtra;
  out.varint(flags);
  out.id_text(event.id.str(), EventTag::kPrefix);
  out.zigzag(time_distance(event.time, context.base));
  put_kind(out, event.kind);
  out.varint(event.causation);
  out.varint(event.attempt);
  out.text(event.actor.type);
  out.text(event.actor.id);
  if ((flags & kHasDataClass) != 0) out.text(event.data_class);
  if ((flags & kHasPayloadRef) != 0) out.hex_text(event.payload_ref);
  out.hex_text(event.salt);
  out.hex_text(event.commitment);
  if (!implied) out.hex_text(event.previous_hash);
  out.hex_text(event.hash);
  if ((flags & kHasExtra) != 0) out.text(Json(event.extra).dump());
  if (blob_ref.empty()) {
    out.text(event.payload);
  } else {
    out.hex_text(blob_ref);
  }
}

contract::Event decode_event(WireReader& in, const EventContext& context, std::string* blob_ref) {
  contract::Event event;
  const uint64_t flags = in.varint();
  if ((flags & ~kKnownFlags) != 0) in.fail();
  event.session = context.session;
  event.sequence = context.sequence;
  event.id = EventId(in.id_text(EventTag::kPrefix));
  event.time = time_at(context.base, in.zigzag());
  event.kind = take_kind(in);
  event.causation = in.varint();
  event.attempt = static_cast<uint32_t>(in.varint());
  event.actor.type = std::string(in.text());
  event.actor.id = std::string(in.text());
  if ((flags & kHasDataClass) != 0) event.data_class = std::string(in.text());
  if ((flags & kHasPayloadRef) != 0) event.payload_ref = in.hex_text();
  event.salt = in.hex_text();
  event.commitment = in.hex_text();
  event.previous_hash = (flags & kPreviousImplied) != 0 ? context.previous_hash : in.hex_text();
  event.hash = in.hex_text();
  if ((flags & kHasExtra) != 0) {
    Result<Json> extra = Json::parse(in.text());
    if (extra && extra->members() != nullptr) {
      event.extra = std::move(*extra->members());
    } else {
      in.fail();
    }
  }
  if ((flags & kPayloadInBlob) != 0) {
    *blob_ref = in.hex_text();
  } else {
    event.payload = std::string(in.text());
  }
  return event;
}

}  // namespace drover::store::log
