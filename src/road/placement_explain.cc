// Placement for people and for those who plan ahead: why an endpoint is not used, what each score
// is made of, how much there is, and the refusal of an empty placement.

#include <algorithm>

#include "road/placement.h"

namespace drover::road {

std::string Placer::cooling_text(const catalog::Verdict& verdict) {
  std::string out = "cooling down";
  if (verdict.wait > Duration::zero()) out += " for " + format_duration(verdict.wait);
  return out + ": " + verdict.reason;
}

std::optional<Rejection> Placer::removed(const PlaceQuestion& question,
                                         const policy::Decision& decision, size_t i) const {
  const std::string& id = board_.endpoint(i)->id;
  if (!decision.allowed.test(i)) {
    std::optional<policy::Denial> denial = decisions_.why(question.ask, i);
    if (!denial) return std::nullopt;
    return Rejection{id, std::move(denial->why), std::move(denial->rule), denial->unasked};
  }
  const policy::EvidenceNeed* lacks = nullptr;
  if (shows_evidence(decision, i, &lacks)) {
    if (!in_reserve(question, i)) return std::nullopt;
    return Rejection{id, "its hardware is kept for a lower rung of the agent's ladder", ""};
  }
  std::string failure =
      parts_.evidence == nullptr ? std::string() : parts_.evidence->last_failure(id);
  if (!failure.empty()) failure = ": " + failure;
  if (lacks == nullptr) {
    return Rejection{id,
                     "it is reached only over an attested key, and shows no evidence now" + failure,
                     "attestation"};
  }
  return Rejection{id,
                   "no evidence of kind " + lacks->kind + " that is at most " +
                       format_duration(lacks->max_age) + " old" + failure,
                   lacks->rule};
}

std::optional<Rejection> Placer::barred(const policy::Ask& ask, const catalog::Endpoint& was) {
  refresh();
  const catalog::Endpoint* now = board_.catalog()->find(was.id);
  // What is said of another machine by the same name says nothing of this one.
  const bool same = now != nullptr && now->provider == was.provider && now->model == was.model &&
                    now->upstream_model == was.upstream_model && now->base_url == was.base_url &&
                    now->region == was.region && now->deployment == was.deployment;
  if (!same) return Rejection{was.id, "it is configured so no more", ""};
  const std::vector<std::string> ladder = {was.model};
  const PlaceQuestion question{ladder, ask};
  return removed(question, decisions_.get(ask), board_.catalog()->index_of(now));
}

void Placer::add_removed(const policy::Bits& serving, const policy::Decision& decision,
                         const PlaceQuestion& question, Placement& out) const {
  for (size_t i = 0; i < board_.size(); ++i) {
    if (!serving.test(i)) continue;
    std::optional<Rejection> rejection = removed(question, decision, i);
    if (!rejection) continue;
    Placement::Notes& notes = out.notes.make();
    if (!rejection->rule.empty()) ++notes.removed;
    notes.unasked = notes.unasked || rejection->unasked;
    if (notes.rejected.size() < limits::kRejectionsShownMax) {
      notes.rejected.push_back(std::move(*rejection));
    }
  }
}

double Placer::cached_share(const PlaceQuestion& question, size_t i) const {
  if (question.session.empty()) return 0;
  auto it = warm_.find(std::string(question.session));
  return it != warm_.end() && it->second == board_.endpoint(i)->id ? kCachedShare : 0;
}

Placer::Outlook Placer::outlook(const PlaceQuestion& question) {
  const MonoTime now = prepare(question);
  const policy::Decision& decision = decisions_.get(question.ask);
  Outlook out;
  for (size_t m = 0; m < question.ladder.size(); ++m) {
    const policy::Bits* serving = board_.serving(question.ladder[m]);
    if (serving == nullptr || repeated(question.ladder, m)) continue;
    for (size_t w = 0; w < serving->words(); ++w) {
      uint64_t left = open_to(*serving, decision, question, w, true) |
                      open_to(*serving, decision, question, w, false);
      for (; left != 0; left &= left - 1) {
        size_t i = w * 64 + static_cast<size_t>(std::countr_zero(left));
        ++out.allowed;
        if (board_.open_until(i) > now || !shows_evidence(decision, i, nullptr)) continue;
        ++out.usable;
        double price = board_.price(i, question.size);
        if (out.price == 0 || price < out.price) out.price = price;
      }
    }
  }
  return out;
}

Explanation Placer::explain(const PlaceQuestion& question) {
  prepare(question);
  Explanation out;
  out.data_class = question.ask.data.text();
  out.needs = question.ask.needs.text();
  out.preference = preference_of(question);
  out.epochs = Epochs{catalog_print_, policy_->fingerprint(), parts_.health->version()};
  const policy::Decision& decision = decisions_.get(question.ask);
  Weights weights = weights_of(question);
  for (size_t m = 0; m < question.ladder.size(); ++m) {
    if (repeated(question.ladder, m)) continue;
    const policy::Bits* serving = board_.serving(question.ladder[m]);
    if (serving == nullptr) {
      out.rejected.push_back(Rejection{question.ladder[m], "no endpoint serves this model", ""});
      out.unserved.push_back(question.ladder[m]);
      continue;
    }
    size_t first = out.ranked.size();
    for (size_t i = 0; i < board_.size(); ++i) {
      if (!serving->test(i)) continue;
      const catalog::Endpoint* e = board_.endpoint(i);
      if (auto rejection = removed(question, decision, i)) {
        out.rejected.push_back(std::move(*rejection));
        continue;
      }
      catalog::Verdict verdict = parts_.health->check(*e);
      if (!verdict.usable()) {
        out.rejected.push_back(Rejection{e->id, cooling_text(verdict), ""});
        continue;
      }
      Explanation::Ranked ranked;
      ranked.endpoint = e->id;
      ranked.model = e->model;
      ranked.preferred = question.hardware != nullptr && first_.test(i);
      ranked.parts = parts_at(question, i, cached_share(question, i));
      if (question.scratch != nullptr && scratch_.any()) {
        ranked.scratch = scratch_.place(i, question.ask, *question.scratch);
      }
      ranked.score = Board::weigh(ranked.parts, weights);
      out.ranked.push_back(std::move(ranked));
    }
    std::stable_sort(out.ranked.begin() + static_cast<ptrdiff_t>(first), out.ranked.end(),
                     [](const auto& a, const auto& b) {
                       return a.preferred != b.preferred ? a.preferred : a.score < b.score;
                     });
  }
  return out;
}

ScratchPlace Placer::scratch_place(const policy::Ask& ask, const catalog::Endpoint& endpoint,
                                   const ScratchAt& at) {
  refresh();
  ScratchPlace out;
  out.store = at.store;
  if (!scratch_.any()) return out;
  // A reload may have taken the endpoint away during the call.
  const catalog::Endpoint* now = board_.catalog()->find(endpoint.id);
  if (now == nullptr) return out;
  return scratch_.place(board_.catalog()->index_of(now), ask, at);
}

Error Placer::refusal(const PlaceQuestion& question) {
  if (question.ladder.empty()) return Error(Code::kInvalidArgument, "no model was named");
  std::string names;
  for (const std::string& model : question.ladder) {
    if (names.size() > 200) break;
    names += (names.empty() ? "'" : ", '") + model.substr(0, 100) + "'";
  }
  PlaceQuestion asked = question;
  asked.reasons = true;
  const Placement::Notes notes = place(asked).placement.notes.take();
  if (notes.removed == 0) {
    return Error(Code::kNotFound, "the model " + names + " does not exist here")
        .with_reason("model_not_found");
  }
  std::string text = "no endpoint of the model " + names + " may see this data";
  std::string data = question.ask.data.text();
  if (!data.empty()) text += " (" + data + ")";
  if (std::string needs = question.ask.needs.text(); !needs.empty()) {
    text += " and has what the step needs (" + needs + ")";
  }
  constexpr size_t kShown = 8;
  size_t shown = 0;
  for (const Rejection& r : notes.rejected) {
    if (r.rule.empty()) continue;
    if (++shown > kShown) break;
    text += (shown == 1 ? ": " : "; ") + r.endpoint + " -> " + r.rule + ": " + r.reason;
  }
  auto rest = notes.removed - static_cast<int64_t>(std::min(shown, kShown));
  if (rest > 0) text += "; and " + std::to_string(rest) + " more";
  return policy::refused(std::move(text), policy::kNoPlace, notes.unasked);
}

}  // namespace drover::road
