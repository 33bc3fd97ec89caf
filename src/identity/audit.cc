#include "identity/audit.h"

#include "async/sync.h"
#include "base/limits/identity.h"
#include "base/log.h"

namespace drover::identity {
namespace {

constexpr std::string_view kAuditCollection = "audit";
constexpr Duration kWriteAgain = 5s;
/// How far back the same refusal is looked for.
constexpr size_t kLookedAt = 16;

/// Sorts as the numbers do.
std::string name_of(uint64_t sequence) {
  std::string digits = std::to_string(sequence);
  return std::string(20 - digits.size(), '0') + digits;
}

}  // namespace

Json AuditEntry::to_json() const {
  Json out = Json::object();
  out.set("sequence", sequence).set("time", format_rfc3339(first));
  out.set("last", format_rfc3339(last)).set("times", times);
  out.set("tenant", tenant.str()).set("key", key).set("name", name).set("verb", verb);
  out.set("owner", owner.str());
  if (!session.empty()) out.set("session", session);
  if (!agent.empty()) out.set("agent", agent);
  out.set("outcome", done ? "done" : "refused");
  out.set("reason", reason).set("why", why);
  return out;
}

Result<AuditEntry> AuditEntry::from_json(const Json& json) {
  AuditEntry out;
  out.sequence = static_cast<uint64_t>(json.get_int("sequence").value_or(0));
  out.times = static_cast<uint64_t>(json.get_int("times").value_or(1));
  TRY(out.first, parse_rfc3339(json.get_text("time")));
  TRY(out.last, parse_rfc3339(json.get_text("last")));
  out.tenant = TenantId(json.get_text("tenant"));
  out.key = json.get_text("key");
  out.name = json.get_text("name");
  out.verb = json.get_text("verb");
  out.owner = TenantId(json.get_text("owner"));
  out.session = json.get_text("session");
  out.agent = json.get_text("agent");
  out.done = json.get_text("outcome") == "done";
  out.reason = json.get_text("reason");
  out.why = json.get_text("why");
  return out;
}

Task<Result<void>> Audit::load(Context ctx) {
  CO_TRY(auto stored, co_await documents_.list(ctx, std::string(kAuditCollection)));
  entries_.clear();
  for (const auto& [name, json] : stored) {
    CO_TRY(AuditEntry entry, AuditEntry::from_json(json));
    // A gap: what stands before it was to be removed.
    if (!entries_.empty() && entries_.back().sequence + 1 != entry.sequence) {
      for (const AuditEntry& old : entries_) dirty_.insert(old.sequence);
      entries_.clear();
    }
    entries_.push_back(std::move(entry));
  }
  if (!entries_.empty()) next_ = entries_.back().sequence + 1;
  co_return Result<void>();
}

AuditEntry* Audit::same(const AuditEntry& entry, WallTime now) {
  size_t looked = 0;
  for (auto it = entries_.rbegin(); it != entries_.rend() && looked < kLookedAt; ++it, ++looked) {
    if (it->tenant == entry.tenant && it->key == entry.key && it->verb == entry.verb &&
        it->owner == entry.owner && it->session == entry.session && it->reason == entry.reason &&
        it->why == entry.why && it->done == entry.done && now - it->first < limits::kAuditSame &&
        now >= it->first) {
      return &*it;
    }
  }
  return nullptr;
}

void Audit::refused(AuditEntry entry) {
  entry.done = false;
  add(std::move(entry));
}

void Audit::done(AuditEntry entry) {
  entry.done = true;
  add(std::move(entry));
}

void Audit::add(AuditEntry entry) {
  const WallTime now = scope_.context().loop().wall();
  if (AuditEntry* before = same(entry, now)) {
    ++before->times;
    before->last = now;
    dirty_.insert(before->sequence);
  } else {
    const std::string& who = entry.key.empty() ? entry.name : entry.key;
    if (entry.done) {
      LOG_INFO("{} by {} ({}): {}", entry.verb, who, entry.reason, entry.why);
    } else {
      LOG_WARN("refused: {} by {} ({}): {}", entry.verb, who, entry.reason, entry.why);
    }
    entry.sequence = next_++;
    entry.first = entry.last = now;
    entry.times = 1;
    dirty_.insert(entry.sequence);
    entries_.push_back(std::move(entry));
    if (entries_.size() > limits::kAuditEntriesMax) {
      dirty_.insert(entries_.front().sequence);
      entries_.pop_front();
    }
  }
  if (writing_ || scope_.context().cancelled()) return;
  writing_ = true;
  scope_.spawn(write());
}

Task<void> Audit::write() {
  // Its own, so that stop() lets it finish what is left.
  Context ctx = scope_.context().detached();
  while (!dirty_.empty()) {
    const uint64_t sequence = *dirty_.begin();
    dirty_.erase(dirty_.begin());
    Result<void> done;
    const bool kept = !entries_.empty() && sequence >= entries_.front().sequence;
    if (kept) {
      Json json = entries_[sequence - entries_.front().sequence].to_json();
      done = co_await documents_.put(ctx, std::string(kAuditCollection), name_of(sequence),
                                     std::move(json));
    } else {
      auto gone = co_await documents_.remove(ctx, std::string(kAuditCollection), name_of(sequence));
      if (!gone) done = fail(std::move(gone).error());
    }
    if (done) continue;
    dirty_.insert(sequence);
    LOG_WARN("the audit could not be written: {}", done.error().to_string());
    auto slept = co_await async::sleep_for(scope_.context(), kWriteAgain);
    if (!slept) break;  // stopping
  }
  writing_ = false;
}

std::vector<AuditEntry> Audit::list(const std::optional<TenantId>& tenant, uint64_t before,
                                    size_t limit) const {
  std::vector<AuditEntry> out;
  for (auto it = entries_.rbegin(); it != entries_.rend() && out.size() < limit; ++it) {
    if (before != 0 && it->sequence >= before) continue;
    if (tenant && it->tenant != *tenant) continue;
    out.push_back(*it);
  }
  return out;
}

Task<void> Audit::stop() {
  scope_.cancel("stopping");
  co_await scope_.join();
}

}  // namespace drover::identity
