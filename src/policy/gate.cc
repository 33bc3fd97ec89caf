#include "policy/gate.h"

namespace drover::policy {

VerbAsk verb_question(const Policy& policy, const identity::Principal& principal,
                      identity::Action action, const identity::Subject& subject) {
  VerbAsk out;
  out.verb = std::string(identity::verb_of(action));
  out.tenant = principal.tenant.str();
  out.key = principal.key.str();
  out.name = principal.name;
  for (identity::Scope scope : principal.scopes) {
    out.scopes.emplace_back(identity::scope_name(scope));
  }
  out.owner = subject.owner.str();
  out.session = subject.session;
  out.agent = subject.agent;
  out.record = subject.record;
  if (auto data = contract::DataClass::parse(subject.data_class); data && out.about_data()) {
    out.data = policy.effective(out.owner, *data);
  }
  return out;
}

namespace {

Result<void> answer(const std::optional<Denial>& denial, const VerbAsk& ask) {
  if (!denial) return {};
  const std::string begin = denial->unasked ? "nobody could be asked whether this key may do '"
                                            : "the operator's rules do not let this key do '";
  return fail(refused(begin + ask.verb + "': " + denial->rule + ": " + denial->why, "policy",
                      denial->unasked));
}

}  // namespace

Result<void> VerbGate::judge(const identity::Principal& principal, identity::Action action,
                             const identity::Subject& subject) const {
  std::shared_ptr<const Policy> policy = policy_.get();
  if (policy->authorizers().empty()) return {};
  VerbAsk ask = verb_question(*policy, principal, action, subject);
  if (ask.about_data()) {
    TRY_VOID(contract::DataClass::parse(subject.data_class));
    return answer(policy->deny_verb(ask), ask);
  }
  if (kept_for_ != policy || generation_ != policy->generation() ||
      kept_.size() >= limits::kVerbAnswersMax) {
    kept_.clear();
    kept_for_ = policy;
    generation_ = policy->generation();
  }
  // A key's scopes and name never change; the process itself has neither key nor other scopes.
  std::string kept_as = ask.verb + '\1' + ask.tenant + '\1' + ask.key + '\1' + ask.name + '\1' +
                        ask.owner + '\1' + ask.agent;
  auto it = kept_.find(kept_as);
  if (it == kept_.end()) {
    it = kept_.emplace(std::move(kept_as), policy->deny_verb(ask)).first;
  }
  return answer(it->second, ask);
}

void VerbGate::denied(const identity::Principal& principal, identity::Action action,
                      const identity::Subject& subject, const Error& error) const {
  if (audit_ == nullptr) return;
  identity::AuditEntry entry;
  entry.tenant = principal.tenant;
  entry.key = principal.key.str();
  entry.name = principal.name;
  entry.verb = std::string(identity::verb_of(action));
  entry.owner = subject.owner;
  entry.session = subject.session;
  entry.agent = subject.agent;
  entry.reason = error.reason.empty() ? std::string(code_name(error.code)) : error.reason;
  entry.why = error.message;
  audit_->refused(std::move(entry));
}

}  // namespace drover::policy
