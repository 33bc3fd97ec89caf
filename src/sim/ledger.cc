#include "sim/ledger.h"

#include <algorithm>

namespace drover::sim {

void Billed::add(const Billed& other) {
  input += other.input;
  output += other.output;
  cache_read += other.cache_read;
  cache_write += other.cache_write;
}

Json Billed::to_json() const {
  Json out = Json::object();
  out.set("input_tokens", input).set("output_tokens", output);
  out.set("cache_read_tokens", cache_read).set("cache_write_tokens", cache_write);
  return out;
}

Json LedgerEntry::to_json() const {
  Json out = Json::object();
  out.set("number", number).set("at", format_rfc3339(at)).set("request_id", request_id);
  out.set("method", method).set("path", path).set("region", region).set("model", model);
  if (!session.empty()) out.set("session", session);
  if (!tier.empty()) out.set("service_tier", tier);
  if (!caller.empty()) out.set("caller", caller);
  if (!idempotency_key.empty()) out.set("idempotency_key", idempotency_key);
  if (!attempt.empty()) out.set("attempt", attempt);
  out.set("http_version", http_version).set("stream", stream).set("status", status);
  out.set("outcome", outcome).set("aborted", outcome == "aborted");
  if (!fault.empty()) out.set("fault", fault);
  if (!error.empty()) out.set("error", error);
  out.set("billed", billed.to_json());
  out.set("took_ms", static_cast<double>(took.count()) / 1e6);
  return out;
}

uint64_t Ledger::open(LedgerEntry entry) {
  entry.number = next_++;
  entries_.push_back(std::move(entry));
  if (entries_.size() > kLedgerRequestsMax) entries_.pop_front();
  return next_ - 1;
}

LedgerEntry* Ledger::find(uint64_t number) {
  if (entries_.empty() || number < entries_.front().number) return nullptr;
  size_t index = static_cast<size_t>(number - entries_.front().number);
  return index < entries_.size() ? &entries_[index] : nullptr;
}

void Ledger::close(uint64_t number, std::string outcome) {
  ++outcomes_[outcome];
  LedgerEntry* entry = find(number);
  if (entry == nullptr) return;
  entry->outcome = std::move(outcome);
  ++statuses_[entry->status];
  billed_.add(entry->billed);
  if (!entry->model.empty()) by_model_[entry->model].add(entry->billed);
  if (!entry->model.empty()) by_tier_[entry->tier].add(entry->billed);
}

uint64_t Ledger::count(std::string_view outcome) const {
  auto found = outcomes_.find(outcome);
  return found == outcomes_.end() ? 0 : found->second;
}

Json Ledger::to_json(size_t log_max) const {
  Json outcomes = Json::object();
  for (const auto& [name, n] : outcomes_) outcomes.set(name, n);
  Json statuses = Json::object();
  for (const auto& [status, n] : statuses_) statuses.set(std::to_string(status), n);
  Json models = Json::object();
  for (const auto& [model, billed] : by_model_) models.set(model, billed.to_json());
  Json log = Json::array();
  size_t from = entries_.size() - std::min(entries_.size(), log_max);
  for (size_t i = from; i < entries_.size(); ++i) log.push(entries_[i].to_json());
  Json out = Json::object();
  out.set("requests", requests()).set("outcomes", std::move(outcomes));
  out.set("statuses", std::move(statuses)).set("billed", billed_.to_json());
  Json tiers = Json::object();
  for (const auto& [name, billed] : by_tier_) tiers.set(name, billed.to_json());
  out.set("billed_by_tier", std::move(tiers));
  out.set("billed_by_model", std::move(models)).set("log", std::move(log));
  return out;
}

}  // namespace drover::sim
