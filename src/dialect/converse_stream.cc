// ConverseStream, both ways. Order on the wire: messageStart, blocks (start only for tool use,
// deltas, stop), messageStop, and last metadata with the usage.
#include "base/bytes.h"
#include "base/limits/contract.h"
#include "dialect/converse_wire.h"
#include "dialect/openai_wire.h"

namespace drover::dialect::converse_wire {
namespace {

using namespace contract;

class ConverseDecoder final : public StreamDecoder {
 public:
  Result<void> feed(const WireEvent& event, std::vector<StreamDelta>& out) override {
    Result<Json> json = Json::parse(event.data.empty() ? "{}" : event.data);
    if (event.exception) {
      std::string message;
      if (json) message = json->get_text("message");
      return fail(error_of(0, event.type, message));
    }
    if (!json) return fail(malformed_answer(event.type + " is " + json.error().message));
    if (!json->is_object()) return fail(malformed_answer(event.type + " is not an object"));
    if (event.type == "messageStart") {
      out.emplace_back(StreamStart{});
    } else if (event.type == "contentBlockStart" || event.type == "contentBlockDelta") {
      // The finish reason has been handed on: what comes behind it belongs to no answer.
      if (stopped_) return fail(malformed_answer(event.type + " after messageStop"));
      return event.type == "contentBlockStart" ? block_start(*json, out) : block_delta(*json, out);
    } else if (event.type == "contentBlockStop") {
      return block_stop(*json, out);
    } else if (event.type == "messageStop") {
      stopped_ = true;
      // Blocks that were never stopped end here.
      while (!without_input_.empty()) give_empty_input(*without_input_.begin(), out);
      std::string word(json->get_string("stopReason").value_or(""));
      out.emplace_back(FinishDelta{finish_of_word(word), word});
      if (const Json* fields = json->find("additionalModelResponseFields")) {
        out.emplace_back(OtherDelta{Json::object().set("additionalModelResponseFields", *fields)});
      }
    } else if (event.type == "metadata") {
      metadata(*json, out);
    }
    return {};  // kinds that are not known yet are passed over
  }
  bool ended() const override { return stopped_ && metadata_; }

 private:
  Result<int> block_of(const Json& json) {
    std::optional<int64_t> index = json.get_int("contentBlockIndex");
    if (!index || *index < 0 || *index > kBlockIndexMax) {
      return fail(malformed_answer("contentBlockIndex is missing or out of range"));
    }
    return static_cast<int>(*index);
  }

  Result<void> block_start(const Json& json, std::vector<StreamDelta>& out) {
    TRY(int block, block_of(json));
    const Json* use = json.at("start", "toolUse");
    if (use == nullptr) return {};
    if (calls_.size() >= static_cast<size_t>(limits::kToolCallsPerAnswerMax)) {
      return fail(malformed_answer("too many tool calls"));
    }
    ToolCallDelta delta;
    delta.index = static_cast<int>(calls_.size());
    delta.id = use->get_text("toolUseId");
    delta.name = use->get_text("name");
    if (!calls_.emplace(block, delta.index).second) {
      return fail(malformed_answer("a content block starts twice"));
    }
    without_input_.insert(block);
    out.emplace_back(std::move(delta));
    return {};
  }

  Result<void> block_stop(const Json& json, std::vector<StreamDelta>& out) {
    TRY(int block, block_of(json));
    if (without_input_.contains(block)) give_empty_input(block, out);
    return {};
  }

  // A call whose input never came has the input {}, as in an answer that is not streamed.
  void give_empty_input(int block, std::vector<StreamDelta>& out) {
    without_input_.erase(block);
    ToolCallDelta empty;
    empty.index = calls_.at(block);
    empty.arguments = "{}";
    out.emplace_back(std::move(empty));
  }

