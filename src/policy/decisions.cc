#include "policy/decisions.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace drover::policy {
namespace {

/// Fields are separated by bytes that no name holds.
void append_class(const Ask& ask, bool by_tenant, std::string& key) {
  const contract::DataClass& data = ask.data;
  // What each class has goes there in one piece.
  std::array<char, 3 + sizeof data.keep_s + sizeof data.at_most_s> fixed = {
      static_cast<char>(ask.kind), static_cast<char>(data.sensitivity),
      static_cast<char>(data.usage)};
  std::memcpy(fixed.data() + 3, &data.keep_s, sizeof data.keep_s);
  std::memcpy(fixed.data() + 3 + sizeof data.keep_s, &data.at_most_s, sizeof data.at_most_s);
  key.append(fixed.data(), fixed.size());
  for (const auto& clause : data.residency) {
    key += '\1';
    for (const std::string& zone : clause) (key += '\2') += zone;
  }
  if (data.purposes) {
    key += '\3';
    for (const std::string& purpose : *data.purposes) (key += '\4') += purpose;
  }
  for (const std::string& name : data.names) (key += '\5') += name;
  if (by_tenant) (key += '\6') += ask.tenant;
}

uint16_t place_of(const Denial& denial, std::vector<Denial>& denials) {
  constexpr size_t kMost = UINT16_MAX - 1;
  auto same = [&](const Denial& d) { return d.rule == denial.rule && d.why == denial.why; };
  auto it = std::find_if(denials.begin(), denials.end(), same);
  if (it == denials.end() && denials.size() < kMost) it = denials.insert(it, denial);
  if (it == denials.end()) --it;  // more reasons than anybody reads
  return static_cast<uint16_t>(it - denials.begin() + 1);
}

}  // namespace

Verdicts judge(const Question& question) {
  const std::vector<Thing>& things = *question.things;
  Verdicts out;
  out.allowed = Bits(things.size());
  out.why.resize(things.size());
  Case prepared(*question.policy, question.ask);
  for (size_t i = 0; i < things.size(); ++i) {
    // What other rules remove whatever the needs is no question for them.
    if (things[i].kind != question.ask.kind || prepared.deny_by_rules(things[i])) continue;
    if (auto denial = prepared.deny_slowly(things[i])) {
      out.why[i] = place_of(*denial, out.denials);
    } else {
      out.allowed.set(i);
    }
  }
  return out;
}

void Decisions::reset(std::shared_ptr<const Policy> policy, std::vector<Thing> things) {
  policy_ = std::move(policy);
  things_ = std::make_shared<const std::vector<Thing>>(std::move(things));
  by_tenant_ = policy_->by_tenant();
  slow_ = policy_->slow();
  generation_ = policy_->generation();
  forget();
  known_.clear();
  ++epoch_;
}

std::string Decisions::class_key(const Ask& ask) const {
  std::string key;
  append_class(ask, by_tenant_, key);
  return key;
}

bool Decisions::ready(const Ask& ask) {
  if (!slow_) return true;
  key_.clear();
  append_class(ask, by_tenant_, key_);
  return known_.contains(key_);
}

Question Decisions::question(const Ask& ask) {
  Question out;
  out.policy = policy_;
  out.things = things_;
  out.ask = ask;
  out.ask.needs = Needs();
  out.key = class_key(ask);
  out.epoch = epoch_;
  return out;
}

bool Decisions::take(const Question& question, Verdicts verdicts) {
  if (question.epoch != epoch_) return false;
  keep(question, std::move(verdicts));
  return true;
}

const Verdicts& Decisions::keep(const Question& question, Verdicts verdicts) {
  if (known_.size() >= limits::kDecisionsMax) known_.clear();
  Known known;
  known.ask = question.ask;
  known.verdicts = std::move(verdicts);
  return known_.insert_or_assign(question.key, std::move(known)).first->second.verdicts;
}

const Verdicts& Decisions::verdicts(const Ask& ask) {
  auto it = known_.find(class_key(ask));
  if (it != known_.end()) return it->second.verdicts;
  const Question asked = question(ask);
  return keep(asked, judge(asked));
}

std::vector<Ask> Decisions::asked() const {
  std::vector<Ask> out;
  for (const auto& [key, known] : known_) out.push_back(known.ask);
  return out;
}

void Decisions::forget() {
  free_.fill(nullptr);
  kept_.clear();
}

const Decision& Decisions::get(const Ask& ask) {
  if (uint64_t now = policy_->generation(); now != generation_) {
    generation_ = now;
    forget();
  }
  const bool free = !by_tenant_ && ask.needs.empty() && ask.data.unrestricted();
  const Decision*& known = free_[static_cast<size_t>(ask.kind)];
  if (free && known != nullptr) return *known;
  key_.clear();
  append_class(ask, by_tenant_, key_);
  ask.needs.append_key(key_);
  auto it = kept_.find(key_);
  if (it != kept_.end()) return it->second;
  if (kept_.size() >= limits::kDecisionsMax) forget();
  Decision made = make(ask);
  const Decision& out = kept_.emplace(key_, std::move(made)).first->second;
  if (free) known = &out;
  return out;
}

Decision Decisions::make(const Ask& ask) {
  Decision out;
  out.allowed = Bits(things_->size());
  Case prepared(*policy_, ask);
  out.evidence = prepared.evidence();
  const Verdicts* slow = slow_ ? &verdicts(ask) : nullptr;
  for (size_t i = 0; i < things_->size(); ++i) {
    const Thing& thing = (*things_)[i];
    if (thing.kind != ask.kind || (slow != nullptr && !slow->allowed.test(i))) continue;
    if (!prepared.deny_by_rules(thing) && !prepared.deny_quickly(thing)) out.allowed.set(i);
  }
  return out;
}

Decision Decisions::decide(const Ask& ask) const {
  Decision out;
  out.allowed = Bits(things_->size());
  Case prepared(*policy_, ask);
  out.evidence = prepared.evidence();
  for (size_t i = 0; i < things_->size(); ++i) {
    const Thing& thing = (*things_)[i];
    if (thing.kind == ask.kind && !prepared.deny(thing)) out.allowed.set(i);
  }
  return out;
}

std::optional<Denial> Decisions::why(const Ask& ask, size_t thing) const {
  Case prepared(*policy_, ask);
  auto it = slow_ ? known_.find(class_key(ask)) : known_.end();
  if (it == known_.end()) return prepared.deny((*things_)[thing]);
  if (auto denial = prepared.deny_by_rules((*things_)[thing])) return denial;
  const Verdicts& verdicts = it->second.verdicts;
  if (verdicts.why[thing] != 0) return verdicts.denials[verdicts.why[thing] - 1u];
  return prepared.deny_quickly((*things_)[thing]);
}

std::optional<Denial> Decisions::impossible(const Ask& ask) const {
  return Case(*policy_, ask).impossible();
}

}  // namespace drover::policy
