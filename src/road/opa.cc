#include "road/opa.h"

#include <algorithm>

#include "base/limits/policy.h"
#include "base/log.h"

namespace drover::road {
namespace {

/// The reason of an answer that came and cannot be used.
constexpr std::string_view kWrongAnswer = "wrong_answer";

std::string question_key(const policy::Ask& ask) {
  return std::string(policy::thing_kind_name(ask.kind)) + '\1' + ask.tenant + '\1' +
         ask.data.text();
}

Json data_json(const contract::DataClass& data) {
  Json zones = Json::array();  // every clause, by any of its zones
  for (const auto& clause : data.residency) {
    Json any = Json::array();
    for (const std::string& zone : clause) any.push(zone);
    zones.push(std::move(any));
  }
  Json out = Json::object().set("class", data.text());
  out.set("residency", std::move(zones));
  out.set("sensitivity", contract::sensitivity_name(data.sensitivity));
  if (data.purposes) {
    Json purposes = Json::array();
    for (const std::string& purpose : *data.purposes) purposes.push(purpose);
    out.set("purposes", std::move(purposes));
  }
  out.set("no_training", (data.usage & contract::kNoTraining) != 0);
  out.set("no_review", (data.usage & contract::kNoReview) != 0);
  out.set("no_cache", (data.usage & contract::kNoCache) != 0);
  return out.set("retention", contract::retention_text(data.keep_s));
}

Json thing_json(const policy::Thing& thing) {
  Json out = Json::object().set("id", thing.id);
  out.set("kind", policy::thing_kind_name(thing.kind));
  if (!thing.pool.empty()) out.set("pool", thing.pool);
  for (const catalog::Fact& fact : thing.facts.all()) {
    if (out.find(fact.name) == nullptr) out.set(fact.name, fact.value);
  }
  return out;
}

Json input_of(const policy::Ask& ask) {
  static constexpr std::string_view kActions[] = {"call_model", "call_tool", "store"};
  Json input = Json::object().set("tenant", ask.tenant);
  input.set("action", kActions[static_cast<size_t>(ask.kind)]);
  return input.set("data", data_json(ask.data));
}

std::string verb_key(const policy::VerbAsk& ask) {
  std::string out = "verb\1" + ask.tenant + '\1' + ask.key + '\1' + ask.name;
  if (!ask.about_data()) return out;
  return out + '\1' + ask.verb + '\1' + ask.session + '\1' + ask.data.text();
}

Json input_of(const policy::VerbAsk& ask) {
  Json scopes = Json::array();
  for (const std::string& scope : ask.scopes) scopes.push(scope);
  Json input = Json::object().set("tenant", ask.tenant).set("action", "manage");
  input.set("key", ask.key).set("name", ask.name).set("scopes", std::move(scopes));
  if (ask.record) input.set("owner", ask.owner).set("memory", true);
  if (!ask.session.empty()) {
    input.set("owner", ask.owner).set("session", ask.session).set("agent", ask.agent);
  }
  return input.set("data", data_json(ask.data));
}

Result<std::set<std::string>> ids(const Json* list, const std::set<std::string>& asked) {
  if (list == nullptr || list->array_items() == nullptr) {
    return fail(Code::kFailedPrecondition,
                "its result is neither a list of ids nor {\"allow\": [ids]}");
  }
  std::set<std::string> out;
  for (const Json& item : *list->array_items()) {
    if (item.string() == nullptr) {
      return fail(Code::kFailedPrecondition, "its result allows something that is no id");
    }
    if (asked.count(*item.string()) != 0) out.insert(*item.string());
  }
  return out;
}

bool says_the_same(const OpaAnswer& a, const OpaAnswer& b) {
  return a.asked == b.asked && a.allowed == b.allowed && a.why == b.why && a.failure == b.failure &&
         a.unasked == b.unasked;
}

}  // namespace

std::optional<policy::Denial> OpaAnswers::deny(const policy::Ask& ask,
                                               const policy::Thing& thing) const {
  auto it = answers_.find(question_key(ask));
  if (it == answers_.end()) {
    return policy::Denial{"opa", "the external authoriser has not been asked yet", true};
  }
  return denial(it->second, thing.id);
}

std::optional<policy::Denial> OpaAnswers::deny_verb(const policy::VerbAsk& ask) const {
  auto it = answers_.find(verb_key(ask));
  if (it == answers_.end() && ask.about_data()) {
    // Of work that is leased each session is not asked about: what the key may at all holds.
    policy::VerbAsk at_all = ask;
    at_all.session.clear();
    at_all.record = false;
    it = answers_.find(verb_key(at_all));
  }
  if (it == answers_.end()) {
    return policy::Denial{"opa", "the external authoriser has not been asked yet", true};
  }
  return denial(it->second, ask.verb);
}

std::optional<policy::Denial> OpaAnswers::denial(const OpaAnswer& answer,
                                                 const std::string& id) const {
  if (loop_.mono() >= answer.until) {
    return policy::Denial{"opa", "the external authoriser's last answer is over", true};
  }
  if (answer.asked.count(id) == 0) {
    return policy::Denial{"opa", "the external authoriser has not been asked about it yet", true};
  }
  if (!answer.failure.empty()) return policy::Denial{"opa", answer.failure, answer.unasked};
  if (answer.allowed.count(id) != 0) return std::nullopt;
  auto why = answer.why.find(id);
  return policy::Denial{
      "opa", why != answer.why.end() ? why->second : "the external authoriser does not allow it"};
}

Opa::Opa(const async::Context& parent, http::Client& client, OpaOptions options)
    : loop_(parent.loop()),
      client_(client),
      options_(std::move(options)),
      answers_(std::make_shared<OpaAnswers>("opa " + options_.url, loop_)),
      scope_(parent) {}

async::Task<Result<OpaAnswer>> Opa::fetch(async::Context ctx, std::string body,
                                          std::set<std::string> asked) {
  http::ClientRequest request;
  CO_TRY(request.url, http::Url::parse(options_.url));
  request.headers.set("content-type", "application/json");
  request.headers.set("accept", "application/json");
  // The question changes nothing there: it may be sent again over a fresh connection.
  request.headers.set("idempotency-key", "q" + std::to_string(questions_));
  if (!options_.token.empty()) {
    request.headers.set("authorization", "Bearer " + options_.token);
  }
  request.body = std::move(body);
  request.policy.allow_private = true;
  request.tls.ca_file = options_.ca_file;
  request.headers_timeout = options_.timeout;
  CO_TRY(auto response, co_await client_.send(ctx, request));
  if (response->head().status != 200) {
    co_return fail(Code::kUnavailable,
                   "it answered with status " + std::to_string(response->head().status));
  }
  auto text = co_await response->read_all(ctx, limits::kOpaAnswerBytesMax);
  if (!text && text.error().reason == "body_too_large") {
    co_return fail(Code::kUnavailable, "its answer is longer than " +
                                           std::to_string(limits::kOpaAnswerBytesMax) +
                                           " bytes: let it say the ids that are allowed, and why "
                                           "not the others in few words");
  }
  if (!text) co_return fail(std::move(text).error());
  auto read = read_opa_answer(*text, std::move(asked));
  if (!read) read.error().reason = kWrongAnswer;
  co_return read;
}

Result<OpaAnswer> read_opa_answer(std::string_view text, std::set<std::string> asked) {
  auto json = Json::parse(text);
  if (!json) return fail(Code::kFailedPrecondition, "its answer is not JSON");
  const Json* result = json->find("result");
  if (result == nullptr) {
    return fail(Code::kFailedPrecondition, "its document is undefined for this question");
  }
  OpaAnswer out;
  TRY(out.allowed, ids(result->is_object() ? result->find("allow") : result, asked));
  const Json* why = result->is_object() ? result->find("why") : nullptr;
  if (why != nullptr && why->is_object()) {
    for (const auto& [id, reason] : *why->members()) {
      if (reason.string() == nullptr || asked.count(id) == 0) continue;
      out.why[id] = reason.string()->substr(0, limits::kOpaReasonBytesMax);
    }
  }
  out.asked = std::move(asked);
  return out;
}

void Opa::keep(const std::string& key, OpaAnswer answer) {
  auto it = answers_->answers_.find(key);
  if (it != answers_->answers_.end() && says_the_same(it->second, answer)) {
    it->second.until = answer.until;
    return;
  }
  if (it == answers_->answers_.end() && answers_->answers_.size() >= limits::kDecisionsMax) {
    answers_->answers_.clear();
  }
  answers_->answers_[key] = std::move(answer);
  ++answers_->generation_;
}

async::Task<void> Opa::ask(std::string key, std::string body, std::set<std::string> asked,
                           std::shared_ptr<Asking> asking) {
  async::Context ctx = scope_.context().with_timeout(options_.timeout);
  std::set<std::string> about = asked;
  auto answer = co_await fetch(ctx, std::move(body), std::move(asked));
  if (answer) {
    answer->until = loop_.mono() + options_.keep;
    keep(key, std::move(*answer));
  } else if (!scope_.context().cancelled()) {
    auto held = answers_->answers_.find(key);
    const bool good = held != answers_->answers_.end() && held->second.failure.empty() &&
                      held->second.until > loop_.mono();
    LOG_WARN("the external authoriser: {}{}", answer.error().to_string(),
             good ? "; its last answer holds for now" : "; nothing is allowed");
    if (good) {
      held->second.rests_until = loop_.mono() + limits::kUnaskedRetry;
    } else {
      OpaAnswer none;
      none.asked = std::move(about);
      none.failure = "the external authoriser gave no answer: " + answer.error().message;
      none.unasked = answer.error().reason != kWrongAnswer;
      none.until = loop_.mono() + limits::kUnaskedRetry;
      keep(key, std::move(none));
    }
  }
  asking_.erase(key);
  asking->over = true;
  asking->done.wake_all();
}

bool Opa::prepared(const policy::Ask& ask, const std::vector<const policy::Thing*>& things) {
  if (!active()) return true;
  auto it = answers_->answers_.find(question_key(ask));
  if (it == answers_->answers_.end()) return false;
  for (const policy::Thing* thing : things) {
    if (it->second.asked.count(thing->id) == 0) return false;
  }
  return it->second.failure.empty() && loop_.mono() + options_.keep / 2 < it->second.until;
}

async::Task<void> Opa::prepare(async::Context ctx, policy::Ask ask,
                               std::vector<const policy::Thing*> things) {
  if (!active()) co_return;
  std::set<std::string> about;
  for (const policy::Thing* thing : things) about.insert(thing->id);
  Question question;
  question.key = question_key(ask);
  if (look(question.key, about) == Look::kEnough) co_return;
  question.input = input_of(ask);
  // Of models there is one list for all who ask.
  if (ask.kind != policy::ThingKind::kModel) question.kind = policy::thing_kind_name(ask.kind);
  for (const policy::Thing* thing : things) question.things[thing->id] = thing_json(*thing);
  co_await answered(ctx, std::move(question), std::move(about));
}

async::Task<void> Opa::prepare_verbs(async::Context ctx, policy::VerbAsk ask,
                                     std::vector<std::string> verbs) {
  if (!active()) co_return;
  std::set<std::string> about(verbs.begin(), verbs.end());
  Question question;
  question.key = verb_key(ask);
  if (look(question.key, about) == Look::kEnough) co_return;
  question.input = input_of(ask);
  for (const std::string& verb : verbs) {
    question.things[verb] = Json::object().set("id", verb).set("kind", "verb");
  }
  co_await answered(ctx, std::move(question), std::move(about));
}

Opa::Look Opa::look(const std::string& key, const std::set<std::string>& about) {
  auto held = answers_->answers_.find(key);
  if (held == answers_->answers_.end()) return Look::kLacking;
  const OpaAnswer& answer = held->second;
  if (loop_.mono() >= answer.until) {
    answers_->answers_.erase(held);
    ++answers_->generation_;
    return Look::kLacking;
  }
  const bool failed = !answer.failure.empty();
  // Things that came after it was asked: another question. What it says of the others holds.
  if (!std::includes(answer.asked.begin(), answer.asked.end(), about.begin(), about.end())) {
    return !failed && loop_.mono() < answer.rests_until ? Look::kEnough : Look::kLacking;
  }
  const bool fresh = loop_.mono() + options_.keep / 2 < answer.until;
  return failed || fresh ? Look::kEnough : Look::kOld;
}

/// Who asks about one thing takes nobody else's answer away.
void Opa::join_held(Question& question) {
  if (question.kind.empty()) return;
  std::map<std::string, Json>& known = known_[question.kind];
  if (known.size() >= limits::kOpaThingsMax) known.clear();
  for (const auto& [id, thing] : question.things) known.insert_or_assign(id, thing);
  auto held = answers_->answers_.find(question.key);
  if (held == answers_->answers_.end()) return;
  size_t joined = 0;
  for (const std::string& id : held->second.asked) {
    auto it = known.find(id);
    if (it == known.end() || question.things.count(id) != 0) continue;
    if (++joined > limits::kOpaJoinedMax) return;
    question.things[id] = it->second;
  }
}

async::Task<void> Opa::answered(async::Context ctx, Question question,
                                std::set<std::string> about) {
  Look found = look(question.key, about);
  // Again: whoever else has asked meanwhile may have had other things in mind.
  for (int round = 0; round < 3 && found != Look::kEnough; ++round) {
    std::shared_ptr<Asking>& slot = asking_[question.key];
    const bool begins = slot == nullptr;
    if (begins) slot = std::make_shared<Asking>();
    std::shared_ptr<Asking> asking = slot;
    if (begins) {
      ++questions_;
      join_held(question);
      std::set<std::string> asked;
      Json list = Json::array();
      for (const auto& [id, thing] : question.things) {
        asked.insert(id);
        list.push(thing);
      }
      Json input = question.input;
      input.set("things", std::move(list));
      std::string body = Json::object().set("input", std::move(input)).dump();
      scope_.spawn(ask(question.key, std::move(body), std::move(asked), asking));
    }
    if (found == Look::kOld) co_return;  // it is renewed beside the call
    // It may have been refused at once: whoever asked then waits for nothing.
    if (!asking->over) {
      async::Wake wake = co_await asking->done.wait(ctx);
      (void)wake;  // whoever left finds no answer, which is a no
    }
    const bool stops = ctx.cancelled() || scope_.context().cancelled() || !active();
    if (begins || stops) co_return;
    found = look(question.key, about);
  }
}

void Opa::configure(OpaOptions options) {
  options_ = std::move(options);
  answers_->fingerprint_ = "opa " + options_.url;
  answers_->answers_.clear();
  known_.clear();
  ++answers_->generation_;
}

async::Task<void> Opa::stop() {
  scope_.cancel("stopping");
  co_await scope_.join();
}

}  // namespace drover::road
