#pragma once
// The audit: what was refused to whom, and why; and what was destroyed. A refused verb
// (identity/principal.h) is written down whoever refused it, the scopes or the operator's rules; so
// is each purge. Kept in the documents collection
// "audit"; the same refusal again within limits::kAuditSame counts the first one up, so that a
// program that keeps asking fills neither the disk nor the list.
//
//   Audit audit(documents, root);
//   co_await audit.load(ctx);
//   audit.refused(entry);                       // never waits
//   audit.list(std::nullopt, 0, 50)             // newest first
//
// A refusal is in the list at once and durable a moment later; one that was only just refused when
// the machine stops may be missing (the log has it as well). A store that fails is asked again. At
// most limits::kAuditEntriesMax, the oldest goes. Loop thread only; stop() before it goes.

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "async/scope.h"
#include "identity/principal.h"
#include "store/documents.h"

namespace drover::identity {

using async::Context;
using async::Task;

struct AuditEntry {
  uint64_t sequence = 0;
  WallTime first;
  WallTime last;
  uint64_t times = 1;
  // Who asked.
  TenantId tenant;
  std::string key;
  std::string name;
  // For what.
  std::string verb;
  TenantId owner;
  std::string session;
  std::string agent;
  bool done = false;  // else it was refused
  // Why it was refused, or was done; and in words what happened.
  std::string reason;
  std::string why;

  Json to_json() const;
  static Result<AuditEntry> from_json(const Json& json);
};

class Audit {
 public:
  /// `documents` outlives it.
  Audit(store::Documents& documents, const Context& parent)
      : documents_(documents), scope_(parent) {}

  /// Reads what is kept. Call before all else.
  Task<Result<void>> load(Context ctx);
  /// Its sequence, times and count are set here.
  void refused(AuditEntry entry);
  /// The same for what was done.
  void done(AuditEntry entry);
  /// Newest first, of that tenant's keys (nullopt: of all), older than sequence `before` (0: all).
  std::vector<AuditEntry> list(const std::optional<TenantId>& tenant, uint64_t before,
                               size_t limit) const;
  /// Writes what is left, for a while at most.
  Task<void> stop();
  size_t unwritten() const { return dirty_.size(); }

 private:
  AuditEntry* same(const AuditEntry& entry, WallTime now);
  void add(AuditEntry entry);
  Task<void> write();

  store::Documents& documents_;
  async::Scope scope_;
  std::deque<AuditEntry> entries_;  // oldest first, sequences without gaps
  std::set<uint64_t> dirty_;        // to be written, or removed if it is no longer kept
  uint64_t next_ = 1;
  bool writing_ = false;
};

}  // namespace drover::identity
