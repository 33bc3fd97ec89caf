#include "providers/attempt_stream.h"

#include "base/bytes.h"
#include "base/limits/http.h"
#include "providers/attempt_errors.h"

namespace drover::providers {
namespace {

constexpr std::string_view kDone = "[DONE]";
/// How long the end of the body may follow the end of the stream.
constexpr Duration kTailTimeout = 100ms;

dialect::WireEvent wire_event(const http::SseEvent& event) {
  dialect::WireEvent out;
  out.type = event.event;
  out.data = event.data;
  return out;
}

dialect::WireEvent wire_event(const http::EventMessage& message) {
  dialect::WireEvent out;
  std::string_view kind = message.text(":message-type");
  out.exception = kind == "exception" || kind == "error";
  out.data = message.payload;
  if (kind == "exception") {
    out.type = message.text(":exception-type");
  } else if (kind == "error") {
    // Not modelled by the service: code and text are headers, there is no payload.
    out.type = message.text(":error-code");
    out.data = Json::object().set("message", message.text(":error-message")).dump();
  } else {
    out.type = message.text(":event-type");
  }
  return out;
}

/// The chunk with which an OpenAI-like stream says that it reached max_tokens.
std::string length_chunk(const contract::ChatResponse& response, WallTime now) {
  Json choice = Json::object().set("index", 0).set("delta", Json::object());
  choice.set("finish_reason", "length");
  Json chunk = Json::object();
  chunk.set("id", response.id).set("object", "chat.completion.chunk");
  chunk.set("created", unix_seconds(now)).set("model", response.model);
  return chunk.set("choices", Json(Json::Array{std::move(choice)})).dump();
}

}  // namespace

StreamReader::StreamReader(const Context& ctx, const Context& attempt, const WireCall& call,
                           const Prompt& prompt, Sink* sink, const AttemptTimeouts& timeouts,
                           MonoTime started)
    : ctx_(ctx),
      attempt_(attempt),
      call_(call),
      prompt_(prompt),
      sink_(sink),
      timeouts_(timeouts),
      started_(started),
      raw_(call.passthrough && sink != nullptr && sink->wants_raw()),
      last_event_(started),
      tokens_max_(prompt.max_tokens_in_all()) {}

bool StreamReader::ended() const {
  return answer_->cut_at_limit || (raw_ ? raw_ended_ : decoding_->decoder->ended());
}

Error StreamReader::cut(std::string_view how) const {
  Error out(Code::kUnavailable,
            "the provider's stream was cut: " + std::string(how) +
                (answer_->visible ? " (part of the answer had been delivered)" : ""),
            Retry::kOtherTarget);
  out.reason = "cut";
  return out;
}

Context StreamReader::read_context() const {
  if (!answer_->visible) return attempt_.with_deadline(started_ + timeouts_.first_token_timeout);
  return attempt_.with_deadline(last_event_ + timeouts_.between_tokens_timeout);
}

std::string_view StreamReader::missed() const {
  if (!attempt_.check()) return "answer";
  return answer_->visible ? "between_tokens" : "first_token";
}

void StreamReader::note_visible(int64_t bytes) {
  answer_->said.add(bytes);
  if (answer_->visible) return;
  answer_->visible = true;
  answer_->timing.first_token = ctx_.loop().mono() - started_;
}

Task<Result<void>> StreamReader::read(http::ClientResponse* response, Answer* answer) {
  answer_ = answer;
  if (!raw_) {
    decoding_ = std::make_unique<Decoding>();
    decoding_->decoder = call_.dialect->make_stream_decoder();
  }
  Result<void> outcome;
  while (outcome && !ended()) {
    // What floods us never makes us wait: the time is looked at all the same.
    Context wait = read_context();
    outcome = in_time(wait);
    if (!outcome) break;
    bool at_its_end = false;
    Task<Result<std::string_view>> reading = response->read_some(std::move(wait));
    {
      Result<std::string_view> part = co_await std::move(reading);
      at_its_end = part && part->empty();
      outcome = accept(std::move(part));
    }
    if (!outcome) break;
    if (at_its_end) {
      outcome = co_await at_end();
      break;
    }
    if (raw_) {
      outcome = take_raw();
    } else if (call_.dialect->framing() == dialect::Framing::kSse) {
      outcome = co_await take_sse();
    } else {
      outcome = co_await take_messages();
    }
    if (outcome && unsent_ && !ended()) outcome = co_await hand_on();
  }
  if (!outcome || answer->cut_at_limit) {
    response->abort();
  } else if (!response->take_buffered(0)) {
    // The body's end has not come with the stream's: nobody waits for it but the connection.
    if (unsent_) outcome = co_await hand_on();
    co_await finish_body(response);
  }
  if (!raw_) {
    std::string request_id = std::move(answer->response.request_id);
    answer->response = decoding_->assembler.take();
    if (answer->response.request_id.empty()) answer->response.request_id = std::move(request_id);
  }
  co_return outcome;
}

Result<void> StreamReader::in_time(const Context& wait) const {
  Result<void> alive = wait.check();
  if (alive) return alive;
  return fail(transport_error(std::move(alive).error(), ctx_, missed()));
}

Result<void> StreamReader::accept(Result<std::string_view> part) {
  if (!part) {
    Error error = std::move(part).error();
    if (error.reason == "cut") error = cut("the connection ended inside the body");
    return fail(transport_error(std::move(error), ctx_, missed()));
  }
  bytes_ += part->size();
  if (bytes_ > limits::kHttpAnswerBytesMax) {
    Error error(Code::kResourceExhausted, "the provider's stream is larger than allowed");
    error.reason = "answer_too_large";
    return fail(std::move(error));
  }
  if (call_.dialect->framing() == dialect::Framing::kSse) {
    sse_.feed(*part);
  } else {
    decoding_->messages.feed(*part);
  }
  return {};
}

Task<Result<void>> StreamReader::take_sse() {
  while (!ended()) {
    Result<const http::SseEvent*> next = sse_.next();
    if (!next) co_return fail(malformed(std::move(next).error()));
    const http::SseEvent* event = *next;
    if (event == nullptr) break;
    dialect::WireEvent wire = wire_event(*event);
    Result<void> taken = co_await on_event(std::move(wire));
    if (taken && over()) taken = co_await end_at_limit();
    if (!taken) co_return taken;
  }
  co_return Result<void>();
}

Result<void> StreamReader::take_raw() {
  while (!ended()) {
    Result<const http::SseEvent*> next = sse_.next();
    if (!next) return fail(malformed(std::move(next).error()));
    if (*next == nullptr) break;
    TRY_VOID(on_raw((*next)->data));
    if (over()) TRY_VOID(end_raw_at_limit());
  }
  return {};
}

Task<Result<void>> StreamReader::hand_on() {
  unsent_ = false;
  Result<void> taken = co_await sink_->flush(ctx_);
  // Counted from when the sink had taken it: a slow reader is not the provider's stall.
  last_event_ = ctx_.loop().mono();
  co_return taken;
}

Task<Result<void>> StreamReader::take_messages() {
  while (!ended()) {
    Result<const http::EventMessage*> next = decoding_->messages.next();
    if (!next) {
      // A wrong CRC or length: what follows cannot be trusted.
      Error error = std::move(next).error();
      error.retry = Retry::kOtherTarget;
      if (error.reason.empty()) error.reason = "malformed_response";
      co_return fail(std::move(error));
    }
    const http::EventMessage* message = *next;
    if (message == nullptr) break;
    dialect::WireEvent wire = wire_event(*message);
    Result<void> taken = co_await on_event(std::move(wire));
    if (taken && over()) taken = co_await end_at_limit();
    if (!taken) co_return taken;
  }
  co_return Result<void>();
}

bool StreamReader::over() const {
  return tokens_max_ && answer_->said.over(*tokens_max_) && !ended();
}

void StreamReader::cut_at_limit() {
  answer_->response.finish_reason = contract::FinishReason::kLength;
  answer_->response.native_finish_reason = "length";
  answer_->cut_at_limit = true;
}

Result<void> StreamReader::end_raw_at_limit() {
  cut_at_limit();
  return sink_->raw(length_chunk(answer_->response, ctx_.loop().wall()), false);
}

Task<Result<void>> StreamReader::end_at_limit() {
  cut_at_limit();
  contract::FinishDelta finish;
  finish.reason = contract::FinishReason::kLength;
  finish.native = "length";
  contract::StreamDelta delta(std::move(finish));
  decoding_->assembler.add(delta);
  if (sink_ == nullptr) co_return Result<void>();
  co_return co_await sink_->delta(ctx_, delta);
}

Task<Result<void>> StreamReader::on_event(dialect::WireEvent event) {
  std::vector<contract::StreamDelta>& deltas = decoding_->deltas;
  deltas.clear();
  Result<void> fed = decoding_->decoder->feed(event, deltas);
  for (size_t i = 0; i < deltas.size(); ++i) {
    decoding_->assembler.add(deltas[i]);
    if (const auto* usage = std::get_if<contract::UsageDelta>(&deltas[i])) {
      answer_->response.usage = usage->usage;
    }
    if (contract::is_visible(deltas[i])) note_visible(visible_bytes(deltas[i]));
    if (sink_ == nullptr) continue;
    Result<void> taken = co_await sink_->delta(ctx_, deltas[i]);
    if (!taken) co_return taken;
    unsent_ = true;
  }
  last_event_ = ctx_.loop().mono();
  if (!fed) {
    Error error = malformed(std::move(fed).error());
    refused_ = says_no(error);
    co_return fail(std::move(error));
  }
  co_return Result<void>();
}

Result<void> StreamReader::on_raw(std::string_view data) {
  last_event_ = ctx_.loop().mono();
  if (trim(data) == kDone) {
    raw_ended_ = true;
    return {};
  }
  if (std::optional<int64_t> said = chunks_.only_text(data)) {
    if (*said > 0) note_visible(*said);
    unsent_ = true;
    return sink_->raw(data, *said > 0);
  }
  Result<dialect::OpenAiGlance> glance = chunks_.look(data);
  if (!glance) return fail(malformed(std::move(glance).error()));
  if (glance->is_error) {
    std::string text = without_secrets(std::string(data), call_.secrets.all());
    Error error = error_in_answer(*call_.dialect, text);
    refused_ = says_no(error);
    return fail(std::move(error));
  }
  contract::ChatResponse& response = answer_->response;
  // Azure's first chunk has an empty id and model: the first that says something counts.
  if (response.id.empty()) glance->id.copy_to(response.id);
  if (response.model.empty()) glance->model.copy_to(response.model);
  if (response.system_fingerprint.empty()) {
    glance->system_fingerprint.copy_to(response.system_fingerprint);
  }
  // Stated again by each chunk; the last word is what is billed.
  if (!glance->service_tier.empty()) glance->service_tier.copy_to(response.service_tier);
  if (glance->finish_reason) {
    response.finish_reason = *glance->finish_reason;
    glance->native_finish_reason.copy_to(response.native_finish_reason);
  }
  bool has_usage = glance->usage.has_value();
  if (has_usage) response.usage = *glance->usage;
  if (glance->visible) note_visible(glance->visible_bytes);
  // Usage was asked for so that the call can be settled; the caller sees it only on request.
  if (has_usage && glance->choices_empty && !prompt_.include_usage()) return {};
  unsent_ = true;
  return sink_->raw(data, glance->visible);
}

Task<Result<void>> StreamReader::at_end() {
  if (call_.dialect->framing() == dialect::Framing::kEventStream) {
    if (Result<void> whole = decoding_->messages.finish(); !whole) {
      co_return fail(cut("it ended inside a message"));
    }
    co_return fail(cut("it ended before the last message"));
  }
  // Some servers end with "data: [DONE]" and no blank line after it.
  std::string_view rest = trim(sse_.unfinished_data());
  if (rest == kDone) {
    if (raw_) {
      raw_ended_ = true;
      co_return Result<void>();
    }
    dialect::WireEvent done;
    done.data = kDone;
    Result<void> taken = co_await on_event(std::move(done));
    if (!taken) co_return taken;
    if (ended()) co_return Result<void>();
  }
  co_return fail(cut(rest.empty() ? "it ended without its end mark" : "it ended inside an event"));
}

Task<void> StreamReader::finish_body(http::ClientResponse* response) {
  Context tail = ctx_.with_timeout(kTailTimeout);
  Result<std::string_view> part = co_await response->read_some(tail);
  // Anything but a prompt end: the connection is not worth keeping, the answer is complete.
  if (!part || !part->empty()) response->abort();
}

}  // namespace drover::providers
