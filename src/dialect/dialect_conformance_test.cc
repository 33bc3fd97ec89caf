// Runs every golden vector of contract/vectors/dialect/<dialect>/ in both directions. A vector's
// `wire` is what travels, `neutral` what it means; unless `encodes_to` says otherwise, the neutral
// form encodes to the same wire again. With DROVER_UPDATE_VECTORS=1 a vector without `neutral` gets
// the one that was found: read it before you commit it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/bytes.h"
#include "dialect/dialect.h"

namespace drover::dialect {
namespace {

using namespace contract;
namespace fs = std::filesystem;

Json neutral_of(const ToolDefinition& tool) {
  Json out = Json::object();
  out.set("name", tool.name).set("description", tool.description);
  out.set("parameters", tool.parameters);
  if (tool.strict) out.set("strict", *tool.strict);
  if (!tool.extra.empty()) out.set("extra", Json(tool.extra));
  return out;
}

Json neutral_of(const ChatRequest& r) {
  Json out = Json::object();
  out.set("model", r.model);
  Json messages = Json::array();
  for (const Message& m : r.messages) messages.push(to_json(m));
  out.set("messages", std::move(messages));
  Json tools = Json::array();
  for (const ToolDefinition& tool : r.tools) tools.push(neutral_of(tool));
  if (!r.tools.empty()) out.set("tools", std::move(tools));
  constexpr const char* kModes[] = {"unset", "auto", "none", "required", "named"};
  if (r.tool_choice.mode != ToolChoice::Mode::kUnset) {
    out.set("tool_choice", std::string(kModes[static_cast<int>(r.tool_choice.mode)]) +
                               (r.tool_choice.name.empty() ? "" : ":" + r.tool_choice.name));
  }
  if (r.parallel_tool_calls) out.set("parallel_tool_calls", *r.parallel_tool_calls);
  if (r.max_tokens) out.set("max_tokens", *r.max_tokens);
  if (!r.max_tokens_name.empty()) out.set("max_tokens_name", r.max_tokens_name);
  if (r.temperature) out.set("temperature", *r.temperature);
  if (r.top_p) out.set("top_p", *r.top_p);
  if (!r.stop.empty()) out.set("stop", Json::Array(r.stop.begin(), r.stop.end()));
  if (r.seed) out.set("seed", *r.seed);
  if (r.n) out.set("n", *r.n);
  if (!r.response_format.is_null()) out.set("response_format", r.response_format);
  if (r.stream) out.set("stream", true);
  if (r.include_usage) out.set("include_usage", true);
  if (!r.user.empty()) out.set("user", r.user);
  if (!r.extra.empty()) out.set("extra", Json(r.extra));
  return out;
}

Json neutral_of(const ChatResponse& r) {
  Json out = Json::object();
  if (!r.id.empty()) out.set("id", r.id);
  if (!r.model.empty()) out.set("model", r.model);
  if (!r.system_fingerprint.empty()) out.set("system_fingerprint", r.system_fingerprint);
  if (r.created != 0) out.set("created", r.created);
  out.set("message", to_json(r.message));
  out.set("finish_reason", finish_reason_name(r.finish_reason));
  out.set("native_finish_reason", r.native_finish_reason);
  out.set("usage", to_json(r.usage));
  if (!r.service_tier.empty()) out.set("service_tier", r.service_tier);
  if (!r.extra.empty()) out.set("extra", Json(r.extra));
  return out;
}

Json neutral_of(const Error& e) {
  Json out = Json::object();
  out.set("code", code_name(e.code)).set("retry", retry_name(e.retry)).set("reason", e.reason);
  if (e.retry_after) out.set("retry_after_ms", e.retry_after->count() / 1'000'000);
  out.set("message", e.message);
  return out;
}

std::string text_of(const Json& value) {
  return value.is_string() ? *value.string() : value.dump();
}

class Vector {
 public:
  Vector(const Dialect& dialect, fs::path path) : dialect_(dialect), path_(std::move(path)) {
    std::ifstream file(path_);
    std::ostringstream text;
    text << file.rdbuf();
    auto parsed = Json::parse(text.str());
    if (parsed) json_ = std::move(*parsed);
  }

