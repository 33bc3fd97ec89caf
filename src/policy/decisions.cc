#include "policy/decisions.h"

namespace drover::policy {

void Decisions::reset(std::shared_ptr<const Policy> policy, std::vector<Thing> things) {
  policy_ = std::move(policy);
  things_ = std::move(things);
  by_tenant_ = policy_->by_tenant();
  generation_ = policy_->generation();
  kept_.clear();
  ++epoch_;
}

void Decisions::key_of(const Ask& ask) {
  // Fields are separated by bytes that no name holds.
  const contract::DataClass& data = ask.data;
  key_.clear();
  key_ += static_cast<char>(ask.kind);
  key_ += static_cast<char>(data.sensitivity);
  key_ += static_cast<char>(data.usage);
  key_.append(reinterpret_cast<const char*>(&data.keep_s), sizeof data.keep_s);
  for (const auto& clause : data.residency) {
    key_ += '\1';
    for (const std::string& zone : clause) (key_ += '\2') += zone;
  }
  if (data.purposes) {
    key_ += '\3';
    for (const std::string& purpose : *data.purposes) (key_ += '\4') += purpose;
  }
  for (const std::string& name : data.names) (key_ += '\5') += name;
  if (by_tenant_) (key_ += '\6') += ask.tenant;
  ask.needs.append_key(key_);
}

const Decision& Decisions::get(const Ask& ask) {
  if (uint64_t now = policy_->generation(); now != generation_) {
    generation_ = now;
    kept_.clear();
  }
  key_of(ask);
  auto it = kept_.find(key_);
  if (it != kept_.end()) return it->second;
  if (kept_.size() >= limits::kDecisionsMax) kept_.clear();
  return kept_.emplace(key_, decide(ask)).first->second;
}

Decision Decisions::decide(const Ask& ask) const {
  Decision out;
  out.allowed = Bits(things_.size());
  Case prepared(*policy_, ask);
  out.evidence = prepared.evidence();
  for (size_t i = 0; i < things_.size(); ++i) {
    if (things_[i].kind == ask.kind && !prepared.deny(things_[i])) out.allowed.set(i);
  }
  return out;
}

std::optional<Denial> Decisions::why(const Ask& ask, size_t thing) const {
  return Case(*policy_, ask).deny(things_[thing]);
}

std::optional<Denial> Decisions::impossible(const Ask& ask) const {
  return Case(*policy_, ask).impossible();
}

}  // namespace drover::policy
