#pragma once
// What the tests of this folder share: a folder that goes away, a loop that waits for worker
// threads, and events to append.

#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "async/sim_loop.h"
#include "store/journal.h"

namespace drover::store {

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "drover-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Runs the loop until the task has ended; work on other threads is waited for, at most 60 s.
template <typename T>
T drive(async::SimLoop& loop, async::Task<T> task) {
  std::optional<T> out;
  async::detail::start_detached(async::detail::store_into<T>(std::move(task), &out));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!out && std::chrono::steady_clock::now() < end) {
    if (!loop.step()) std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  DROVER_ASSERT(out.has_value());
  return std::move(*out);
}

inline SessionId test_session(int n) {
  std::string digits = std::to_string(n);
  return SessionId("ses_" + std::string(10 - digits.size(), '0') + digits);
}

inline SessionRow test_row(const SessionId& id, const std::string& tenant = "ten_a") {
  SessionRow row;
  row.id = id;
  row.tenant = TenantId(tenant);
  row.agent = "support";
  row.agent_version = "3";
  row.status = "running";
  row.created = wall_from_unix_millis(1'790'000'000'000);
  row.updated = row.created + 1s;
  row.trace_id = "0123";
  return row;
}

inline std::string test_hash(uint64_t sequence) {
  if (sequence == 0) return std::string(64, '0');
  const std::string n = std::to_string(sequence);
  return std::string(64 - n.size(), 'f') + n;
}

/// An event with every field set, so that a lost one shows.
inline contract::Event test_event(const SessionId& session, uint64_t sequence,
                                  std::string payload = R"({"text":"h\u00e9llo"})") {
  contract::Event e;
  const std::string n = std::to_string(sequence);
  e.id = EventId("evt_" + n);
  e.session = session;
  e.sequence = sequence;
  e.time = wall_from_unix_nanos(1'790'000'000'123'456'789 + static_cast<int64_t>(sequence));
  e.kind = sequence == 1 ? "session.started" : "observation";
  e.causation = sequence - 1;
  e.attempt = 2;
  e.actor = contract::Actor{"user", "u-" + n};
  e.data_class = "standard";
  e.payload = std::move(payload);
  e.salt = "00ff" + std::string(28, 'a');
  e.commitment = std::string(64, 'c');
  e.previous_hash = test_hash(sequence - 1);
  e.hash = test_hash(sequence);
  e.extra.emplace_back("x_unknown", Json(Json::Number{"1.50"}));
  e.extra.emplace_back("x_unknown", Json("twice"));
  return e;
}

inline std::vector<contract::Event> test_events(const SessionId& session, uint64_t first,
                                                uint64_t last) {
  std::vector<contract::Event> out;
  for (uint64_t n = first; n <= last; ++n) out.push_back(test_event(session, n));
  return out;
}

/// Every field compared; says which differs.
inline std::string difference(const contract::Event& a, const contract::Event& b) {
  if (a.id != b.id) return "id";
  if (a.session != b.session) return "session";
  if (a.sequence != b.sequence) return "sequence";
  if (a.time != b.time) return "time";
  if (a.kind != b.kind) return "kind";
  if (a.causation != b.causation) return "causation";
  if (a.attempt != b.attempt) return "attempt";
  if (a.actor != b.actor) return "actor";
  if (a.data_class != b.data_class) return "data_class";
  if (a.payload != b.payload) return "payload";
  if (a.payload_ref != b.payload_ref) return "payload_ref";
  if (a.salt != b.salt) return "salt";
  if (a.commitment != b.commitment) return "commitment";
  if (a.previous_hash != b.previous_hash) return "previous_hash";
  if (a.hash != b.hash) return "hash";
  if (a.extra != b.extra) return "extra";
  return "";
}

}  // namespace drover::store