  void run() {
    std::string kind(json_.get_string("kind").value_or("?"));
    if (kind == "request") {
      request();
    } else if (kind == "response") {
      response();
    } else if (kind == "stream") {
      stream();
    } else if (kind == "error") {
      error();
    } else if (kind == "refused") {
      refused();
    } else {
      ADD_FAILURE() << "a vector of the kind " << kind;
    }
  }

 private:
  const Json& wire() { return *json_.find("wire"); }

  void expect_neutral(const Json& got) {
    const Json* want = json_.find("neutral");
    if (want == nullptr && std::getenv("DROVER_UPDATE_VECTORS") != nullptr) {
      json_.set("neutral", got);
      std::ofstream(path_) << json_.pretty() << "\n";
      return;
    }
    ASSERT_NE(want, nullptr) << "no neutral form";
    EXPECT_TRUE(want->same_value(got)) << "want " << want->dump() << "\ngot  " << got.dump();
  }

  void expect_wire(const std::string& got) {
    const Json* other = json_.find("encodes_to");
    const Json& want = other == nullptr ? wire() : *other;
    auto parsed = Json::parse(got);
    ASSERT_TRUE(parsed) << got;
    EXPECT_TRUE(want.same_value(*parsed)) << "want " << want.dump() << "\ngot  " << got;
  }

  void request() {
    auto decoded = dialect_.decode_request(wire().dump());
    ASSERT_TRUE(decoded) << decoded.error().message;
    expect_neutral(neutral_of(*decoded));
    auto encoded = dialect_.encode_request(*decoded);
    ASSERT_TRUE(encoded) << encoded.error().message;
    expect_wire(encoded->body);
    Json dropped = Json::array();
    for (const std::string& name : encoded->dropped) dropped.push(name);
    const Json* want = json_.find("dropped");
    EXPECT_EQ(dropped.dump(), want == nullptr ? "[]" : want->dump());
    auto again = dialect_.decode_request(encoded->body);
    ASSERT_TRUE(again) << again.error().message;
    if (want == nullptr) {
      EXPECT_EQ(neutral_of(*again).dump(), neutral_of(*decoded).dump());
    }
  }

  // Servers differ in nulls and in what they leave out: the answer that we write must mean the
  // same, not look the same.
  void response() {
    auto decoded = dialect_.decode_response(wire().dump());
    if (!decoded) {
      expect_neutral(Json::object().set("error", neutral_of(decoded.error())));
      return;
    }
    expect_neutral(neutral_of(*decoded));
    auto again = dialect_.decode_response(dialect_.encode_response(*decoded));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(neutral_of(*again).same_value(neutral_of(*decoded)))
        << "want " << neutral_of(*decoded).dump() << "\ngot  " << neutral_of(*again).dump();
  }

  Result<ChatResponse> read_stream(const std::vector<WireEvent>& events,
                                   std::vector<StreamDelta>& deltas, bool& ended) {
    auto decoder = dialect_.make_stream_decoder();
    StreamAssembler assembler;
    for (const WireEvent& event : events) {
      std::vector<StreamDelta> some;
      TRY_VOID(decoder->feed(event, some));
      for (const StreamDelta& d : some) assembler.add(d);
      deltas.insert(deltas.end(), some.begin(), some.end());
    }
    ended = decoder->ended();
    return assembler.take();
  }

