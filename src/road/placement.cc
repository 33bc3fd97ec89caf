#include "road/placement.h"

#include <algorithm>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/limits/road.h"

namespace drover::road {
namespace {

/// Those of 64 that are below `than`; where the machine's registers do not tell in a few steps,
/// those that may be: every eighth one together.
uint64_t below(const float* scores, float than) {
  uint64_t out = 0;
#if defined(__SSE2__)
  const __m128 bound = _mm_set1_ps(than);
  for (size_t j = 0; j < 64; j += 4) {
    const int four = _mm_movemask_ps(_mm_cmplt_ps(_mm_loadu_ps(scores + j), bound));
    out |= static_cast<uint64_t>(static_cast<unsigned>(four)) << j;
  }
#else
  float least[8];
  for (size_t j = 0; j < 8; ++j) least[j] = scores[j];
  for (size_t row = 8; row < 64; row += 8) {
    for (size_t j = 0; j < 8; ++j) {
      least[j] = scores[row + j] < least[j] ? scores[row + j] : least[j];
    }
  }
  for (size_t j = 0; j < 8; ++j) {
    if (least[j] < than) out |= uint64_t{0x0101010101010101} << j;
  }
#endif
  return out;
}

}  // namespace

bool Placer::repeated(const std::vector<std::string>& ladder, size_t i) {
  auto end = ladder.begin() + static_cast<ptrdiff_t>(i);
  return std::find(ladder.begin(), end, ladder[i]) != end;
}

void Placer::reload() {
  const bool same_catalog = parts_.catalog->holds(board_.catalog()) && !here_changed_;
  const std::shared_ptr<const catalog::Catalog> catalog = parts_.catalog->get();
  std::shared_ptr<const policy::Policy> policy =
      parts_.policy == nullptr ? policy_ : parts_.policy->get();
  if (!policy) policy = std::make_shared<policy::Policy>();
  policy_ = std::move(policy);
  floors_ = !policy_->floor().unrestricted() || !policy_->tenants().empty();
  if (!same_catalog) {
    board_.load(catalog, *parts_.health, parts_.here, parts_.clock->wall());
    catalog_ = catalog;
  }
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
    // Rules see it too. The usual one says nothing, so that earlier prints stay what they were.
    if (e.pool != catalog::Endpoint().pool) content += "pool " + e.pool + '\n';
  }
  std::sort(windows_.begin(), windows_.end());
  windows_.erase(std::unique(windows_.begin(), windows_.end()), windows_.end());
  catalog_print_ = policy::fingerprint_of(content);
  epochs_ = nullptr;
  decisions_.reset(policy_, std::move(things));
  scratch_.load(*catalog, parts_.stores, policy_);
  stores_changed_ = false;
}

void Placer::set_preference(Preference preference, std::optional<Preference> low_risk,
                            std::string here) {
  parts_.preference = preference;
  parts_.low_risk = low_risk;
  here_changed_ = here_changed_ || parts_.here != here;
  parts_.here = std::move(here);
}

void Placer::set_stores(std::vector<StoreSpec> stores) {
  stores_changed_ = stores_changed_ || parts_.stores != stores;
  parts_.stores = std::move(stores);
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
  return policy::Ask{policy::ThingKind::kModel, tenant, policy_->effective(tenant, data)};
}

const policy::Ask& Placer::ask_of(const std::string& tenant, const Rare<contract::DataClass>& data,
                                  const Rare<policy::Needs>& needs, providers::Prompt& prompt) {
  refresh();
  asked_.tenant = tenant;
  if (data || floors_ || !asked_.data.unrestricted()) {
    asked_.data = policy_->effective(tenant, *data);
  }
  if (needs || !asked_.needs.empty()) asked_.needs = *needs;
  add_needs_of(prompt, asked_.needs);
  return asked_;
}

