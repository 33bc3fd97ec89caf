#include "road/placement.h"

#include <algorithm>

#include "base/limits/road.h"

namespace drover::road {
namespace {

std::string cooling_text(const catalog::Verdict& verdict) {
  std::string out = "cooling down";
  if (verdict.wait > Duration::zero()) out += " for " + format_duration(verdict.wait);
  return out + ": " + verdict.reason;
}

bool repeated(const std::vector<std::string>& ladder, size_t i) {
  auto end = ladder.begin() + static_cast<ptrdiff_t>(i);
  return std::find(ladder.begin(), end, ladder[i]) != end;
}

/// Those of 64 that may be below `than`, looked at in eights (every eighth one together), which
/// costs a fraction of looking at each.
uint64_t may_be_below(const float* scores, float than) {
  float least[8];
  for (size_t j = 0; j < 8; ++j) least[j] = scores[j];
  for (size_t row = 8; row < 64; row += 8) {
    for (size_t j = 0; j < 8; ++j) {
      least[j] = scores[row + j] < least[j] ? scores[row + j] : least[j];
    }
  }
  uint64_t out = 0;
  for (size_t j = 0; j < 8; ++j) {
    if (least[j] < than) out |= uint64_t{0x0101010101010101} << j;
  }
  return out;
}

/// The share of a prompt that a session's last endpoint has in its cache, all but what is new.
constexpr double kCachedShare = 0.9;

}  // namespace

void Placer::refresh() {
  const std::shared_ptr<const catalog::Catalog> catalog = parts_.catalog->get();
  std::shared_ptr<const policy::Policy> policy =
      parts_.policy == nullptr ? policy_ : parts_.policy->get();
  bool same_catalog = board_.catalog() == catalog && !here_changed_;
  if (same_catalog && policy_ == policy && policy_ != nullptr) {
    board_.refresh(*parts_.health);
    return;
  }
  if (!policy) policy = std::make_shared<policy::Policy>();
  policy_ = std::move(policy);
  if (!same_catalog) board_.load(catalog, *parts_.health, parts_.here, parts_.clock->wall());
  here_changed_ = false;
  std::vector<policy::Thing> things;
  std::string content;
  some_blind_ = false;
  windows_.clear();
  for (const catalog::Endpoint& e : catalog->endpoints()) {
    things.push_back(
        policy::make_thing(e.id, policy::ThingKind::kModel, e.pool, e.facts, policy_->zones()));
    some_blind_ = some_blind_ || things.back().traits.vision == 0;
    if (int64_t window = things.back().traits.context_window; window > 0) {
      windows_.push_back(window);
    }
    content += e.id + '\n' + e.model + '\n' + e.facts.to_json().dump() + '\n';
  }
  std::sort(windows_.begin(), windows_.end());
  windows_.erase(std::unique(windows_.begin(), windows_.end()), windows_.end());
  catalog_print_ = policy::fingerprint_of(content);
  decisions_.reset(policy_, std::move(things));
}

void Placer::set_preference(Preference preference, std::string here) {
  parts_.preference = preference;
  here_changed_ = here_changed_ || parts_.here != here;
  parts_.here = std::move(here);
}

std::vector<const policy::Thing*> Placer::things() {
  refresh();
  std::vector<const policy::Thing*> out;
  for (const policy::Thing& thing : decisions_.things()) out.push_back(&thing);
  return out;
}

Epochs Placer::epochs() {
  refresh();
  return Epochs{catalog_print_, policy_->fingerprint(), parts_.health->version()};
}

policy::Ask Placer::ask(const std::string& tenant, const contract::DataClass& data) {
  refresh();
  policy::Ask out;
  out.tenant = tenant;
  out.data = policy_->effective(tenant, data);
  return out;
}

void Placer::add_needs_of(providers::Prompt& prompt, policy::Needs& needs) {
  refresh();
  // No text has more than so many bytes a token: below it nothing is sure.
  constexpr int64_t kBytesPerTokenMost = 8;
  int64_t surely = prompt.input_bytes() / kBytesPerTokenMost;
  bool too_long = !windows_.empty() && surely > windows_.front();
  if (!some_blind_ && !too_long) return;
  needs.holds_images = prompt.holds_images();
  // An image's bytes are no text.
  if (!too_long || needs.holds_images) return;
  // Lengths between two windows ask for the same: their decisions are kept as one.
  auto enough = std::lower_bound(windows_.begin(), windows_.end(), surely);
  needs.input_tokens = enough == windows_.end() ? windows_.back() + 1 : *enough;
}

MonoTime Placer::prepare(const PlaceQuestion& question) {
  refresh();
  const MonoTime now = parts_.clock->mono();
  board_.advance(now, parts_.clock->wall());
  if (question.hardware == nullptr) return now;
  auto collect = [this](const std::vector<std::string>& names, policy::Bits& out) {
    out = policy::Bits(board_.size());
    for (const std::string& name : names) {
      if (const policy::Bits* having = board_.with_hardware(name)) out.add(*having);
    }
  };
  collect(question.hardware->first, first_);
  collect(question.hardware->reserve, reserve_);
  return now;
}

uint64_t Placer::open_to(const policy::Bits& serving, const policy::Decision& decision,
                         const PlaceQuestion& question, size_t w, bool first) const {
  uint64_t out = serving.word(w) & decision.allowed.word(w);
  if (question.hardware == nullptr) return first ? 0 : out;
  return out & (first ? first_.word(w) : ~(first_.word(w) | reserve_.word(w)));
}

bool Placer::shows_evidence(const policy::Decision& decision, size_t i,
                            const policy::EvidenceNeed** lacks) const {
  for (const policy::EvidenceNeed& need : decision.evidence) {
    const std::string& id = board_.endpoint(i)->id;
    if (parts_.evidence != nullptr && parts_.evidence->fresh(id, need.kind, need.max_age)) continue;
    if (lacks != nullptr) *lacks = &need;
    return false;
  }
  return !board_.attested().test(i) || parts_.evidence == nullptr ||
         parts_.evidence->reachable(board_.endpoint(i)->id);
}

void Placer::consider(float score, uint32_t index) {
  // Ascending; of equal scores the one that came first stays first. Counted rather than searched:
  // where it belongs cannot be guessed.
  size_t at = 0;
  for (const Best& b : best_) at += b.score <= score ? 1 : 0;
  if (best_.size() == limits::kPlacesMax) {
    if (at == best_.size()) return;
    best_.pop_back();
  }
  best_.insert(best_.begin() + static_cast<ptrdiff_t>(at), Best{score, index});
}

Weights Placer::weights_of(const PlaceQuestion& question) const {
  // More than what else differs between two endpoints of a model.
  constexpr float kPoolStep = 1e3f;
  Weights out = preference_weights(preference_of(question));
  if (question.path == ServiceClass::kFast) out.pool = kPoolStep;
  if (question.path == ServiceClass::kSlow) out.pool = -kPoolStep;
  return out;
}

void Placer::add_cooling(const PlaceQuestion& question, uint32_t index, Duration wait) {
  // More than a call can try are wanted only by those who ask for reasons.
  if (!question.reasons && cooling_.size() == limits::kAttemptsMax) {
    if (wait >= cooling_.back().wait) return;
    cooling_.pop_back();
  }
  auto at = std::upper_bound(cooling_.begin(), cooling_.end(), wait,
                             [](Duration w, const Cooling& c) { return w < c.wait; });
  cooling_.insert(at, Cooling{index, wait});
}

void Placer::select(const policy::Bits& serving, const policy::Decision& decision,
                    const PlaceQuestion& question, MonoTime now, bool first) {
  Preference preference = preference_of(question);
  Weights weights = weights_of(question);
  float scores[64];
  for (size_t w = 0; w < serving.words(); ++w) {
    uint64_t left = open_to(serving, decision, question, w, first);
    if (left == 0) continue;
    // Looked at one by one: those that need it.
    const uint64_t proving = decision.evidence.empty() ? board_.attested().word(w) : left;
    for (uint64_t cold = left & board_.cooling().word(w); cold != 0; cold &= cold - 1) {
      auto bit = static_cast<size_t>(std::countr_zero(cold));
      size_t i = w * 64 + bit;
      if (board_.open_until(i) <= now) {
        board_.usable(i);
        continue;
      }
      left &= ~(uint64_t{1} << bit);
      if ((proving >> bit & 1) == 0 || shows_evidence(decision, i, nullptr)) {
        add_cooling(question, static_cast<uint32_t>(i), board_.open_until(i) - now);
      }
    }
    if (left == 0) continue;
    board_.score(w * 64, weights, preference, question.size, scores);
    if (best_.size() == limits::kPlacesMax) left &= may_be_below(scores, best_.back().score);
    for (; left != 0; left &= left - 1) {
      auto bit = static_cast<size_t>(std::countr_zero(left));
      if (best_.size() == limits::kPlacesMax && scores[bit] >= best_.back().score) continue;
      size_t i = w * 64 + bit;
      if ((proving >> bit & 1) != 0 && !shows_evidence(decision, i, nullptr)) continue;
      consider(scores[bit], static_cast<uint32_t>(i));
    }
  }
}

double Placer::cached_share(const PlaceQuestion& question, size_t i) const {
  if (question.session.empty()) return 0;
  auto it = warm_.find(std::string(question.session));
  return it != warm_.end() && it->second == board_.endpoint(i)->id ? kCachedShare : 0;
}

void Placer::favour_warm(const policy::Bits& serving, const policy::Decision& decision,
                         const PlaceQuestion& question, MonoTime now) {
  if (question.session.empty() || preference_of(question) == Preference::kListed) return;
  auto it = warm_.find(std::string(question.session));
  if (it == warm_.end()) return;
  const catalog::Endpoint* endpoint = board_.catalog()->find(it->second);
  if (endpoint == nullptr) return;
  size_t i = board_.catalog()->index_of(endpoint);
  bool usable = serving.test(i) && decision.allowed.test(i) && board_.open_until(i) <= now &&
                (question.hardware == nullptr || !(first_.test(i) || reserve_.test(i)));
  if (!usable || !shows_evidence(decision, i, nullptr)) return;
  double score = Board::weigh(board_.parts(i, question.size, kCachedShare), weights_of(question));
  std::erase_if(best_, [&](const Best& b) { return b.index == i; });
  consider(static_cast<float>(score), static_cast<uint32_t>(i));
}

void Placer::add_last_resort(Places& out, bool reasons) {
  Placement& placement = out.placement;
  if (reasons) {
    for (const Cooling& c : cooling_) {
      if (placement.rejected.size() >= limits::kRejectionsShownMax) break;
      const catalog::Endpoint* e = board_.endpoint(c.index);
      placement.rejected.push_back(Rejection{e->id, cooling_text(parts_.health->check(*e)), ""});
    }
  }
  // More than a call can try is cut.
  size_t kept = std::min<size_t>(cooling_.size(), limits::kAttemptsMax);
  out.last_resort.reserve(kept);
  for (size_t i = 0; i < kept; ++i) out.last_resort.push_back(board_.endpoint(cooling_[i].index));
  if (!placement.endpoints.empty()) return;
  const catalog::Endpoint* least_bad = out.last_resort.front();
  placement.endpoints.push_back(least_bad);
  out.last_resort.erase(out.last_resort.begin());
  std::erase_if(placement.rejected,
                [&](const Rejection& r) { return r.endpoint == least_bad->id; });
}

std::optional<Rejection> Placer::removed(const PlaceQuestion& question,
                                         const policy::Decision& decision, size_t i) const {
  const std::string& id = board_.endpoint(i)->id;
  if (!decision.allowed.test(i)) {
    std::optional<policy::Denial> denial = decisions_.why(question.ask, i);
    if (!denial) return std::nullopt;
    return Rejection{id, std::move(denial->why), std::move(denial->rule)};
  }
  const policy::EvidenceNeed* lacks = nullptr;
  if (shows_evidence(decision, i, &lacks)) {
    if (!in_reserve(question, i)) return std::nullopt;
    return Rejection{id, "its hardware is kept for a lower rung of the agent's ladder", ""};
  }
  if (lacks == nullptr) {
    return Rejection{id, "it is reached only over an attested key, and shows no evidence now",
                     "attestation"};
  }
  return Rejection{id,
                   "no evidence of kind " + lacks->kind + " that is at most " +
                       format_duration(lacks->max_age) + " old",
                   lacks->rule};
}

void Placer::add_removed(const policy::Bits& serving, const policy::Decision& decision,
                         const PlaceQuestion& question, Placement& out) const {
  for (size_t i = 0; i < board_.size(); ++i) {
    if (!serving.test(i)) continue;
    std::optional<Rejection> rejection = removed(question, decision, i);
    if (!rejection) continue;
    if (!rejection->rule.empty()) ++out.removed;
    if (out.rejected.size() < limits::kRejectionsShownMax) {
      out.rejected.push_back(std::move(*rejection));
    }
  }
}

Places Placer::place(const PlaceQuestion& question) {
  const MonoTime now = prepare(question);
  Places out;
  Placement& placement = out.placement;
  const policy::Decision& decision = decisions_.get(question.ask);
  cooling_.clear();
  placement.endpoints.reserve(limits::kPlacesMax);
  for (size_t i = 0; i < question.ladder.size(); ++i) {
    if (repeated(question.ladder, i)) continue;
    const policy::Bits* serving = board_.serving(question.ladder[i]);
    if (serving == nullptr) {
      placement.rejected.push_back(
          Rejection{question.ladder[i], "no endpoint serves this model", ""});
      continue;
    }
    for (bool first : {true, false}) {
      if (first && question.hardware == nullptr) continue;
      best_.clear();
      select(*serving, decision, question, now, first);
      if (!first) favour_warm(*serving, decision, question, now);
      for (const Best& b : best_) {
        if (placement.endpoints.size() == limits::kPlacesMax) break;
        placement.endpoints.push_back(board_.endpoint(b.index));
      }
    }
    if (question.reasons) add_removed(*serving, decision, question, placement);
  }
  if (!cooling_.empty()) add_last_resort(out, question.reasons);
  placement.epochs = Epochs{catalog_print_, policy_->fingerprint(), parts_.health->version()};
  placement.catalog = board_.catalog();
  if (!question.ask.needs.empty()) placement.needs = question.ask.needs.text();
  return out;
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
      Board::Parts parts = board_.parts(i, question.size, cached_share(question, i));
      Explanation::Ranked ranked{e->id,         e->model,      Board::weigh(parts, weights),
                                 parts.dollars, parts.seconds, parts.rest,
                                 parts.load};
      out.ranked.push_back(std::move(ranked));
    }
    std::stable_sort(out.ranked.begin() + static_cast<ptrdiff_t>(first), out.ranked.end(),
                     [](const auto& a, const auto& b) { return a.score < b.score; });
  }
  return out;
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
  Placement placement = place(asked).placement;
  if (placement.removed == 0) {
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
  for (const Rejection& r : placement.rejected) {
    if (r.rule.empty()) continue;
    if (++shown > kShown) break;
    text += (shown == 1 ? ": " : "; ") + r.endpoint + " -> " + r.rule + ": " + r.reason;
  }
  auto rest = placement.removed - static_cast<int64_t>(std::min(shown, kShown));
  if (rest > 0) text += "; and " + std::to_string(rest) + " more";
  return Error(Code::kPermissionDenied, std::move(text)).with_reason("no_place");
}

void Placer::started(const catalog::Catalog& catalog, const catalog::Endpoint& endpoint) {
  if (&catalog == board_.catalog().get()) board_.started(catalog.index_of(&endpoint));
}

void Placer::finished(const catalog::Catalog& catalog, const catalog::Endpoint& endpoint,
                      const Board::Measured& measured, const std::string& session) {
  if (board_.catalog() == nullptr) return;
  // After a reload the load of calls begun before it goes on under the endpoint's name.
  const catalog::Endpoint* current =
      &catalog == board_.catalog().get() ? &endpoint : board_.catalog()->find(endpoint.id);
  if (current == nullptr) return;
  board_.finished(board_.catalog()->index_of(current), parts_.clock->mono(), measured);
  if (!measured.ok || session.empty()) return;
  if (warm_.size() >= limits::kWarmSessionsMax && !warm_.contains(session)) warm_.clear();
  warm_[session] = endpoint.id;
}

}  // namespace drover::road
