#pragma once
// The provider's own books: every request that arrived, how it ended, and the tokens it would be
// billed for. What Drover claims to have spent is checked against this. A request whose client left
// is billed for the tokens made until then, as providers do.
//
// Loop thread only. Limits: the newest kLedgerRequestsMax requests are kept; the sums are of all.

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "base/json.h"
#include "base/time.h"

namespace drover::sim {

inline constexpr size_t kLedgerRequestsMax = 50'000;

struct Billed {
  int64_t input = 0;  // cached ones included
  int64_t output = 0;
  int64_t cache_read = 0;
  int64_t cache_write = 0;
  void add(const Billed& other);
  Json to_json() const;
};

struct LedgerEntry {
  uint64_t number = 0;
  WallTime at{};
  std::string request_id;
  std::string method, path, region, model, session;
  std::string tier;             // the service tier that it was served and is billed under; or ""
  std::string caller;           // which credential, never the secret
  std::string idempotency_key;  // as the client sent it
  std::string attempt;          // amz-sdk-request or x-stainless-retry-count
  int http_version = 1;
  bool stream = false;
  int status = 0;
  /// "open", "ok", "error", "aborted" (the client left), "cut" (an outage or a fault).
  std::string outcome = "open";
  std::string fault;
  std::string error;
  Billed billed;
  Duration took = 0ns;
  Json to_json() const;
};

class Ledger {
 public:
  uint64_t open(LedgerEntry entry);
  /// The entry of a number, or null when it has been forgotten.
  LedgerEntry* find(uint64_t number);
  /// Adds the entry to the sums; once for each entry.
  void close(uint64_t number, std::string outcome);

  uint64_t requests() const { return next_ - 1; }
  uint64_t count(std::string_view outcome) const;
  const Billed& billed() const { return billed_; }
  const std::deque<LedgerEntry>& entries() const { return entries_; }
  /// Counts and sums; with the newest `log_max` requests.
  Json to_json(size_t log_max) const;

 private:
  std::deque<LedgerEntry> entries_;
  uint64_t next_ = 1;
  std::map<std::string, uint64_t, std::less<>> outcomes_;
  std::map<int, uint64_t> statuses_;
  std::map<std::string, Billed> by_model_;
  std::map<std::string, Billed> by_tier_;
  Billed billed_;
};

}  // namespace drover::sim
