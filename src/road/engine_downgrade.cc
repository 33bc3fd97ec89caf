// Where on its agent's downgrade ladder a call is made, and what that changes of it.

#include "road/engine.h"
#include "trace/genai.h"

namespace drover::road {
namespace {

/// What an agent asks for on that rung.
HardwareWish wish_on(const DowngradeLadder& ladder, size_t level) {
  HardwareWish out;
  out.first = ladder.at(level).hardware;
  out.reserve = ladder.reserve(level);
  return out;
}

/// Who shares a standing.
std::string standing_key(const std::string& tenant, const std::string& agent,
                         const std::string& zone) {
  return tenant + '\n' + agent + '\n' + zone;
}

/// "residency=eu" of a class: which zone a shortage is of.
std::string zone_of(const contract::DataClass& data) {
  contract::DataClass only;
  only.residency = data.residency;
  std::string text = only.text();
  size_t equals = text.find('=');
  return equals == std::string::npos ? text : text.substr(equals + 1);
}

}  // namespace

Scarcity Engine::measure(const Flight& flight, const PlaceQuestion& asked, size_t level,
                         Scarcity met) {
  const DowngradeLadder& ladder = *flight.call.downgrade;
  const Rung rung = ladder.at(level);
  const HardwareWish hardware = wish_on(ladder, level);
  PlaceQuestion question{rung.models.empty() ? flight.call.ladder : rung.models, asked.ask,
                         asked.preference, asked.size};
  question.hardware = &hardware;
  Placer::Outlook outlook = placer_.outlook(question);
  auto allowed = static_cast<double>(outlook.allowed);
  met.unusable = allowed > 0 ? 1 - static_cast<double>(outlook.usable) / allowed : 1;
  met.price = outlook.price;
  return met;
}

void Engine::descend(Flight& flight) {
  ModelCall& call = flight.call;
  const policy::Ask ask = placer_.ask(call.principal->tenant.str(), *call.data_class);
  PlaceQuestion asked{call.ladder, ask, call.preference};
  asked.size = size_of(call);
  const DowngradeLadder& ladder = *call.downgrade;
  const MonoTime now = parts_.loop->mono();
  Downgraded& out = flight.downgraded.make();
  out.zone = zone_of(ask.data);
  flight.standing =
      descents_.at(standing_key(call.principal->tenant.str(), call.party->agent, out.zone));
  Descent& descent = flight.standing->descent;
  const Scarcity met = flight.standing->meter.read(now);
  auto measured = [&](size_t level) { return measure(flight, asked, level, met); };
  if (auto move = descent.decide(ladder, measured, now)) {
    metrics_.downgraded(call.party->agent, move->from, move->to, descent.signal());
    // What was met on the rung before says nothing of this one.
    flight.standing->meter = ScarcityMeter();
  }
  out.decided = true;
  out.level = descent.level();
  out.rung = ladder.at(out.level);
  out.why_up = descent.why_up();
  flight.hardware = wish_on(ladder, out.level);
  if (out.level > 0) give_up(flight);
  if (call.downgraded != nullptr) *call.downgraded = out;
}

Explanation Engine::explain(const SupposedCall& call) {
  policy::Ask ask = placer_.ask(call.tenant, call.data_class);
  ask.needs = call.needs;
  std::vector<std::string> ladder = call.ladder;
  HardwareWish hardware;
  size_t level = 0;
  PlaceQuestion question{ladder, ask, call.preference};
  if (call.downgrade != nullptr) {
    const Standing* standing =
        descents_.find(standing_key(call.tenant, call.agent, zone_of(ask.data)));
    if (standing != nullptr) level = standing->descent.level();
    level = std::min(call.level.value_or(level), call.downgrade->rungs.size());
    hardware = wish_on(*call.downgrade, level);
    std::vector<std::string> models = call.downgrade->at(level).models;
    if (!models.empty()) ladder = std::move(models);
    question.hardware = &hardware;
  }
  if (call.scratch) question.scratch = &*call.scratch;
  look_at_queues();
  Explanation out = placer_.explain(question);
  out.hardware = std::move(hardware);
  out.level = level;
  return out;
}

void Engine::give_up(Flight& flight) {
  ModelCall& call = flight.call;
  Downgraded& out = flight.downgraded.make();
  const Descent& descent = flight.standing->descent;
  out.signal = descent.signal();
  out.why = descent.why();
  if (!out.rung.models.empty()) call.ladder = out.rung.models;
  // What may take its time already is not hurried.
  if (out.rung.service_class && call.service_class != ServiceClass::kSlow) {
    call.service_class = out.rung.service_class;
  }
  // A prompt that cannot be read is told so by the attempt.
  if (out.rung.serial) (void)call.prompt.make_serial();
  if (out.rung.context_tokens) {
    out.left_out = call.prompt.shorten(*out.rung.context_tokens).value_or(0);
  }
  flight.span.set(trace::own::kDowngradeLevel, static_cast<int64_t>(out.level));
  flight.span.set(trace::own::kDowngrade, out.rung.text());
  Json event = Json::object().set("level", static_cast<int64_t>(out.level));
  event.set("to", out.rung.text()).set("reason", out.why);
  if (out.left_out > 0) event.set("messages_left_out", out.left_out);
  flight.span.event(trace::own::kDowngradeEvent, std::move(event));
}

}  // namespace drover::road
