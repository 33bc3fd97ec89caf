#include "road/opa.h"

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

std::string question(const policy::Ask& ask, const std::vector<const policy::Thing*>& things) {
  static constexpr std::string_view kActions[] = {"call_model", "call_tool", "store"};
  Json list = Json::array();
  for (const policy::Thing* thing : things) {
    Json one = Json::object().set("id", thing->id);
    one.set("kind", policy::thing_kind_name(thing->kind));
    if (!thing->pool.empty()) one.set("pool", thing->pool);
    for (const catalog::Fact& fact : thing->facts.all()) {
      if (one.find(fact.name) == nullptr) one.set(fact.name, fact.value);
    }
    list.push(std::move(one));
  }
  Json input = Json::object().set("tenant", ask.tenant);
  input.set("action", kActions[static_cast<size_t>(ask.kind)]);
  input.set("data", data_json(ask.data)).set("things", std::move(list));
  return Json::object().set("input", std::move(input)).dump();
}

std::string verb_key(const policy::VerbAsk& ask) {
  std::string out = "verb\1" + ask.tenant + '\1' + ask.key + '\1' + ask.name;
  if (!ask.about_data()) return out;
  return out + '\1' + ask.verb + '\1' + ask.session + '\1' + ask.data.text();
}

std::string verb_question(const policy::VerbAsk& ask, const std::vector<std::string>& verbs) {
  Json list = Json::array();
  for (const std::string& verb : verbs) {
    list.push(Json::object().set("id", verb).set("kind", "verb"));
  }
  Json scopes = Json::array();
  for (const std::string& scope : ask.scopes) scopes.push(scope);
  Json input = Json::object().set("tenant", ask.tenant).set("action", "manage");
  input.set("key", ask.key).set("name", ask.name).set("scopes", std::move(scopes));
  if (ask.record) input.set("owner", ask.owner).set("memory", true);
  if (!ask.session.empty()) {
    input.set("owner", ask.owner).set("session", ask.session).set("agent", ask.agent);
  }
  input.set("data", data_json(ask.data)).set("things", std::move(list));
  return Json::object().set("input", std::move(input)).dump();
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
  CO_TRY(auto response, co_await client_.send(ctx, std::move(request)));
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
    if (!good) {
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

bool Opa::prepared(const policy::Ask& ask) {
  if (!active()) return true;
  auto it = answers_->answers_.find(question_key(ask));
  if (it == answers_->answers_.end()) return false;
  return it->second.failure.empty() && loop_.mono() + options_.keep / 2 < it->second.until;
}

async::Task<void> Opa::prepare(async::Context ctx, policy::Ask ask,
                               std::vector<const policy::Thing*> things) {
  if (!active()) co_return;
  std::set<std::string> about;
  for (const policy::Thing* thing : things) about.insert(thing->id);
  std::string key = question_key(ask);
  std::function<std::string()> body = [&] { return question(ask, things); };
  co_await answered(ctx, std::move(key), std::move(about), std::move(body));
}

async::Task<void> Opa::prepare_verbs(async::Context ctx, policy::VerbAsk ask,
                                     std::vector<std::string> verbs) {
  if (!active()) co_return;
  std::set<std::string> about(verbs.begin(), verbs.end());
  std::string key = verb_key(ask);
  std::function<std::string()> body = [&] { return verb_question(ask, verbs); };
  co_await answered(ctx, std::move(key), std::move(about), std::move(body));
}

async::Task<void> Opa::answered(async::Context ctx, std::string key, std::set<std::string> about,
                                std::function<std::string()> body) {
  auto held = answers_->answers_.find(key);
  bool usable = held != answers_->answers_.end() && loop_.mono() < held->second.until;
  // Things that came after it was asked: another question.
  for (const std::string& id : about) usable = usable && held->second.asked.count(id) != 0;
  const bool fresh = usable && loop_.mono() + options_.keep / 2 < held->second.until;
  if (fresh || (usable && !held->second.failure.empty())) co_return;
  if (!usable && held != answers_->answers_.end()) {
    answers_->answers_.erase(held);
    ++answers_->generation_;
  }
  std::shared_ptr<Asking>& slot = asking_[key];
  const bool begins = slot == nullptr;
  if (begins) slot = std::make_shared<Asking>();
  std::shared_ptr<Asking> asking = slot;
  if (begins) {
    ++questions_;
    scope_.spawn(ask(std::move(key), body(), std::move(about), asking));
  }
  if (usable) co_return;  // it is renewed beside the call
  // It may have been refused at once: whoever asked then waits for nothing.
  if (asking->over) co_return;
  async::Wake wake = co_await asking->done.wait(ctx);
  (void)wake;  // whoever left finds no answer, which is a no
}

void Opa::configure(OpaOptions options) {
  options_ = std::move(options);
  answers_->fingerprint_ = "opa " + options_.url;
  answers_->answers_.clear();
  ++answers_->generation_;
}

async::Task<void> Opa::stop() {
  scope_.cancel("stopping");
  co_await scope_.join();
}

}  // namespace drover::road