  Result<void> block_delta(const Json& json, std::vector<StreamDelta>& out) {
    TRY(int block, block_of(json));
    const Json* delta = json.find("delta");
    if (delta == nullptr) return fail(malformed_answer("contentBlockDelta without a delta"));
    bool is_call = delta->find("toolUse") != nullptr;
    if (!is_call && calls_.contains(block)) {
      return fail(malformed_answer("a tool use block that turns into another kind"));
    }
    if (auto text = delta->get_string("text")) {
      out.emplace_back(TextDelta{std::string(*text), block});
    } else if (const Json* use = delta->find("toolUse")) {
      auto call = calls_.find(block);
      if (call == calls_.end()) {
        return fail(malformed_answer("input for a tool use that has not started"));
      }
      ToolCallDelta fragment;
      fragment.index = call->second;
      fragment.arguments = use->get_text("input");
      if (!fragment.arguments.empty()) without_input_.erase(block);
      out.emplace_back(std::move(fragment));
    } else if (const Json* reasoning = delta->find("reasoningContent")) {
      ReasoningDelta part;
      part.block = block;
      part.text = reasoning->get_text("text");
      part.signature = reasoning->get_text("signature");
      Result<std::string> redacted =
          from_base64(reasoning->get_string("redactedContent").value_or(""));
      if (!redacted) return fail(malformed_answer("redactedContent is not base64"));
      part.redacted = std::move(*redacted);
      out.emplace_back(std::move(part));
    }
    return {};
  }

  void metadata(const Json& json, std::vector<StreamDelta>& out) {
    metadata_ = true;
    if (const Json* usage = json.find("usage")) {
      out.emplace_back(UsageDelta{usage_from_json(*usage)});
    }
    Json other = Json::object();
    for (const Json::Member& m : *json.members()) {
      if (m.first == "usage" || m.first == "p" || m.second.is_null()) continue;
      if (m.first == "serviceTier" && m.second.get_string("type")) {
        StreamStart start;
        start.service_tier = std::string(*m.second.get_string("type"));
        out.emplace_back(std::move(start));
      } else {
        other.set(m.first, m.second);
      }
    }
    if (!other.members()->empty()) out.emplace_back(OtherDelta{std::move(other)});
  }

  static constexpr int64_t kBlockIndexMax = 100'000;
  std::map<int, int> calls_;  // block to tool-call index
  std::set<int> without_input_;
  bool stopped_ = false;
  bool metadata_ = false;
};

class ConverseEncoder final : public StreamEncoder {
 public:
  void encode(const StreamDelta& delta, std::vector<WireEvent>& out) override {
    if (const auto* start = std::get_if<StreamStart>(&delta)) {
      if (!start->service_tier.empty()) tier_ = start->service_tier;
    } else if (const auto* text = std::get_if<TextDelta>(&delta)) {
      enter(Kind::kText, text->block, out);
      block_delta(block_, Json::object().set("text", text->text), out);
    } else if (const auto* reasoning = std::get_if<ReasoningDelta>(&delta)) {
      enter(Kind::kReasoning, reasoning->block, out);
      on_reasoning(*reasoning, out);
    } else if (const auto* refusal = std::get_if<RefusalDelta>(&delta)) {
      enter(Kind::kText, 0, out);
      block_delta(block_, Json::object().set("text", refusal->text), out);
    } else if (const auto* call = std::get_if<ToolCallDelta>(&delta)) {
      on_call(*call, out);
    } else if (const auto* finish = std::get_if<FinishDelta>(&delta)) {
      leave(out);
      close_calls(out);
      stop(finish_word(finish->reason, finish->native), out);
    } else if (const auto* usage = std::get_if<UsageDelta>(&delta)) {
      usage_ = usage->usage;  // goes out last, whenever it came
    } else if (const auto* other = std::get_if<OtherDelta>(&delta)) {
      if (!other->raw.is_object()) return;
      for (const Json::Member& m : *other->raw.members()) extra_.set(m.first, m.second);
    }
  }

  void finish(std::vector<WireEvent>& out) override {
    leave(out);
    close_calls(out);
    if (!stopped_) stop("end_turn", out);
    Json body = Json::object();
    if (usage_.known()) body.set("usage", usage_to_json(usage_));
    body.set("metrics", Json::object().set("latencyMs", 0));
    if (!tier_.empty()) body.set("serviceTier", Json::object().set("type", tier_));
    for (const Json::Member& m : *extra_.members()) body.set(m.first, m.second);
    send("metadata", std::move(body), out);
  }