  void stream() {
    std::vector<WireEvent> events;
    for (const Json& item : *wire().array_items()) {
      WireEvent event;
      event.type = item.get_text("type");
      event.data = text_of(*item.find("data"));
      event.exception = item.get_bool("exception").value_or(false);
      events.push_back(std::move(event));
    }
    std::vector<StreamDelta> deltas;
    bool ended = false;
    auto decoded = read_stream(events, deltas, ended);
    const Json* fails = json_.find("fails");
    ASSERT_EQ(decoded.has_value(), fails == nullptr);
    EXPECT_EQ(ended, *json_.get_bool("ended"));
    if (!decoded) {
      EXPECT_EQ(code_name(decoded.error().code), *fails->get_string("code"));
      EXPECT_EQ(decoded.error().reason, *fails->get_string("reason"));
      expect_error_inside(decoded.error());
      return;
    }
    expect_neutral(neutral_of(*decoded));
    if (!ended) return;
    ChatRequest request;
    request.include_usage = true;
    auto encoder = dialect_.make_stream_encoder(request);
    std::vector<WireEvent> ours;
    for (const StreamDelta& d : deltas) encoder->encode(d, ours);
    encoder->finish(ours);
    std::vector<StreamDelta> again_deltas;
    auto again = read_stream(ours, again_deltas, ended);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(ended);
    EXPECT_TRUE(neutral_of(*again).same_value(neutral_of(*decoded)))
        << "want " << neutral_of(*decoded).dump() << "\ngot  " << neutral_of(*again).dump();
  }

  // The same error, sent by our own encoder, is read as the same error.
  void expect_error_inside(const Error& error) {
    if (error.code == Code::kDataLoss) return;  // nobody sends that on purpose
    ChatRequest request;
    auto encoder = dialect_.make_stream_encoder(request);
    std::vector<WireEvent> ours;
    encoder->error(error, ours);
    ASSERT_EQ(ours.size(), 1u);
    std::vector<StreamDelta> deltas;
    auto fed = dialect_.make_stream_decoder()->feed(ours[0], deltas);
    ASSERT_FALSE(fed);
    EXPECT_EQ(fed.error().reason, error.reason);
    EXPECT_EQ(fed.error().code, error.code);
  }

  static HeaderLookup lookup(std::vector<std::pair<std::string, std::string>> headers) {
    return [headers = std::move(headers)](std::string_view name) -> std::optional<std::string> {
      for (const auto& [key, value] : headers) {
        if (iequals(key, name)) return value;
      }
      return std::nullopt;
    };
  }

  void error() {
    std::vector<std::pair<std::string, std::string>> headers;
    for (const Json::Member& m : *wire().find("headers")->members()) {
      headers.emplace_back(m.first, *m.second.string());
    }
    int status = static_cast<int>(*wire().get_int("status"));
    Error first = dialect_.classify_error(status, lookup(headers), text_of(*wire().find("body")));
    expect_neutral(neutral_of(first));
    EncodedError encoded = dialect_.encode_error(first);
    Error again = dialect_.classify_error(encoded.status, lookup(encoded.headers), encoded.body);
    EXPECT_EQ(code_name(again.code), code_name(first.code)) << encoded.body;
    EXPECT_EQ(again.reason, first.reason) << encoded.body;
  }

  void refused() {
    const Dialect* from = find(*json_.get_string("from"));
    auto decoded = from->decode_request(wire().dump());
    ASSERT_TRUE(decoded) << decoded.error().message;
    auto encoded = dialect_.encode_request(*decoded);
    ASSERT_FALSE(encoded) << encoded->body;
    EXPECT_EQ(encoded.error().reason, *json_.get_string("reason"));
    EXPECT_NE(encoded.error().message.find(*json_.get_string("says")), std::string::npos)
        << encoded.error().message;
  }

  const Dialect& dialect_;
  fs::path path_;
  Json json_;
};

TEST(Conformance, EveryVectorBothWays) {
  int count = 0;
  fs::path root = DROVER_SOURCE_DIR "/contract/vectors/dialect";
  for (const auto& folder : fs::directory_iterator(root)) {
    const Dialect* dialect = find(folder.path().filename().string());
    ASSERT_NE(dialect, nullptr) << folder.path();
    for (const auto& entry : fs::directory_iterator(folder.path())) {
      SCOPED_TRACE(entry.path().filename().string());
      Vector(*dialect, entry.path()).run();
      ++count;
    }
  }
  EXPECT_GE(count, 60);
}

}  // namespace
}  // namespace drover::dialect
