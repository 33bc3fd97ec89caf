#include "store/log/frame.h"

#include "base/crc32c.h"
#include "store/log/event_codec.h"

namespace drover::store::log {
namespace {

// First byte of a body.
constexpr uint8_t kCommitFrame = 1;
constexpr uint8_t kMarkFrame = 2;

// Bits of a commit's flags.
constexpr uint64_t kWhole = 1;
constexpr uint64_t kHasDue = 2;
constexpr uint64_t kErased = 4;  // alone
constexpr uint64_t kHasKey = 8;  // of a whole row
constexpr uint64_t kKnownCommitFlags = kWhole | kHasDue | kHasKey;

void put_money(WireWriter& out, Money money) {
  const __int128 pico = money.pico_usd();
  const bool small = pico >= 0 && pico < (static_cast<__int128>(1) << 62);
  if (small) {
    out.varint(static_cast<uint64_t>(pico) << 1);
    return;
  }
  out.varint(1);
  out.word64(static_cast<uint64_t>(pico));
  out.word64(static_cast<uint64_t>(pico >> 64));
}

Money take_money(WireReader& in) {
  const uint64_t head = in.varint();
  if ((head & 1) == 0) return Money::from_pico_usd(static_cast<__int128>(head >> 1));
  const uint64_t low = in.word64();
  const uint64_t high = in.word64();
  return Money::from_pico_usd(
      static_cast<__int128>(static_cast<unsigned __int128>(high) << 64 | low));
}

bool same_whole(const SessionRow& a, const SessionRow& b) {
  return a.agent == b.agent && a.agent_version == b.agent_version && a.trace_id == b.trace_id;
}

void put_whole(WireWriter& out, const SessionRow& row) {
  out.text(row.tenant.str());
  out.text(row.agent);
  out.text(row.agent_version);
  out.hex_text(row.trace_id);
  out.zigzag(unix_nanos(row.created));
  out.id_text(row.root == row.id ? std::string_view() : row.root.str(), SessionTag::kPrefix);
  out.id_text(row.parent.str(), SessionTag::kPrefix);
  out.varint(row.depth);
  if (row.key) out.text(row.key->str());
}

void take_whole(WireReader& in, bool has_key, SessionRow& row) {
  row.tenant = TenantId(std::string(in.text()));
  row.agent = std::string(in.text());
  row.agent_version = std::string(in.text());
  row.trace_id = in.hex_text();
  row.created = wall_from_unix_nanos(in.zigzag());
  row.root = SessionId(in.id_text(SessionTag::kPrefix));
  if (row.root.empty()) row.root = row.id;
  row.parent = SessionId(in.id_text(SessionTag::kPrefix));
  row.depth = static_cast<uint32_t>(in.varint());
  if (has_key) row.key = KeyId(std::string(in.text()));
}

/// What changes often; its times count from `updated`, which stands first.
void put_changing(WireWriter& out, const SessionRow& row) {
  out.zigzag(unix_nanos(row.updated));
  out.text(row.status);
  out.text(row.end_reason);
  out.text(row.waiting_for);
  if (row.due) out.zigzag(time_distance(*row.due, row.updated));
  out.zigzag(row.spent.steps);
  out.zigzag(row.spent.tokens);
  put_money(out, row.spent.cost);
  out.zigzag(row.spent.spawns);
  out.zigzag(row.reserved.tokens);
  put_money(out, row.reserved.cost);
  out.varint(row.pending);
}

void take_changing(WireReader& in, bool has_due, SessionRow& row) {
  row.updated = wall_from_unix_nanos(in.zigzag());
  row.status = std::string(in.text());
  row.end_reason = std::string(in.text());
  row.waiting_for = std::string(in.text());
  if (has_due) row.due = time_at(row.updated, in.zigzag());
  row.spent.steps = in.zigzag();
  row.spent.tokens = in.zigzag();
  row.spent.cost = take_money(in);
  row.spent.spawns = in.zigzag();
  row.reserved.tokens = in.zigzag();
  row.reserved.cost = take_money(in);
  row.pending = static_cast<uint32_t>(in.varint());
}

void take_events(WireReader& in, Commit& commit) {
  const uint64_t count = in.varint();
  EventContext context;
  context.session = commit.row.id;
  context.base = commit.row.updated;
  for (uint64_t i = 0; i < count && !in.failed(); ++i) {
    context.sequence = commit.expected_last + i + 1;
    std::string blob_ref;
    commit.events.push_back(decode_event(in, context, &blob_ref));
    commit.blob_refs.push_back(std::move(blob_ref));
    context.previous_hash = commit.events.back().hash;
  }
  commit.row.last_sequence = commit.expected_last + count;
  commit.row.last_hash = count == 0 ? in.hex_text() : context.previous_hash;
}

}  // namespace

std::string encode_commit(const Commit& commit, const SessionRow* before) {
  std::string frame(kFrameHeadBytes, '\0');
  size_t payload_bytes = 0;
  for (const contract::Event& event : commit.events) payload_bytes += event.payload.size() + 256;
  frame.reserve(frame.size() + payload_bytes + 256);
  WireWriter out(frame);
  // Of a purged session no other frame says it any more.
  const bool whole = before == nullptr || purged(commit.row) || !same_whole(*before, commit.row);
  out.byte(kCommitFrame);
  const uint64_t has_key = whole && commit.row.key ? kHasKey : 0;
  out.varint((whole ? kWhole : 0) | (commit.row.due ? kHasDue : 0) | has_key);
  out.id_text(commit.row.id.str(), SessionTag::kPrefix);
  out.varint(commit.previous);
  out.varint(commit.expected_last);
  if (whole) put_whole(out, commit.row);
  put_changing(out, commit.row);
  out.varint(commit.events.size());
  EventContext context;
  context.base = commit.row.updated;
  for (size_t i = 0; i < commit.events.size(); ++i) {
    encode_event(out, context, commit.events[i], commit.blob_refs[i]);
    context.previous_hash = commit.events[i].hash;
  }
  if (commit.events.empty()) out.hex_text(commit.row.last_hash);
  return frame;
}

std::string encode_mark() {
  std::string frame(kFrameHeadBytes, '\0');
  WireWriter(frame).byte(kMarkFrame);
  return frame;
}

Result<std::string> encode_erased(const Commit& commit, size_t frame_bytes) {
  std::string frame(kFrameHeadBytes, '\0');
  WireWriter out(frame);
  out.byte(kCommitFrame);
  out.varint(kErased);
  out.id_text(commit.row.id.str(), SessionTag::kPrefix);
  out.varint(commit.previous);
  out.varint(commit.expected_last);
  out.varint(commit.row.last_sequence);
  if (frame.size() > frame_bytes) {
    return fail(Code::kInternal, "a frame of the journal is too small to be erased");
  }
  frame.resize(frame_bytes, '\0');
  return frame;
}

uint32_t body_crc(std::string_view frame) { return crc32c(frame.substr(kFrameHeadBytes)); }

namespace {

uint32_t whole_crc(uint32_t crc_of_body, uint32_t body_bytes, uint32_t back, Position position) {
  std::string tail;
  WireWriter out(tail);
  out.word32(body_bytes);
  out.word32(back);
  out.word64(position);
  return crc32c(tail, crc_of_body);
}

}  // namespace

void place_frame(std::string& frame, uint32_t crc_of_body, Position position, uint32_t back) {
  std::string head;
  WireWriter out(head);
  const auto body_bytes = static_cast<uint32_t>(frame.size() - kFrameHeadBytes);
  out.word32(kFrameMagic);
  out.word32(body_bytes);
  out.word32(back);
  out.word32(whole_crc(crc_of_body, body_bytes, back, position));
  frame.replace(0, kFrameHeadBytes, head);
}

std::optional<FrameHead> read_head(std::string_view bytes) {
  WireReader in(bytes);
  if (in.word32() != kFrameMagic) return std::nullopt;
  FrameHead head;
  head.body_bytes = in.word32();
  head.back = in.word32();
  head.crc = in.word32();
  if (in.failed() || head.body_bytes == 0) return std::nullopt;
  return head;
}

bool frame_is_sound(const FrameHead& head, std::string_view body, Position position) {
  return body.size() == head.body_bytes &&
         head.crc == whole_crc(crc32c(body), head.body_bytes, head.back, position);
}

namespace {

/// From a body's first byte to its events; whole commits and erased ones begin alike.
Commit take_beginning(WireReader& in, uint64_t& flags) {
  Commit commit;
  flags = in.varint();
  commit.erased = flags == kErased;
  commit.whole = (flags & kWhole) != 0;
  commit.row.id = SessionId(in.id_text(SessionTag::kPrefix));
  commit.previous = in.varint();
  commit.expected_last = in.varint();
  return commit;
}

}  // namespace

std::optional<Commit> read_beginning(std::string_view body) {
  WireReader in(body);
  if (in.byte() != kCommitFrame) return std::nullopt;
  uint64_t flags = 0;
  Commit commit = take_beginning(in, flags);
  if (in.failed() || (flags & ~(kKnownCommitFlags | kErased)) != 0) return std::nullopt;
  commit.row.last_sequence = commit.expected_last;
  return commit;
}

Result<std::optional<Commit>> decode_body(std::string_view body) {
  WireReader in(body);
  const uint8_t form = in.byte();
  if (form == kMarkFrame) return std::nullopt;
  if (form != kCommitFrame) {
    return fail(Code::kFailedPrecondition, "a frame of the journal has form " +
                                               std::to_string(form) +
                                               ", which this program does not know; use the newer "
                                               "drover that wrote it");
  }
  uint64_t flags = 0;
  Commit commit = take_beginning(in, flags);
  if (commit.erased) {
    commit.row.last_sequence = in.varint();
    if (!in.failed() && commit.row.last_sequence >= commit.expected_last) return commit;
    return fail(Code::kDataLoss, "an erased frame of the journal is nonsense");
  }
  if ((flags & ~kKnownCommitFlags) != 0) in.fail();
  const bool has_key = (flags & kHasKey) != 0;
  if (has_key && !commit.whole) in.fail();
  if (commit.whole) take_whole(in, has_key, commit.row);
  take_changing(in, (flags & kHasDue) != 0, commit.row);
  take_events(in, commit);
  if (in.failed() || in.left() != 0) {
    return fail(Code::kDataLoss, "a frame of the journal is no commit");
  }
  return commit;
}

SessionRow row_of(const SessionRow* before, const Commit& commit) {
  SessionRow row = commit.row;
  if (commit.whole || before == nullptr) {
    if (row.root.empty()) row.root = row.id;
    return row;
  }
  row.tenant = before->tenant;
  row.agent = before->agent;
  row.agent_version = before->agent_version;
  row.trace_id = before->trace_id;
  row.created = before->created;
  row.root = before->root;
  row.parent = before->parent;
  row.depth = before->depth;
  row.key = before->key;
  return row;
}

}  // namespace drover::store::log
