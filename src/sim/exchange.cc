#include "sim/exchange.h"

#include <fmt/format.h>

#include "base/limits/http.h"
#include "sim/batch.h"
#include "sim/completion.h"
#include "sim/tokens.h"

namespace drover::sim {

namespace {

std::string header_of(const http::RequestHead& head, std::string_view name) {
  return std::string(head.headers.get(name).value_or(""));
}

/// The first of some headers that the request has.
std::string first_header(const http::RequestHead& head,
                         std::initializer_list<std::string_view> names) {
  for (std::string_view name : names) {
    std::string value = header_of(head, name);
    if (!value.empty()) return value;
  }
  return {};
}

}  // namespace

Exchange::Exchange(SimCloud& cloud, SimSite& site, async::Context ctx, http::ServerRequest& request,
                   http::ServerResponse& response)
    : cloud_(cloud),
      site_(site),
      ctx_(std::move(ctx)),
      request_(request),
      response_(response),
      began_(cloud.loop_.mono()) {
  const http::RequestHead& head = request.head();
  request_id_ = cloud.profile_->make_request_id(cloud.random_);
  response_id_ = cloud.profile_->make_response_id(cloud.random_);
  session_ = header_of(head, "x-drover-session");
  LedgerEntry entry;
  entry.at = cloud.loop_.wall();
  entry.request_id = request_id_;
  entry.method = head.method;
  entry.path = head.path();
  entry.region = site.region;
  entry.session = session_;
  entry.http_version = head.version_major;
  entry.idempotency_key = first_header(head, {"idempotency-key", "amz-sdk-invocation-id"});
  entry.attempt =
      first_header(head, {"x-drover-attempt", "amz-sdk-request", "x-stainless-retry-count"});
  number_ = cloud.ledger_.open(std::move(entry));
}

LedgerEntry& Exchange::entry() {
  LedgerEntry* found = cloud_.ledger_.find(number_);
  return found == nullptr ? forgotten_ : *found;
}

async::Task<void> Exchange::run() {
  co_await serve();
  LedgerEntry& books = entry();
  books.took = cloud_.loop_.mono() - began_;
  std::string outcome = outcome_;
  if (outcome.empty()) {
    outcome = books.status >= 200 && books.status < 400 ? "ok" : "error";
  }
  if (outcome == "aborted" && site_.outage) outcome = "cut";
  cloud_.ledger_.close(number_, outcome);
}

async::Task<void> Exchange::serve() {
  Result<std::string> body = co_await request_.read_all(ctx_, limits::kHttpBodyBytesMax);
  if (!body) {
    if (ctx_.cancelled()) {
      outcome_ = "aborted";
      co_return;
    }
    Error error(Code::kInvalidArgument, body.error().message);
    Answer answer = cloud_.profile_->error(error, cloud_.profile_->dialect());
    if (body.error().reason == "body_too_large") answer.status = 413;
    co_await send(std::move(answer));
    co_return;
  }
  body_ = std::move(*body);
  const http::RequestHead& head = request_.head();
  if (cloud_.options_.kind == CloudKind::kCoreWeave && head.path() == "/metrics") {
    co_await send(metrics_answer());
    co_return;
  }
  Arrived arrived{head, body_, site_.region, cloud_.loop_.wall()};
  Route route = cloud_.profile_->route(arrived);
  if (Answer* answer = std::get_if<Answer>(&route)) {
    co_await send(std::move(*answer));
    co_return;
  }
  if (const BatchCall* batch = std::get_if<BatchCall>(&route)) {
    co_await serve_batch(*batch);
    co_return;
  }
  ModelCall call = std::get<ModelCall>(std::move(route));
  co_await call_model(std::move(call));
}

/// The answer may be lost after all was done, or nothing be done; see fault.h.
async::Task<void> Exchange::serve_batch(BatchCall call) {
  entry().caller = call.caller;
  dialect_ = &cloud_.profile_->dialect();
  FaultTarget target;
  target.region = site_.region;
  std::string path(request_.head().path());
  target.path = path;
  fault_ = cloud_.faults_.take(target);
  if (fault_) entry().fault = fault_name(fault_->kind);
  if (has_fault(FaultKind::kStallBeforeHeaders)) {
    Result<void> stalled = co_await pause(fault_->duration);
    if (!stalled) co_return;
  }
  std::optional<Answer> made = fault_answer();
  if (!made) {
    Arrived arrived{request_.head(), body_, site_.region, cloud_.loop_.wall()};
    made = site_.batches->handle(call, arrived);
  }
  if (has_fault(FaultKind::kCutBeforeHeaders)) {
    outcome_ = "cut";
    response_.abort();
    co_return;
  }
  co_await send(std::move(*made));
}

async::Task<void> Exchange::call_model(ModelCall call) {
  std::optional<Answer> refused = prepare(call);
  if (has_fault(FaultKind::kStallBeforeHeaders)) {
    Result<void> stalled = co_await pause(fault_->duration);
    if (!stalled) co_return;
  }
  if (has_fault(FaultKind::kCutBeforeHeaders)) {
    outcome_ = "cut";
    response_.abort();
    co_return;
  }
  if (refused) {
    co_await send(std::move(*refused));
    co_return;
  }
  const LatencyModel& latency = model_->latency;
  int64_t uncached = prompt_tokens_ - usage_.cache_read_tokens.value_or(0);
  Duration wait = latency.to_first_token(uncached, cloud_.random_);
  if (!stream_) wait += latency.for_tokens(answer_tokens_, cloud_.random_);
  if (wait > 0ns) {
    Result<void> waited = co_await pause(wait);
    if (!waited) co_return;
  }
  if (stream_) {
    co_await send_stream();
  } else {
    co_await send_whole();
  }
}

std::optional<Answer> Exchange::prepare(const ModelCall& call) {
  dialect_ = call.dialect;
  entry().caller = call.caller;
  Result<contract::ChatRequest> decoded = dialect_->decode_request(body_);
  if (!decoded) return cloud_.profile_->error(decoded.error(), *dialect_);
  chat_ = std::move(*decoded);
  if (!call.model.empty()) chat_.model = call.model;
  stream_ = call.stream.value_or(chat_.stream);
  chat_.stream = stream_;
  if (stream_ && body_.find("continuous_usage_stats") != std::string::npos) {
    Result<Json> json = Json::parse(body_);
    const Json* wish = json ? json->at("stream_options", "continuous_usage_stats") : nullptr;
    continuous_usage_ = wish != nullptr && wish->boolean().value_or(false);
  }
  LedgerEntry& books = entry();
  books.model = chat_.model;
  books.stream = stream_;
  std::string path(request_.head().path());
  FaultTarget target;
  target.region = site_.region;
  target.model = chat_.model;
  target.path = path;
  target.session = session_;
  target.stream = stream_;
  fault_ = cloud_.faults_.take(target);
  if (fault_) books.fault = fault_name(fault_->kind);
  return admit();
}

std::optional<Answer> Exchange::fault_answer() {
  if (!fault_) return std::nullopt;
  // Marked as worth another try, so that no header tells the SDKs otherwise.
  Error error(Code::kInternal, "The server had an error while processing your request.",
              Retry::kSameTarget);
  if (fault_->kind == FaultKind::kError500) return cloud_.profile_->error(error, *dialect_);
  if (fault_->kind == FaultKind::kError503) {
    error = Error(Code::kUnavailable, "The service is temporarily unable to handle the request.",
                  Retry::kSameTarget);
    return cloud_.profile_->error(error, *dialect_);
  }
  if (fault_->kind == FaultKind::kErrorInStream && !stream_) {
    return cloud_.profile_->error(error, *dialect_);
  }
  if (fault_->kind == FaultKind::kThrottle) {
    quota_.wait = fault_->duration > 0ns ? fault_->duration : Duration(1s);
    return cloud_.profile_->throttled(quota_, fault_->retry_after, cloud_.loop_.wall(), *dialect_);
  }
  return std::nullopt;
}

std::optional<Answer> Exchange::choose_tier() {
  std::string asked;
  for (const auto& [name, value] : chat_.extra) {
    if (name == "service_tier" && value.string() != nullptr) asked = *value.string();
  }
  std::optional<std::string> tier = cloud_.profile_->tier_of(asked);
  if (!tier) {
    Error error(Code::kInvalidArgument,
                fmt::format("Invalid value: '{}'. There is no such service tier.", asked));
    return cloud_.profile_->error(std::move(error).with_reason("invalid_value"), *dialect_);
  }
  tier_ = std::move(*tier);
  auto other = cloud_.tiers_.find(tier_.empty() ? "default" : std::string_view(tier_));
  if (other != cloud_.tiers_.end()) tier_ = other->second;
  entry().tier = tier_;
  return std::nullopt;
}

std::optional<Answer> Exchange::admit() {
  if (std::optional<Answer> made = fault_answer()) return made;
  model_ = cloud_.find_model(chat_.model);
  if (model_ == nullptr) return cloud_.profile_->no_model(chat_.model, *dialect_);
  std::string prompt = prompt_text(chat_);
  prompt_tokens_ = count_tokens(prompt);
  if (prompt_tokens_ > model_->context_tokens) {
    Error error(Code::kInvalidArgument,
                fmt::format("This model's maximum context length is {} tokens. However, your "
                            "messages resulted in {} tokens.",
                            model_->context_tokens, prompt_tokens_));
    return cloud_.profile_->error(std::move(error).with_reason("context_length_exceeded"),
                                  *dialect_);
  }
  auto [quota, made] = site_.quotas.try_emplace(model_->id, cloud_.options_.quota);
  quota_ = quota->second.take(prompt_tokens_, cloud_.loop_.mono());
  if (!quota_.admitted) {
    return cloud_.profile_->throttled(quota_, "", cloud_.loop_.wall(), *dialect_);
  }
  if (std::optional<Answer> filtered = cloud_.profile_->filter_prompt(chat_)) {
    return filtered;
  }
  if (std::optional<Answer> unknown = choose_tier()) return unknown;
  ModelQuestion question{chat_, session_, dialect_->framing() == dialect::Framing::kSse};
  Result<ModelAnswer> answer = model_->source->answer(question);
  if (!answer) {
    entry().error = answer.error().to_string();
    return cloud_.profile_->error(answer.error(), *dialect_);
  }
  answer_ = std::move(*answer);
  settle_usage(prompt);
  return std::nullopt;
}

Answer Exchange::metrics_answer() const {
  Answer out;
  out.headers.add("content-type", "text/plain; version=0.0.4; charset=utf-8");
  auto gauge = [&](std::string_view name, std::string_view type, std::string_view labels,
                   auto value) {
    out.body += fmt::format("# TYPE vllm:{} {}\nvllm:{}{} {}\n", name, type, name, labels, value);
  };
  gauge("num_requests_running", "gauge", "",
        site_.server == nullptr ? 0 : site_.server->in_flight() - 1);
  std::string labels = fmt::format("{{region=\"{}\"}}", site_.region);
  const Billed& billed = cloud_.ledger_.billed();
  gauge("prompt_tokens_total", "counter", labels, billed.input);
  gauge("generation_tokens_total", "counter", labels, billed.output);
  gauge("prefix_cache_hits_total", "counter", labels, billed.cache_read);
  gauge("request_success_total", "counter", labels, cloud_.ledger_.count("ok"));
  return out;
}

void Exchange::settle_usage(const std::string& prompt) {
  CompletionRules rules;
  rules.kind = cloud_.options_.kind;
  rules.marked = body_.find("\"cachePoint\"") != std::string::npos;
  Completion done = complete(chat_, model_->id, std::move(answer_), prompt, site_.cache,
                             cloud_.loop_.mono(), rules);
  answer_ = std::move(done.answer);
  usage_ = done.usage;
  answer_tokens_ = done.answer_tokens;
  entry().billed = done.billed;
}

contract::ChatResponse Exchange::make_response() const {
  contract::ChatResponse out;
  out.id = response_id_;
  out.model = model_->version.empty() ? model_->id : model_->version;
  out.request_id = request_id_;
  out.created = unix_seconds(cloud_.loop_.wall());
  if (cloud_.options_.kind == CloudKind::kOpenAi || cloud_.options_.kind == CloudKind::kAzure) {
    out.system_fingerprint = fmt::format("fp_{:010x}", cloud_.options_.seed);
  }
  out.message = answer_.message;
  out.finish_reason = answer_.finish_reason;
  out.service_tier = tier_;
  if (!has_fault(FaultKind::kMissingUsage)) out.usage = usage_;
  return out;
}

}  // namespace drover::sim