void Placer::add_needs_of(providers::Prompt& prompt, policy::Needs& needs) const {
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
  scratch_counts_ = question.scratch != nullptr && scratch_.look(question.ask, *question.scratch);
  if (scratch_counts_) scratch_.weigh(weights_of(question));
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

void Placer::Best::consider(float score, uint32_t index) {
  // Ascending; of equal scores the one that came first stays first. Counted rather than searched:
  // where it belongs cannot be guessed. Places without one count as full.
  size_t at = 0;
  for (float s : scores) at += s <= score ? 1 : 0;
  if (at >= limits::kPlacesMax) return;
  count += count < limits::kPlacesMax ? 1 : 0;
  for (size_t i = count - 1; i > at; --i) {
    scores[i] = scores[i - 1];
    indexes[i] = indexes[i - 1];
  }
  scores[at] = score;
  indexes[at] = index;
}

void Placer::Best::drop(uint32_t index) {
  size_t at = 0;
  while (at < count && indexes[at] != index) ++at;
  if (at == count) return;
  --count;
  for (size_t i = at; i < count; ++i) {
    scores[i] = scores[i + 1];
    indexes[i] = indexes[i + 1];
  }
  scores[count] = kNone;
}

Weights Placer::weights_of(const PlaceQuestion& question) const {
  // More than what else differs between two endpoints of a model.
  constexpr float kPoolStep = 1e3f;
  Weights out = preference_weights(preference_of(question));
  if (question.path == ServiceClass::kFast) out.pool = kPoolStep;
  if (question.path == ServiceClass::kSlow) out.pool = -kPoolStep;
  return out;
}

bool Placer::add_cooling(const PlaceQuestion& question, uint32_t index, Duration wait) {
  // More than a call can try are wanted only by those who ask for reasons.
  if (!question.reasons && cooling_.size() == limits::kAttemptsMax) {
    if (wait >= cooling_.back().wait) return false;
    cooling_.pop_back();
  }
  auto at = std::upper_bound(cooling_.begin(), cooling_.end(), wait,
                             [](Duration w, const Cooling& c) { return w < c.wait; });
  cooling_.insert(at, Cooling{index, wait});
  return true;
}

void Placer::select_cooling(const policy::Bits& serving, const policy::Decision& decision,
                            const PlaceQuestion& question, MonoTime now, bool first, size_t count) {
  const policy::Bits& cooling = board_.cooling();
  auto add = [&](size_t i) {
    const bool proving = !decision.evidence.empty() || board_.attested().test(i);
    if (proving && !shows_evidence(decision, i, nullptr)) return true;
    return add_cooling(question, static_cast<uint32_t>(i), board_.open_until(i) - now);
  };
  // Few are looked at one by one; of many the first of all that are cold are soon enough.
  const std::vector<Board::Cold>& cold = board_.cold();
  if (question.reasons || count * count < cold.size() * limits::kAttemptsMax) {
    for (size_t w = 0; w < serving.words(); ++w) {
      uint64_t left = open_to(serving, decision, question, w, first) & cooling.word(w);
      for (; left != 0; left &= left - 1) add(w * 64 + static_cast<size_t>(std::countr_zero(left)));
    }
    return;
  }
  for (const Board::Cold& c : cold) {
    const uint64_t open = open_to(serving, decision, question, c.index / 64, first);
    if ((open >> (c.index % 64) & 1) != 0 && !add(c.index)) return;
  }
}

size_t Placer::select(const policy::Bits& serving, const policy::Decision& decision,
                      const PlaceQuestion& question, bool first) {
  const Preference preference = preference_of(question);
  const Weights weights = weights_of(question);
  float scores[64];
  size_t count = 0;
  for (size_t w = 0; w < serving.words(); ++w) {
    const uint64_t open = open_to(serving, decision, question, w, first);
    const uint64_t cold = open & board_.cooling().word(w);
    count += static_cast<size_t>(std::popcount(cold));
    uint64_t left = open & ~cold;
    // Looked at one by one: those that need it.
    const uint64_t proving = decision.evidence.empty() ? board_.attested().word(w) : left;
    if (left == 0) continue;
    board_.score(w * 64, weights, preference, question.size, scores);
    if (scratch_counts_) scratch_.add(w * 64, scores);
    if (best_.count == limits::kPlacesMax) left &= below(scores, best_.scores.back());
    for (; left != 0; left &= left - 1) {
      auto bit = static_cast<size_t>(std::countr_zero(left));
      if (scores[bit] >= best_.scores.back()) continue;
      size_t i = w * 64 + bit;
      if ((proving >> bit & 1) != 0 && !shows_evidence(decision, i, nullptr)) continue;
      best_.consider(scores[bit], static_cast<uint32_t>(i));
    }
  }
  return count;
}

ScoreParts Placer::parts_at(const PlaceQuestion& question, size_t i, double cached) const {
  ScoreParts out = board_.parts(i, question.size, cached);
  if (scratch_counts_) {
    const ScratchPlaces::Cost cost = scratch_.cost(i);
    out.scratch_usd = cost.usd;
    out.scratch_s = cost.seconds;
  }
  return out;
}

void Placer::favour_warm(const policy::Bits& serving, const policy::Decision& decision,
                         const PlaceQuestion& question, MonoTime now, bool first) {
  if (question.session.empty() || preference_of(question) == Preference::kListed) return;
  auto it = warm_.find(std::string(question.session));
  if (it == warm_.end()) return;
  const catalog::Endpoint* endpoint = board_.catalog()->find(it->second);
  if (endpoint == nullptr) return;
  size_t i = board_.catalog()->index_of(endpoint);
  const uint64_t asked = open_to(serving, decision, question, i / 64, first);
  bool usable = (asked >> (i % 64) & 1) != 0 && board_.open_until(i) <= now;
  if (!usable || !shows_evidence(decision, i, nullptr)) return;
  double score = Board::weigh(parts_at(question, i, kCachedShare), weights_of(question));
  best_.drop(static_cast<uint32_t>(i));
  best_.consider(static_cast<float>(score), static_cast<uint32_t>(i));
}

void Placer::add_last_resort(Places& out, bool reasons) {
  Placement& placement = out.placement;
  if (reasons) {
    std::vector<Rejection>& rejected = placement.notes.make().rejected;
    for (const Cooling& c : cooling_) {
      if (rejected.size() >= limits::kRejectionsShownMax) break;
      const catalog::Endpoint* e = board_.endpoint(c.index);
      rejected.push_back(Rejection{e->id, cooling_text(parts_.health->check(*e)), ""});
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
  if (!placement.notes) return;
  std::erase_if(placement.notes.make().rejected,
                [&](const Rejection& r) { return r.endpoint == least_bad->id; });
}

void Placer::place(const PlaceQuestion& question, Places& out) {
  const MonoTime now = prepare(question);
  Placement& placement = out.placement;
  placement.endpoints.clear();
  placement.notes.reset();
  out.last_resort.clear();
  const policy::Decision& decision = decisions_.get(question.ask);
  cooling_.clear();
  placement.endpoints.reserve(limits::kPlacesMax);
  for (size_t i = 0; i < question.ladder.size(); ++i) {
    if (repeated(question.ladder, i)) continue;
    const policy::Bits* serving = board_.serving(question.ladder[i]);
    if (serving == nullptr) {
      placement.notes.make().rejected.push_back(
          Rejection{question.ladder[i], "no endpoint serves this model", ""});
      continue;
    }
    for (bool first : {true, false}) {
      if (first && question.hardware == nullptr) continue;
      best_.clear();
      const size_t count = select(*serving, decision, question, first);
      if (count > 0) select_cooling(*serving, decision, question, now, first, count);
      favour_warm(*serving, decision, question, now, first);
      for (size_t b = 0; b < best_.count; ++b) {
        if (placement.endpoints.size() == limits::kPlacesMax) break;
        placement.endpoints.push_back(board_.endpoint(best_.indexes[b]));
      }
    }
    if (question.reasons) add_removed(*serving, decision, question, placement);
  }
  if (!cooling_.empty()) add_last_resort(out, question.reasons);
  if (!epochs_ || epochs_->health != parts_.health->version()) {
    epochs_ = LocalPtr<const Epochs>::make(epochs());
  }
  placement.made_from = epochs_;
  placement.catalog = catalog_;
  out.deciders = Deciders{decisions_.epoch(), policy_->generation()};
  if (const policy::Needs& needs = question.ask.needs; !needs.empty()) {
    Placement::Notes& notes = placement.notes.make();
    notes.needs = needs.text();
    notes.holds_images = needs.holds_images;
    notes.input_tokens = needs.input_tokens;
  }
}

void Placer::started(const catalog::Catalog& catalog, const catalog::Endpoint& endpoint) {
  if (&catalog == board_.catalog().get()) board_.started(catalog.index_of(&endpoint));
}

void Placer::queued(const std::string& endpoint, double seconds) {
  refresh();
  if (const catalog::Endpoint* e = board_.catalog()->find(endpoint)) {
    board_.queued(board_.catalog()->index_of(e), seconds);
  }
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
