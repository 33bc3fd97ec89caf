#include "session/snapshot.h"

#include "session/snapshot_json.h"

namespace drover::session {
namespace {

// Changed with every change of State that an older program would misread, and with every change of
// fold() that would make another State of the same journal.
// 2: amounts are bounded (amounts.h); a sum of before may be one that no journal adds up to.
constexpr int64_t kVersion = 2;

constexpr uint64_t kEventsMin = 64;
constexpr int64_t kBytesMin = 64 << 10;

}  // namespace

store::Snapshot make_snapshot(const State& state) {
  Json json = Json::object();
  json.set("version", kVersion).set("state", snapshots::state_to_json(state));
  store::Snapshot out;
  out.sequence = state.last_sequence;
  out.hash = state.last_hash;
  out.bytes = json.dump();
  return out;
}

Result<State> read_snapshot(const store::Snapshot& snapshot) {
  TRY(Json json, Json::parse(snapshot.bytes));
  if (json.get_int("version") != kVersion) {
    return fail(Code::kDataLoss, "a snapshot of another version");
  }
  const Json* body = json.find("state");
  if (body == nullptr) return fail(Code::kDataLoss, "a snapshot without a state");
  TRY(State state, snapshots::state_from_json(*body));
  if (state.last_sequence != snapshot.sequence || state.last_hash != snapshot.hash) {
    return fail(Code::kDataLoss, "a snapshot of another event");
  }
  return state;
}

bool snapshot_due(uint64_t events_since, int64_t bytes_since, size_t last_bytes) {
  if (events_since < kEventsMin && bytes_since < kBytesMin) return false;
  // As much again as the last one holds: all snapshots together stay linear in the journal.
  return bytes_since >= static_cast<int64_t>(last_bytes) || events_since >= 16 * kEventsMin;
}

}  // namespace drover::session
