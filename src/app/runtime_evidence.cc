// How young evidence is wanted: endpoints are asked for it accordingly (app/attestation.h).

#include "app/runtime.h"

namespace drover::app {
namespace {

void add_needs(const session::AgentSpec& agent, std::vector<policy::EvidenceNeed>& out) {
  out.insert(out.end(), agent.needs.evidence.begin(), agent.needs.evidence.end());
}

}  // namespace

std::vector<policy::EvidenceNeed> Runtime::wanted_evidence(const Config& config) const {
  std::vector<policy::EvidenceNeed> out;
  if (config.attested.empty()) return out;
  for (const policy::Requirement& r : config.policy->requirements()) {
    if (!r.evidence.kind.empty()) out.push_back(r.evidence);
  }
  for (const auto& [name, agent] : config.agents) add_needs(agent, out);
  for (const identity::Tenant& tenant : tenants_->list()) {
    for (const session::AgentInfo& agent : agents_->list(tenant.id)) {
      for (const session::AgentVersion& version : agent.versions) add_needs(version.spec, out);
    }
  }
  return out;
}

}  // namespace drover::app
