#include "app/demo/acts/act.h"

namespace drover::app {

std::vector<std::unique_ptr<Act>> make_acts(uint64_t seed) {
  std::vector<std::unique_ptr<Act>> acts;
  acts.push_back(make_support_act(seed));
  acts.push_back(make_research_act(seed + 1));
  acts.push_back(make_scarcity_act());
  acts.push_back(make_outage_act());
  acts.push_back(make_runaway_act());
  acts.push_back(make_extension_act());
  acts.push_back(make_approval_act());
  acts.push_back(make_european_act());
  acts.push_back(make_bill_act());
  return acts;
}

void check_finished(const std::vector<const SessionFacts*>& facts, ActReport& out) {
  size_t finished = 0;
  for (const SessionFacts* s : facts) {
    std::string id = s->id.str();
    if (!s->broken.empty()) out.findings.push_back({false, id + ": " + s->broken});
    if (s->duplicated > 0) out.findings.push_back({false, id + " has two results of one effect"});
    bool over = s->status == session::Status::kEnded
                    ? s->reason == "completed"
                    : s->status == session::Status::kWaiting && s->reason == "message";
    if (over && s->answered) {
      ++finished;
    } else {
      out.findings.push_back({false, id + " was left without an answer: " + s->reason});
    }
  }
  out.findings.push_back({finished == facts.size() && finished > 0,
                          std::to_string(finished) + " of " + std::to_string(facts.size()) +
                              " sessions had every question answered"});
}

}  // namespace drover::app
