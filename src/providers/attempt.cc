#include "providers/attempt.h"

#include "base/bytes.h"
#include "base/limits/http.h"
#include "base/limits/road.h"
#include "providers/attempt_errors.h"
#include "providers/attempt_stream.h"

namespace drover::providers {
namespace {

/// A head is an answer's if it is 2xx and of the media type that was asked for.
bool is_expected_type(std::string_view content_type, const WireCall& call) {
  // Some local servers send none.
  if (content_type.empty()) return true;
  std::string type = to_lower(trim(content_type.substr(0, content_type.find(';'))));
  if (!call.stream) return type.ends_with("json");
  if (call.dialect->framing() == dialect::Framing::kEventStream) {
    return type == "application/vnd.amazon.eventstream";
  }
  return type == "text/event-stream";
}

void take_headers(const http::ResponseHead& head, Answer& answer) {
  for (const auto& [name, value] : head.headers.fields()) {
    // Header names arrive in any case. All that matter here begin so; the rest is not looked at.
    char first = name.empty() ? ' ' : static_cast<char>(name[0] | 0x20);
    if (first != 'x' && first != 'a' && first != 'r') continue;
    std::string lower = to_lower(name);
    if (lower == "x-request-id" || lower == "apim-request-id" || lower == "x-amzn-requestid" ||
        lower == "request-id") {
      // Azure sends several: the first is the one its support asks for.
      if (answer.response.request_id.empty()) answer.response.request_id = value;
    } else if (lower.starts_with("x-ratelimit-")) {
      answer.rate_limits.add(std::move(lower), value);
    } else if (lower.starts_with("x-ms-region") || lower.starts_with("x-ms-deployment") ||
               lower.starts_with("x-ms-spillover")) {
      answer.facts.add(std::move(lower), value);
    }
  }
}

void take_glance(dialect::OpenAiGlance&& glance, contract::ChatResponse& response) {
  response.id = std::move(glance.id);
  response.model = std::move(glance.model);
  response.system_fingerprint = std::move(glance.system_fingerprint);
  response.service_tier = std::move(glance.service_tier);
  if (glance.usage) response.usage = *glance.usage;
  response.finish_reason = glance.finish_reason.value_or(contract::FinishReason::kUnknown);
  response.native_finish_reason = std::move(glance.native_finish_reason);
}

/// Takes in the body of an answer that is not streamed.
Result<void> take_answer(std::string body, const WireCall& call, Answer& answer) {
  if (call.passthrough) {
    Result<dialect::OpenAiGlance> glance = dialect::glance_openai(body);
    if (!glance) return fail(malformed(std::move(glance).error()));
    if (glance->is_error) {
      std::string text = without_secrets(std::move(body), call.secrets);
      return fail(error_in_answer(*call.dialect, text));
    }
    take_glance(std::move(*glance), answer.response);
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

/// The same of one that is still arriving.
Task<Result<void>> read_answer(Context ctx, http::ClientResponse* response, const WireCall* call,
                               Answer* answer) {
  Result<std::string> body = co_await response->read_all(ctx, limits::kHttpAnswerBytesMax);
  if (!body) {
    Error error = std::move(body).error();
    if (error.code == Code::kResourceExhausted) {
      error.reason = "answer_too_large";
      error.retry = Retry::kNever;
    }
    co_return fail(std::move(error));
  }
  co_return take_answer(std::move(*body), *call, *answer);
}

/// Reads what an answer that is no success says.
Task<Error> read_refusal(Context ctx, http::ClientResponse* response, const WireCall* call) {
  Context bounded = ctx.with_timeout(limits::kConnectTimeout);
  std::string body;
  while (body.size() < limits::kErrorAnswerBytesMax) {
    Result<std::string_view> part = co_await response->read_some(bounded);
    // Half an error text is still an error text: the status has said enough.
    if (!part || part->empty()) break;
    body += part->substr(0, limits::kErrorAnswerBytesMax - body.size());
  }
  body = without_secrets(std::move(body), call->secrets);
  co_return refusal(*call->dialect, response->head(), body, ctx.loop().wall());
}

void note_times(const http::ClientTiming& timing, MonoTime now, AttemptTiming& out) {
  if (timing.connected > timing.started) out.connect = timing.connected - timing.started;
  MonoTime sent = std::max(timing.sent, timing.connected);
  MonoTime head = timing.first_byte == MonoTime() ? now : timing.first_byte;
  if (head > sent) out.headers = head - sent;
}

AttemptError failed(Error error, const WireCall& call, const Context& ctx, MonoTime started) {
  AttemptError out;
  out.error = without_secrets(std::move(error), call.secrets);
  out.timing.total = ctx.loop().mono() - started;
  return out;
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
    call.request.body = dialect::splice_openai_request(*prompt.openai_body(), *prompt.scan(),
                                                       upstream_model, stream, tier);
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

Task<Attempted> run_attempt(Context ctx, http::Client* client, WireCall call, const Prompt& prompt,
                            Sink* sink, AttemptOptions options) {
  MonoTime started = ctx.loop().mono();
  call.request.connect_timeout = options.connect_timeout;
  call.request.headers_timeout = call.stream ? options.headers_timeout : options.answer_timeout;
  bool limited = options.total_timeout > Duration::zero();
  Context whole = limited ? ctx.with_deadline(started + options.total_timeout) : ctx;
  // A stream's head may come at once and its first token late, or both late: one clock for both.
  Context first = call.stream ? whole.with_deadline(started + options.first_token_timeout) : whole;
  http::ClientRequest request = std::move(call.request);
  Result<std::unique_ptr<http::ClientResponse>> sent =
      co_await client->send(first, std::move(request));
  if (!sent) {
    AttemptError error =
        failed(transport_error(std::move(sent).error(), ctx, "headers"), call, ctx, started);
    bool connecting = error.error.reason == "connect" || error.error.reason == "tls";
    (connecting ? error.timing.connect : error.timing.headers) = error.timing.total;
    co_return tl::unexpected<AttemptError>(std::move(error));
  }
  std::unique_ptr<http::ClientResponse> response = std::move(*sent);
  auto made = std::make_unique<Answer>();
  Answer& answer = *made;
  answer.dropped = std::move(call.dropped);
  note_times(response->timing(), ctx.loop().mono(), answer.timing);
  take_headers(response->head(), answer);
  int status = response->head().status;
  std::string_view type = response->head().headers.get("content-type").value_or("");

  Result<void> read;
  // Not in the frame: it is large, and most calls need none.
  std::unique_ptr<StreamReader> reader;
  if (call.stream) {
    reader = std::make_unique<StreamReader>(ctx, whole, call, prompt, sink, options, started);
  }
  if (status < 200 || status > 299 || !is_expected_type(type, call)) {
    Error error = co_await read_refusal(first, response.get(), &call);
    read = fail(std::move(error));
  } else if (call.stream) {
    read = co_await reader->read(response.get(), &answer);
  } else {
    std::optional<std::string> body = response->take_buffered(limits::kHttpAnswerBytesMax);
    if (body) {
      read = take_answer(std::move(*body), call, answer);
    } else {
      read = co_await read_answer(whole, response.get(), &call, &answer);
    }
    if (!read) read = fail(transport_error(std::move(read).error(), ctx, "answer"));
  }
  answer.timing.total = ctx.loop().mono() - started;
  if (!read) {
    AttemptError error = failed(std::move(read).error(), call, ctx, started);
    error.visible = answer.visible;
    error.usage = answer.response.usage;
    error.timing = answer.timing;
    co_return tl::unexpected<AttemptError>(std::move(error));
  }
  if (!call.stream) answer.timing.first_token = answer.timing.total;
  co_return std::move(made);
}

AttemptOptions::AttemptOptions()
    : connect_timeout(limits::kConnectTimeout),
      headers_timeout(limits::kHeadersTimeout),
      answer_timeout(limits::kAnswerTimeout),
      first_token_timeout(limits::kFirstTokenTimeout),
      between_tokens_timeout(limits::kBetweenTokensTimeout) {}

}  // namespace drover::providers