  void error(const Error& error, std::vector<WireEvent>& out) override {
    // Streams know five exceptions; the others of the table come only before the stream.
    std::string name(exception_of(error).name);
    if (name == "ModelErrorException" || name == "ModelTimeoutException") {
      name = "ModelStreamErrorException";
    } else if (name == "ModelNotReadyException") {
      name = "ServiceUnavailableException";
    } else if (name != "ThrottlingException" && name != "ValidationException" &&
               name != "ServiceUnavailableException" && name != "ModelStreamErrorException") {
      name = "InternalServerException";
    }
    name[0] = static_cast<char>(name[0] - 'A' + 'a');
    WireEvent event;
    event.type = std::move(name);
    event.data = Json::object().set("message", error.message).dump();
    event.exception = true;
    out.push_back(std::move(event));
  }

 private:
  enum class Kind : uint8_t { kNone, kText, kReasoning };

  void send(const char* type, Json body, std::vector<WireEvent>& out) {
    // The service pads its events so that their length tells nothing.
    constexpr std::string_view kPadding =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    body.set("p", kPadding.substr(0, 4 + (sent_++ * 7) % 40));
    out.push_back(WireEvent{type, body.dump(), false});
  }

  void open(std::vector<WireEvent>& out) {
    if (opened_) return;
    opened_ = true;
    send("messageStart", Json::object().set("role", "assistant"), out);
  }

  // Makes sure that the open block is the one the delta belongs to.
  void enter(Kind kind, int key, std::vector<WireEvent>& out) {
    open(out);
    if (kind_ == kind && key_ == key) return;
    leave(out);
    kind_ = kind;
    key_ = key;
    block_ = next_block_++;
  }
  void leave(std::vector<WireEvent>& out) {
    open(out);
    if (kind_ != Kind::kNone) close_block(block_, out);
    kind_ = Kind::kNone;
  }
  void close_calls(std::vector<WireEvent>& out) {
    for (int block : open_calls_) close_block(block, out);
    open_calls_.clear();
  }

  void close_block(int block, std::vector<WireEvent>& out) {
    send("contentBlockStop", Json::object().set("contentBlockIndex", block), out);
  }

  void block_delta(int block, Json delta, std::vector<WireEvent>& out) {
    Json body = Json::object();
    body.set("contentBlockIndex", block).set("delta", std::move(delta));
    send("contentBlockDelta", std::move(body), out);
  }

  void on_reasoning(const ReasoningDelta& r, std::vector<WireEvent>& out) {
    auto one = [&](const char* key, std::string value) {
      Json content = Json::object().set(key, std::move(value));
      block_delta(block_, Json::object().set("reasoningContent", std::move(content)), out);
    };
    if (!r.text.empty()) one("text", r.text);
    if (!r.signature.empty()) one("signature", r.signature);
    if (!r.redacted.empty()) one("redactedContent", to_base64(r.redacted));
  }

  // Parallel calls may come interleaved; their blocks stay open side by side, as each delta names
  // its block.
  void on_call(const ToolCallDelta& call, std::vector<WireEvent>& out) {
    open(out);
    auto known = calls_.find(call.index);
    if (known == calls_.end()) {
      leave(out);
      known = calls_.emplace(call.index, next_block_++).first;
      open_calls_.push_back(known->second);
      Json use = Json::object();
      use.set("toolUseId", call.id).set("name", call.name);
      Json body = Json::object();
      body.set("contentBlockIndex", known->second);
      body.set("start", Json::object().set("toolUse", std::move(use)));
      send("contentBlockStart", std::move(body), out);
    }
    if (call.arguments.empty()) return;
    Json use = Json::object().set("input", call.arguments);
    block_delta(known->second, Json::object().set("toolUse", std::move(use)), out);
  }

  void stop(std::string_view word, std::vector<WireEvent>& out) {
    stopped_ = true;
    send("messageStop", Json::object().set("stopReason", word), out);
  }

  bool opened_ = false;
  bool stopped_ = false;
  Kind kind_ = Kind::kNone;
  int key_ = 0;
  int block_ = 0;  // of the open text or reasoning block
  int next_block_ = 0;
  size_t sent_ = 0;
  std::map<int, int> calls_;  // call index to block
  std::vector<int> open_calls_;
  std::string tier_;
  Usage usage_;
  Json extra_ = Json::object();
};

}  // namespace

std::unique_ptr<StreamDecoder> make_stream_decoder() { return std::make_unique<ConverseDecoder>(); }
std::unique_ptr<StreamEncoder> make_stream_encoder() { return std::make_unique<ConverseEncoder>(); }

}  // namespace drover::dialect::converse_wire
