#include "providers/attempt.h"

#include "base/bytes.h"
#include "base/limits/http.h"
#include "base/limits/road.h"
#include "http/field_name.h"
#include "providers/attempt_errors.h"
#include "providers/attempt_stream.h"

namespace drover::providers {
namespace {

/// A head is an answer's if it is 2xx and of the media type that was asked for.
bool is_expected_type(std::string_view content_type, const WireCall& call) {
  // Some local servers send none; most say no more than this.
  if (content_type.empty() || (!call.stream && content_type == "application/json")) return true;
  const std::string_view type = trim(content_type.substr(0, content_type.find(';')));
  if (!call.stream) {
    constexpr size_t kJson = 4;
    return type.size() >= kJson && http::iequals_lower(type.substr(type.size() - kJson), "json");
  }
  if (call.dialect->framing() == dialect::Framing::kEventStream) {
    return iequals(type, "application/vnd.amazon.eventstream");
  }
  return iequals(type, "text/event-stream");
}

/// Whether a header's name, which comes in any case, begins so.
bool begins(std::string_view name, http::LowerText with) {
  return http::iequals_lower(name.substr(0, with.view().size()), with);
}

void take_headers(const http::ResponseHead& head, Answer& answer) {
  for (const auto& [name, value] : head.headers.fields()) {
    // All that matter here begin so; the rest is not looked at.
    char first = name.empty() ? ' ' : static_cast<char>(name[0] | 0x20);
    if (first != 'x' && first != 'a' && first != 'r') continue;
    if (http::iequals_lower(name, "x-request-id") || http::iequals_lower(name, "apim-request-id") ||
        http::iequals_lower(name, "x-amzn-requestid") || http::iequals_lower(name, "request-id")) {
      // Azure sends several: the first is the one its support asks for.
      if (answer.response.request_id.empty()) answer.response.request_id = value;
    } else if (begins(name, "x-ratelimit-")) {
      answer.rate_limits.make().add(to_lower(name), value);
    } else if (begins(name, "x-ms-region") || begins(name, "x-ms-deployment") ||
               begins(name, "x-ms-spillover")) {
      answer.facts.make().add(to_lower(name), value);
    }
  }
}

/// What its head says of its body's length.
std::optional<int64_t> announced_bytes(const http::ResponseHead& head) {
  Result<std::optional<uint64_t>> length = http::content_length(head.headers);
  if (!length || !*length || **length > INT64_MAX) return std::nullopt;
  return static_cast<int64_t>(**length);
}

void take_glance(const dialect::OpenAiGlance& glance, contract::ChatResponse& response) {
  glance.id.copy_to(response.id);
  glance.model.copy_to(response.model);
  glance.system_fingerprint.copy_to(response.system_fingerprint);
  glance.service_tier.copy_to(response.service_tier);
  if (glance.usage) response.usage = *glance.usage;
  response.finish_reason = glance.finish_reason.value_or(contract::FinishReason::kUnknown);
  glance.native_finish_reason.copy_to(response.native_finish_reason);
}

/// Takes in the body of an answer that is not streamed.
Result<void> take_answer(std::string&& body, const WireCall& call, Answer& answer) {
  if (call.passthrough) {
    Result<dialect::OpenAiGlance> glance = dialect::glance_openai(body);
    if (!glance) return fail(malformed(std::move(glance).error()));
    if (glance->is_error) {
      std::string text = without_secrets(std::move(body), call.secrets.all());
      return fail(error_in_answer(*call.dialect, text));
    }
    take_glance(*glance, answer.response);
    answer.openai_body = std::move(body);
    return {};
  }
  std::string request_id = answer.response.request_id;
  Result<contract::ChatResponse> decoded = call.dialect->decode_response(body);
  if (!decoded) return fail(malformed(std::move(decoded).error()));
  answer.response = std::move(*decoded);
  if (answer.response.request_id.empty()) answer.response.request_id = std::move(request_id);
  return {};
}

void note_times(const http::ClientTiming& timing, Clock& clock, AttemptTiming& out) {
  if (timing.connected > timing.started) out.connect = timing.connected - timing.started;
  MonoTime sent = std::max(timing.sent, timing.connected);
  MonoTime head = timing.first_byte == MonoTime() ? clock.mono() : timing.first_byte;
  if (head > sent) out.headers = head - sent;
}

using Sent = Result<std::unique_ptr<http::ClientResponse>>;

/// One attempt under way. Thousands of them wait at once, so that the coroutine which drives them
/// holds little but this and what it refers to: what is done between the waits are functions of it,
/// and tasks are named before they are awaited, so that what they were given does not stay in the
/// frame.
class OneAttempt {
 public:
  OneAttempt(const Context& ctx, WireCall* call, const Prompt& prompt, Sink* sink,
             const AttemptTimeouts& timeouts)
      : ctx_(ctx),
        call_(call),
        prompt_(prompt),
        sink_(sink),
        timeouts_(timeouts),
        started_(ctx_.loop().mono()) {
    if (timeouts_.total_timeout > Duration::zero()) {
      bounded_ = std::make_unique<Context>(ctx_.with_deadline(started_ + timeouts_.total_timeout));
    }
  }

