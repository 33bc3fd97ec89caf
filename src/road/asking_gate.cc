#include "road/asking_gate.h"

namespace drover::road {

async::Task<void> AskingGate::prepare(async::Context ctx, identity::Principal principal,
                                      std::optional<identity::Action> action,
                                      identity::Subject subject) const {
  if (!asks_outside()) co_return;
  if (!action || (subject.session.empty() && !subject.record)) subject = identity::Subject();
  policy::VerbAsk ask = policy::verb_question(
      *policy_.get(), principal, action.value_or(identity::Action::kManageServer), subject);
  std::vector<std::string> verbs;
  if (!ask.about_data()) {
    verbs = identity::all_verbs();
  } else {
    verbs.push_back(ask.verb);
  }
  co_await opa_->prepare_verbs(ctx, std::move(ask), std::move(verbs));
}

}  // namespace drover::road
