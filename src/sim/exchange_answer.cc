#include <fmt/format.h>

#include "async/sync.h"
#include "sim/exchange.h"

namespace drover::sim {

namespace {
/// A stall "for ever" ends here at the latest.
constexpr Duration kForever = 1h;
constexpr size_t kBatchBytes = 16u << 10;
constexpr std::string_view kGarbage =
    "\x16\x03\x01<<<not what you asked for>>>\r\n\x00\xff\xfe\n\n";
constexpr std::string_view kHtml = "<html><body><h1>502 Bad Gateway</h1></body></html>";
}  // namespace

async::Task<Result<void>> Exchange::pause(Duration d) {
  Result<void> slept = co_await async::sleep_for(ctx_, d > 0ns ? d : kForever);
  if (!slept) outcome_ = "aborted";
  co_return slept;
}

async::Task<void> Exchange::send(Answer answer) {
  entry().status = answer.status;
  CallFacts facts;
  facts.request_id = request_id_;
  facts.region = site_.region;
  facts.model = chat_.model;
  cloud_.profile_->add_headers(facts, answer.headers);
  http::ResponseHead head;
  head.status = answer.status;
  head.headers = std::move(answer.headers);
  Result<void> sent = co_await response_.respond(ctx_, std::move(head), std::move(answer.body));
  if (!sent) outcome_ = "aborted";
}

async::Task<void> Exchange::send_whole() {
  Answer answer;
  contract::ChatResponse response = make_response();
  answer.body = dialect_->encode_response(response);
  answer.headers.add("content-type", "application/json");
  CallFacts facts;
  facts.request_id = request_id_;
  facts.region = site_.region;
  facts.model = model_->id;
  facts.quota = &quota_;
  facts.took_ms = (cloud_.loop_.mono() - began_).count() / 1'000'000;
  cloud_.profile_->add_headers(facts, answer.headers);
  entry().status = 200;
  entry().billed.output = answer_tokens_;
  if (fault_) {
    co_await send_broken(std::move(answer));
    co_return;
  }
  http::ResponseHead head;
  head.headers = std::move(answer.headers);
  Result<void> sent = co_await response_.respond(ctx_, std::move(head), std::move(answer.body));
  if (!sent) outcome_ = "aborted";
}

async::Task<void> Exchange::send_broken(Answer answer) {
  FaultKind kind = fault_->kind;
  http::ResponseHead head;
  head.headers = std::move(answer.headers);
  bool whole = true;
  if (kind == FaultKind::kGarbage) answer.body = kGarbage;
  if (kind == FaultKind::kWrongContentType) {
    answer.body = kHtml;
    head.headers.set("content-type", "text/html");
  }
  if (kind == FaultKind::kEarlyEnd || kind == FaultKind::kHalfFrame ||
      kind == FaultKind::kWrongCrc) {
    answer.body.resize(answer.body.size() / 2);
  }
  if (kind == FaultKind::kCut || kind == FaultKind::kStallBetweenTokens) whole = false;
  if (whole && kind != FaultKind::kTrickle && kind != FaultKind::kStallFirstToken) {
    Result<void> sent = co_await response_.respond(ctx_, std::move(head), std::move(answer.body));
    if (!sent) outcome_ = "aborted";
    co_return;
  }
  head.headers.set("content-length", std::to_string(answer.body.size()));
  Result<void> ok = co_await response_.start(ctx_, std::move(head));
  std::string_view rest = answer.body;
  if (ok && kind == FaultKind::kStallFirstToken) ok = co_await pause(fault_->duration);
  if (ok && !whole) {
    ok = co_await response_.write(ctx_, rest.substr(0, rest.size() / 2));
    rest.remove_prefix(rest.size() / 2);
  }
  if (ok && kind == FaultKind::kStallBetweenTokens) ok = co_await pause(fault_->duration);
  if (ok && kind == FaultKind::kCut) ok = broken("cut");
  while (ok && !rest.empty()) {
    size_t n = kind == FaultKind::kTrickle ? 1 : rest.size();
    ok = co_await response_.write(ctx_, rest.substr(0, n));
    rest.remove_prefix(n);
    if (ok && kind == FaultKind::kTrickle)
      ok = co_await pause(std::max<Duration>(1us, fault_->duration));
  }
  if (ok) ok = co_await response_.finish(ctx_);
  if (!ok && outcome_.empty()) outcome_ = "aborted";
}

Result<void> Exchange::broken(std::string outcome) {
  outcome_ = std::move(outcome);
  response_.abort();
  return fail(Code::kAborted, "a fault ended the answer");
}

async::Task<void> Exchange::send_stream() {
  http::ResponseHead head;
  bool sse = dialect_->framing() == dialect::Framing::kSse;
  head.headers.add("content-type",
                   sse ? "text/event-stream" : "application/vnd.amazon.eventstream");
  if (sse) head.headers.add("cache-control", "no-cache");
  CallFacts facts;
  facts.request_id = request_id_;
  facts.region = site_.region;
  facts.model = model_->id;
  facts.quota = &quota_;
  facts.took_ms = (cloud_.loop_.mono() - began_).count() / 1'000'000;
  cloud_.profile_->add_headers(facts, head.headers);
  if (has_fault(FaultKind::kWrongContentType)) head.headers.set("content-type", "text/html");
  entry().status = 200;
  Result<void> ok = co_await response_.start(ctx_, std::move(head));
  std::unique_ptr<dialect::StreamEncoder> encoder = dialect_->make_stream_encoder(chat_);
  if (ok && has_fault(FaultKind::kStallFirstToken)) ok = co_await pause(fault_->duration);
  if (ok) ok = co_await pump(*encoder);
  if (ok) ok = co_await response_.finish(ctx_);
  entry().billed.output = sent_tokens_;
  if (!ok && outcome_.empty()) outcome_ = "aborted";
}

async::Task<Result<void>> Exchange::pump(dialect::StreamEncoder& encoder) {
  if (has_fault(FaultKind::kWrongContentType)) {
    CO_TRY_VOID(co_await put_bytes(std::string(kHtml)));
    co_return Result<void>();
  }
  contract::ChatResponse response = make_response();
  std::vector<dialect::WireEvent> events;
  contract::StreamStart start;
  start.id = response.id;
  start.model = response.model;
  start.system_fingerprint = response.system_fingerprint;
  start.created = response.created;
  encoder.encode(contract::StreamDelta(std::move(start)), events);
  StreamPlanOptions plan_options;
  plan_options.tokens_per_event = model_->latency.tokens_per_event;
  plan_options.interleave_calls = dialect_->framing() == dialect::Framing::kSse;
  std::vector<StreamStep> plan = plan_stream(answer_.message, plan_options, cloud_.random_);
  bool paced = model_->latency.tokens_per_second > 0;
  int64_t sent = 0;
  for (const StreamStep& step : plan) {
    CO_TRY_VOID(co_await fault_before_event(encoder, sent));
    encoder.encode(step.delta, events);
    CO_TRY_VOID(co_await put(events, paced));
    events.clear();
    sent_tokens_ += step.tokens;
    ++sent;
    if (paced) {
      Duration gap = model_->latency.for_tokens(step.tokens, cloud_.random_);
      if (gap > 0ns) CO_TRY_VOID(co_await pause(gap));
    }
  }
  // A fault meant for a later event than there are happens before the end.
  if (fault_ && sent <= fault_->after_events) {
    fault_->after_events = sent;
    CO_TRY_VOID(co_await fault_before_event(encoder, sent));
  }
  if (!has_fault(FaultKind::kEarlyEnd)) {
    // Which tier it was is told with the end.
    contract::StreamStart served;
    served.service_tier = tier_;
    encoder.encode(contract::StreamDelta(std::move(served)), events);
    contract::FinishDelta finish;
    finish.reason = response.finish_reason;
    encoder.encode(contract::StreamDelta(finish), events);
    if (!has_fault(FaultKind::kMissingUsage)) {
      contract::UsageDelta usage;
      usage.usage = usage_;
      encoder.encode(contract::StreamDelta(usage), events);
    }
    encoder.finish(events);
  }
  CO_TRY_VOID(co_await put(events, true));
  // Rounding of each piece must not make the bill differ from the answer's count.
  sent_tokens_ = answer_tokens_;
  co_return Result<void>();
}

async::Task<Result<void>> Exchange::fault_before_event(dialect::StreamEncoder& encoder,
                                                       int64_t sent) {
  if (!fault_ || sent != fault_->after_events) co_return Result<void>();
  std::vector<dialect::WireEvent> events;
  switch (fault_->kind) {
    case FaultKind::kStallBetweenTokens: {
      CO_TRY_VOID(co_await put(events, true));
      CO_TRY_VOID(co_await pause(fault_->duration));
      break;
    }
    case FaultKind::kCut: {
      CO_TRY_VOID(co_await put(events, true));
      co_return broken("cut");
    }
    case FaultKind::kGarbage: {
      CO_TRY_VOID(co_await put(events, true));
      CO_TRY_VOID(co_await put_bytes(std::string(kGarbage)));
      CO_TRY_VOID(co_await response_.finish(ctx_));
      outcome_ = "cut";
      co_return fail(Code::kAborted, "garbage was sent");
    }
    case FaultKind::kHalfFrame:
    case FaultKind::kWrongCrc: {
      std::string frame;
      contract::TextDelta text;
      text.text = "damaged";
      encoder.encode(contract::StreamDelta(std::move(text)), events);
      if (events.empty()) break;
      append_wire_event(dialect_->framing(), events.back(), nullptr, frame);
      bool half = fault_->kind == FaultKind::kHalfFrame;
      if (half) frame.resize(frame.size() / 2);
      // The checksum's last byte; server-sent events have none, so their JSON loses its end.
      if (!half && dialect_->framing() == dialect::Framing::kEventStream) frame.back() ^= 0x01;
      if (!half && dialect_->framing() == dialect::Framing::kSse) {
        frame.resize(frame.find_last_not_of('\n'));
        frame += "\n\n";
      }
      events.clear();
      CO_TRY_VOID(co_await put(events, true));
      CO_TRY_VOID(co_await put_bytes(std::move(frame)));
      CO_TRY_VOID(co_await response_.finish(ctx_));
      outcome_ = "cut";
      co_return fail(Code::kAborted, "a damaged frame was sent");
    }
    case FaultKind::kErrorInStream: {
      Error error(Code::kInternal, "The model stopped working in the middle of its answer.");
      if (fault_->error == "throttling")
        error = Error(Code::kResourceExhausted, "Too many tokens.");
      if (fault_->error == "unavailable") error = Error(Code::kUnavailable, "Try again later.");
      encoder.error(error, events);
      CO_TRY_VOID(co_await put(events, true));
      CO_TRY_VOID(co_await response_.finish(ctx_));
      outcome_ = "error";
      co_return fail(Code::kAborted, "an error was sent inside the stream");
    }
    default:
      break;
  }
  co_return Result<void>();
}

void Exchange::add_running_usage(dialect::WireEvent& event) const {
  Result<Json> json = Json::parse(event.data);
  if (!json || !json->is_object()) return;
  const Json* usage = json->find("usage");
  if (usage != nullptr && usage->is_object()) return;  // the last one, complete
  Json running = Json::object();
  running.set("prompt_tokens", prompt_tokens_).set("completion_tokens", sent_tokens_);
  running.set("total_tokens", prompt_tokens_ + sent_tokens_);
  json->set("usage", std::move(running));
  event.data = json->dump();
}

async::Task<Result<void>> Exchange::put(const std::vector<dialect::WireEvent>& events, bool flush) {
  for (dialect::WireEvent event : events) {
    if (continuous_usage_) add_running_usage(event);
    append_wire_event(dialect_->framing(), event, &cloud_.random_, buffer_);
  }
  if (buffer_.empty() || (!flush && buffer_.size() < kBatchBytes)) co_return Result<void>();
  std::string bytes;
  bytes.swap(buffer_);
  co_return co_await put_bytes(std::move(bytes));
}

async::Task<Result<void>> Exchange::put_bytes(std::string bytes) {
  if (!has_fault(FaultKind::kTrickle)) {
    CO_TRY_VOID(co_await response_.write(ctx_, bytes));
    co_return Result<void>();
  }
  Duration gap = std::max<Duration>(1us, fault_->duration);
  for (size_t i = 0; i < bytes.size(); ++i) {
    CO_TRY_VOID(co_await response_.write(ctx_, std::string_view(bytes).substr(i, 1)));
    CO_TRY_VOID(co_await pause(gap));
  }
  co_return Result<void>();
}

}  // namespace drover::sim
