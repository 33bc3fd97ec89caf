#include "sim/wall/script.h"

#include <cstdio>

#include "base/json.h"
#include "http/message.h"

namespace drover::sim::wall {
namespace {

std::string head(int status, std::string_view type, std::string_view framing,
                 std::string_view headers) {
  std::string out = "HTTP/1.1 " + std::to_string(status) + " ";
  out += http::reason_phrase(status);
  out += "\r\ncontent-type: ";
  out += type;
  out += "\r\nconnection: close\r\n";
  out += framing;
  out += "\r\n";
  out += headers;
  return out + "\r\n";
}

constexpr std::string_view kUsage =
    R"("usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12})";

}  // namespace

std::string chunked(std::string_view bytes) {
  char size[20];
  std::snprintf(size, sizeof(size), "%zx\r\n", bytes.size());
  std::string out = size;
  out += bytes;
  return out + "\r\n";
}

std::string sse_event(std::string_view data) { return "data: " + std::string(data) + "\n\n"; }

std::string text_delta(std::string_view text) {
  std::string out = R"({"content":)";
  append_json_string(out, text);
  return out + "}";
}

std::string chunk_json(std::string_view delta, std::string_view finish_reason) {
  std::string out =
      R"({"id":"chatcmpl-wall","object":"chat.completion.chunk","created":1700000000,)"
      R"("model":"wall","choices":[{"index":0,"delta":)";
  out += delta;
  out += R"(,"finish_reason":)";
  if (finish_reason.empty()) {
    out += "null";
  } else {
    append_json_string(out, finish_reason);
  }
  return out + "}]}";
}

std::string completion_json(std::string_view text, std::string_view finish_reason,
                            std::string_view message) {
  std::string out =
      R"({"id":"chatcmpl-wall","object":"chat.completion","created":1700000000,"model":"wall",)"
      R"("choices":[{"index":0,"message":{"role":"assistant","content":)";
  append_json_string(out, text);
  out += message;
  out += R"(},"finish_reason":)";
  append_json_string(out, finish_reason);
  out += "}],";
  out += kUsage;
  return out + "}";
}

std::string error_json(std::string_view message, std::string_view type, std::string_view code) {
  Json error = Json::object();
  error.set("message", message).set("type", type).set("param", nullptr).set("code", code);
  return Json::object().set("error", std::move(error)).dump();
}

Script Script::json(int status, std::string_view body, std::string_view headers) {
  Script out;
  std::string framing = "content-length: " + std::to_string(body.size());
  out.send(head(status, "application/json", framing, headers) + std::string(body));
  return out;
}

Script Script::stream() {
  Script out;
  out.send(head(200, "text/event-stream", "transfer-encoding: chunked", ""));
  out.event(chunk_json(R"({"role":"assistant","content":""})"));
  return out;
}

Script& Script::add(Step::Kind kind, std::string bytes, Duration time, size_t times) {
  Step step;
  step.kind = kind;
  step.bytes = std::move(bytes);
  step.time = time;
  step.times = times;
  steps_.push_back(std::move(step));
  return *this;
}

Script& Script::send(std::string bytes) {
  return add(Step::Kind::kSend, std::move(bytes), Duration::zero(), 1);
}
Script& Script::trickle(std::string bytes, Duration between) {
  return add(Step::Kind::kTrickle, std::move(bytes), between, 1);
}
Script& Script::flood(std::string bytes, size_t times, Duration between) {
  return add(Step::Kind::kFlood, std::move(bytes), between, times);
}
Script& Script::pause(Duration time) { return add(Step::Kind::kPause, "", time, 1); }
Script& Script::hold() { return add(Step::Kind::kHold, "", Duration::zero(), 1); }
Script& Script::reset() { return add(Step::Kind::kReset, "", Duration::zero(), 1); }

Script& Script::event(std::string_view data) { return send(chunked(sse_event(data))); }
Script& Script::delta(std::string_view text) { return event(chunk_json(text_delta(text))); }

Script& Script::done(std::string_view finish_reason, bool usage) {
  event(chunk_json("{}", finish_reason));
  if (usage) {
    std::string last =
        R"({"id":"chatcmpl-wall","object":"chat.completion.chunk","created":1700000000,)"
        R"("model":"wall","choices":[],)";
    last += kUsage;
    event(last + "}");
  }
  event("[DONE]");
  return end_of_body();
}

Script& Script::end_of_body() { return send("0\r\n\r\n"); }

std::string Script::bytes() const {
  std::string out;
  for (const Step& step : steps_) {
    if (step.kind == Step::Kind::kSend) out += step.bytes;
  }
  return out;
}

Script whole_answer(bool stream, std::string_view text) {
  if (!stream) return Script::json(200, completion_json(text));
  // Word by word, as models do.
  Script out = Script::stream();
  size_t begin = 0;
  while (begin < text.size()) {
    size_t space = text.find(' ', begin);
    size_t end = space == std::string_view::npos ? text.size() : space + 1;
    out.delta(text.substr(begin, end - begin));
    begin = end;
  }
  return out.done();
}

}  // namespace drover::sim::wall
