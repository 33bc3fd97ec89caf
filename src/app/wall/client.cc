#include "app/wall/client.h"

#include "async/sync.h"
#include "base/bytes.h"
#include "base/json.h"
#include "http/sse.h"

namespace drover::app::wall {
namespace {

using sim::wall::Conduct;
using sim::wall::End;
using sim::wall::Seen;

constexpr size_t kBodyBytesMax = size_t{256} << 20;
constexpr size_t kErrorBytesMax = size_t{1} << 20;

std::string body_of(const Call& call) {
  Json message = Json::object().set("role", "user").set("content", "What of the wall?");
  Json body = Json::object();
  body.set("model", call.model).set("messages", Json(Json::Array{std::move(message)}));
  if (call.stream) body.set("stream", true);
  if (call.max_tokens) body.set("max_tokens", *call.max_tokens);
  return body.dump();
}

std::string text_of(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  if (value == nullptr) return {};
  if (value->is_string()) return *value->string();
  return value->is_number() ? value->raw_number()->text : std::string();
}

/// False if it is no error.
bool take_error(const Json& json, Seen& seen) {
  const Json* error = json.find("error");
  if (error == nullptr || error->is_null()) return false;
  if (error->is_object()) {
    seen.error_type = text_of(*error, "type");
    seen.error_code = text_of(*error, "code");
    seen.message = text_of(*error, "message");
  } else if (error->is_string()) {
    seen.message = *error->string();
  }
  return true;
}

void take_tool_calls(const Json& message, Seen& seen) {
  const Json* calls = message.find("tool_calls");
  if (calls == nullptr || !calls->is_array()) return;
  for (const Json& call : *calls->array_items()) {
    const Json* function = call.find("function");
    if (function != nullptr) seen.tool_arguments += text_of(*function, "arguments");
  }
}

/// One chunk of a stream, or a whole body.
void take_choice(const Json& json, const char* part, Seen& seen) {
  const Json* choices = json.find("choices");
  if (choices == nullptr || !choices->is_array() || choices->array_items()->empty()) return;
  const Json& choice = choices->array_items()->front();
  if (const Json* message = choice.find(part)) {
    seen.text += text_of(*message, "content");
    take_tool_calls(*message, seen);
  }
  std::string reason = text_of(choice, "finish_reason");
  if (!reason.empty()) seen.finish_reason = reason;
}

/// Reads a body to its end, its breaking off, or the end of patience.
class WallReader {
 public:
  WallReader(const Context& ctx, const Call& call, http::ClientResponse& response, Seen& seen,
             MonoTime started)
      : ctx_(ctx), call_(call), response_(response), seen_(seen), started_(started) {}

  Task<void> read_stream() {
    while (!done_) {
      Result<std::string_view> part = co_await response_.read_some(ctx_);
      if (!part) {
        seen_.end = ended_badly(part.error());
        co_return;
      }
      if (part->empty()) break;
      sse_.feed(*part);
      take_events();
      if (seen_.first_text == Duration::zero() || conduct_done_) continue;
      conduct_done_ = true;
      if (call_.conduct == Conduct::kLeaves) {
        response_.abort();
        seen_.end = End::kLeft;
        co_return;
      }
      if (call_.conduct == Conduct::kSlow) {
        Result<void> slept = co_await async::sleep_for(ctx_, sim::wall::kSlowPause);
        (void)slept;
        if (call_.on_resume) call_.on_resume();
      }
    }
    if (error_) {
      seen_.end = End::kError;
    } else if (done_ && !seen_.finish_reason.empty()) {
      seen_.end = End::kWhole;
    } else {
      seen_.end = End::kSilent;
    }
  }

  Task<void> read_body() {
    bool refused = seen_.status >= 400;
    size_t most = refused ? kErrorBytesMax : kBodyBytesMax;
    Result<std::string> body = co_await response_.read_all(ctx_, most);
    if (!body) {
      seen_.end = ended_badly(body.error());
      co_return;
    }
    Result<Json> json = Json::parse(*body);
    if (refused) {
      seen_.end = End::kError;
      if (!json || !take_error(*json, seen_)) seen_.message = body->substr(0, 200);
      co_return;
    }
    seen_.end = End::kSilent;
    if (!json) co_return;
    if (take_error(*json, seen_)) {
      seen_.end = End::kError;
      co_return;
    }
    take_choice(*json, "message", seen_);
    if (!seen_.finish_reason.empty()) seen_.end = End::kWhole;
  }

 private:
  End ended_badly(const Error& error) {
    if (error_) return End::kError;
    seen_.message = error.message;
    return error.code == Code::kDeadlineExceeded ? End::kNothing : End::kBroken;
  }

  void take_events() {
    while (!done_) {
      Result<const http::SseEvent*> event = sse_.next();
      if (!event || *event == nullptr) return;
      ++seen_.events;
      std::string_view data = trim((*event)->data);
      if (data == "[DONE]") {
        done_ = true;
        return;
      }
      Result<Json> json = Json::parse(data);
      if (!json) continue;
      if (take_error(*json, seen_)) error_ = true;
      take_choice(*json, "delta", seen_);
      bool said = !seen_.text.empty() || !seen_.tool_arguments.empty();
      if (said && seen_.first_text == Duration::zero()) {
        seen_.first_text = ctx_.loop().mono() - started_;
      }
    }
  }

  const Context& ctx_;
  const Call& call_;
  http::ClientResponse& response_;
  Seen& seen_;
  MonoTime started_;
  http::SseParser sse_;
  bool done_ = false;
  bool error_ = false;
  bool conduct_done_ = false;
};

bool is_stream(const http::ResponseHead& head) {
  std::string_view type = head.headers.get("content-type").value_or("");
  return to_lower(type).starts_with("text/event-stream");
}

}  // namespace

Task<Seen> ask(Context ctx, http::Client* client, Call call) {
  Seen seen;
  MonoTime started = ctx.loop().mono();
  Context patient = ctx.with_timeout(call.patience);
  Result<http::Url> url = http::Url::parse(call.url + "/chat/completions");
  if (!url) {
    seen.message = url.error().message;
    co_return seen;
  }
  http::ClientRequest request;
  request.url = std::move(*url);
  request.policy.allow_private = true;  // the person named the gateway
  request.headers.add("content-type", "application/json");
  if (!call.key.empty()) request.headers.add("authorization", "Bearer " + call.key);
  for (const auto& [name, value] : call.headers) request.headers.add(name, value);
  request.headers_timeout = call.patience;
  request.body = body_of(call);
  Result<std::unique_ptr<http::ClientResponse>> response = co_await client->send(patient, request);
  if (!response) {
    const Error& error = response.error();
    seen.end = error.code == Code::kDeadlineExceeded ? End::kNothing : End::kBroken;
    seen.message = error.message;
    seen.took = ctx.loop().mono() - started;
    co_return seen;
  }
  seen.status = (*response)->head().status;
  WallReader reader(patient, call, **response, seen, started);
  if (seen.status < 400 && is_stream((*response)->head())) {
    co_await reader.read_stream();
  } else {
    co_await reader.read_body();
  }
  seen.took = ctx.loop().mono() - started;
  co_return seen;
}

}  // namespace drover::app::wall