  Task<Sent> send(http::Client& client);
  /// Takes the head; an outcome if there will be none, or all of it was here.
  std::optional<Attempted> take(Sent sent);
  /// Reads the rest.
  Task<Result<void>> read();
  Attempted concluded(Result<void> read);

 private:
  bool is_answer() const;
  /// Of all of it.
  const Context& whole() const { return bounded_ ? *bounded_ : ctx_; }
  Context until_first() const;
  Result<void> take_body(std::string&& body);
  Task<Result<void>> read_whole();
  Task<Result<void>> read_refusal();
  AttemptError failed(Error error) const;
  bool refused() const { return refused_ || (reader_ != nullptr && reader_->refused()); }

  const Context& ctx_;
  std::unique_ptr<Context> bounded_;  // within the attempt's own time, if it has one
  WireCall* call_;
  const Prompt& prompt_;
  Sink* sink_;
  const AttemptTimeouts& timeouts_;
  MonoTime started_;
  bool sent_ = false;     // the whole request
  bool refused_ = false;  // see AttemptError::billable
  std::optional<int64_t> body_bytes_;
  std::unique_ptr<http::ClientResponse> response_;
  std::unique_ptr<Answer> answer_;
  std::unique_ptr<StreamReader> reader_;  // of a stream
};

/// Up to a stream's first token. Its head may come at once and its first token late, or both late:
/// one clock for both.
Context OneAttempt::until_first() const {
  return call_->stream ? whole().with_deadline(started_ + timeouts_.first_token_timeout) : whole();
}

Task<Sent> OneAttempt::send(http::Client& client) {
  http::RequestCall& request = call_->request;
  request.connect_timeout = timeouts_.connect_timeout;
  request.headers_timeout = call_->stream ? timeouts_.headers_timeout : timeouts_.answer_timeout;
  request.sent = &sent_;
  return client.send_to(until_first(), *call_->target, request);
}

bool OneAttempt::is_answer() const {
  const http::ResponseHead& head = response_->head();
  return head.is_success() &&
         is_expected_type(head.headers.get("content-type").value_or(""), *call_);
}

std::optional<Attempted> OneAttempt::take(Sent sent) {
  if (!sent) {
    AttemptError out = failed(transport_error(std::move(sent).error(), ctx_, "headers"));
    bool connecting = out.error.reason == "connect" || out.error.reason == "tls";
    (connecting ? out.timing.connect : out.timing.headers) = out.timing.total;
    out.billable = sent_;
    return Attempted(tl::unexpected<AttemptError>(std::move(out)));
  }
  response_ = std::move(*sent);
  answer_ = std::make_unique_for_overwrite<Answer>();  // all of it says what it is at first
  answer_->dropped = std::move(call_->dropped);
  note_times(response_->timing(), ctx_.loop(), answer_->timing);
  take_headers(response_->head(), *answer_);
  if (call_->stream || !is_answer()) return std::nullopt;
  std::optional<std::string> body = response_->take_buffered(limits::kHttpAnswerBytesMax);
  if (!body) return std::nullopt;
  return concluded(take_body(std::move(*body)));
}

Task<Result<void>> OneAttempt::read() {
  // It was sent, and is not to lie here for as long as a stream takes.
  call_->request = http::RequestCall();
  call_->target = nullptr;
  if (!is_answer()) return read_refusal();
  if (!call_->stream) return read_whole();
  reader_ =
      std::make_unique<StreamReader>(ctx_, whole(), *call_, prompt_, sink_, timeouts_, started_);
  return reader_->read(response_.get(), answer_.get());
}

Result<void> OneAttempt::take_body(std::string&& body) {
  body_bytes_ = static_cast<int64_t>(body.size());
  Result<void> taken = take_answer(std::move(body), *call_, *answer_);
  if (taken) return taken;
  refused_ = says_no(taken.error());
  return fail(transport_error(std::move(taken).error(), ctx_, "answer"));
}

/// An answer that is still arriving.
Task<Result<void>> OneAttempt::read_whole() {
  Result<std::string> body = co_await response_->read_all(whole(), limits::kHttpAnswerBytesMax);
  if (body) co_return take_body(std::move(*body));
  // The provider had made all of it before it sent any.
  body_bytes_ = announced_bytes(response_->head());
  Error error = std::move(body).error();
  if (error.code == Code::kResourceExhausted) {
    error.reason = "answer_too_large";
    error.retry = Retry::kNever;
  }
  co_return fail(transport_error(std::move(error), ctx_, "answer"));
}

/// What an answer that is no success says: the error.
Task<Result<void>> OneAttempt::read_refusal() {
  Context bounded = until_first().with_timeout(limits::kConnectTimeout);
  std::string body;
  while (body.size() < limits::kErrorAnswerBytesMax) {
    Result<std::string_view> part = co_await response_->read_some(bounded);
    // Half an error text is still an error text: the status has said enough.
    if (!part || part->empty()) break;
    body += part->substr(0, limits::kErrorAnswerBytesMax - body.size());
  }
  const http::ResponseHead& head = response_->head();
  body = without_secrets(std::move(body), call_->secrets.all());
  Error error = refusal(*call_->dialect, head, body, ctx_.loop().wall());
  // A server that does not know `stream` answers whole, and bills it.
  refused_ = !head.is_success() || (error.reason != "wrong_content_type" && says_no(error));
  body_bytes_ = static_cast<int64_t>(body.size());
  co_return fail(std::move(error));
}

AttemptError OneAttempt::failed(Error error) const {
  AttemptError out;
  out.error = without_secrets(std::move(error), call_->secrets.all());
  out.timing.total = ctx_.loop().mono() - started_;
  if (out.error.code == Code::kUnauthenticated && call_->credentials != nullptr) {
    call_->credentials->refused(*call_->source);
  }
  return out;
}

Attempted OneAttempt::concluded(Result<void> read) {
  AttemptTiming& timing = answer_->timing;
  timing.total = ctx_.loop().mono() - started_;
  if (read) {
    if (!call_->stream) timing.first_token = timing.total;
    return Attempted(std::move(answer_));
  }
  AttemptError out = failed(std::move(read).error());
  out.visible = answer_->visible;
  out.billable = !refused();
  out.said = answer_->said;
  out.body_bytes = body_bytes_;
  // A stream that broke says how far it was; one that we gave up may have been thinking all along.
  const bool ours = out.error.code == Code::kDeadlineExceeded || out.error.code == Code::kCancelled;
  if (reader_ != nullptr && !ours) out.body_bytes = 0;
  out.usage = answer_->response.usage;
  out.timing = timing;
  return Attempted(tl::unexpected<AttemptError>(std::move(out)));
}

}  // namespace

bool speaks_openai(const dialect::Dialect& dialect) {
  return dialect.name() == "openai" || dialect.name() == "azure";
}

tl::unexpected<AttemptError> attempt_failed(Error error) {
  AttemptError out;
  out.error = std::move(error);
  return tl::unexpected<AttemptError>(std::move(out));
}

Result<void> put_body(WireCall& call, Prompt& prompt, std::string_view upstream_model, bool stream,
                      std::string_view tier) {
  call.stream = stream;
  if (prompt.openai_body() != nullptr && speaks_openai(*call.dialect) &&
      prompt.scan()->stream == stream) {
    call.passthrough = true;
    const dialect::OpenAiScan& scan = *prompt.scan();
    if (dialect::stays_as_it_came(scan, upstream_model, stream, tier)) {
      call.request.lent_body = prompt.lend_body();
    } else {
      call.request.body =
          dialect::splice_openai_request(*prompt.openai_body(), scan, upstream_model, stream, tier);
    }
    return {};
  }
  TRY(const contract::ChatRequest* chat, prompt.chat_as(upstream_model, stream, tier));
  Result<dialect::EncodedRequest> encoded = call.dialect->encode_request(*chat);
  if (!encoded) {
    Error error = std::move(encoded).error();
    // Another endpoint may speak a dialect that has the word.
    if (error.reason == "unsupported") error.retry = Retry::kOtherTarget;
    return fail(std::move(error));
  }
  call.request.body = std::move(encoded->body);
  call.dropped = std::move(encoded->dropped);
  return {};
}

Task<Attempted> failed_attempt(Error error) { co_return attempt_failed(std::move(error)); }

Task<Attempted> run_attempt(Context ctx, http::Client* client, WireCallPtr call,
                            const Prompt& prompt, Sink* sink, AttemptTimeouts timeouts) {
  OneAttempt attempt(ctx, call.get(), prompt, sink, timeouts);
  {
    // Goes before the rest is read: a task keeps its frame until then.
    Task<Sent> sending = attempt.send(*client);
    std::optional<Attempted> out = attempt.take(co_await std::move(sending));
    if (out) co_return std::move(*out);
  }
  Task<Result<void>> reading = attempt.read();
  co_return attempt.concluded(co_await std::move(reading));
}

AttemptTimeouts::AttemptTimeouts()
    : connect_timeout(limits::kConnectTimeout),
      headers_timeout(limits::kHeadersTimeout),
      answer_timeout(limits::kAnswerTimeout),
      first_token_timeout(limits::kFirstTokenTimeout),
      between_tokens_timeout(limits::kBetweenTokensTimeout) {}

}  // namespace drover::providers
