// Chat completions streams, both ways: chunks in server-sent events, closed by [DONE].
#include <map>

#include "dialect/members.h"
#include "dialect/openai_wire.h"

namespace drover::dialect {
namespace {

using namespace contract;

constexpr std::string_view kDone = "[DONE]";

// Members of `json` but the named ones and those that say nothing.
Json rest_of(const Json& json, std::initializer_list<std::string_view> known) {
  Json out = Json::object();
  for (const Json::Member& m : *json.members()) {
    if (!is_one_of(m.first, known) && !is_nothing(m.second)) out.set(m.first, m.second);
  }
  return out;
}

class OpenAiDecoder final : public StreamDecoder {
 public:
  Result<void> feed(const WireEvent& event, std::vector<StreamDelta>& out) override {
    if (event.data.empty()) return {};  // a bare "event:" line or keep-alive
    if (event.data == kDone) {
      ended_ = true;
      return {};
    }
    Result<Json> json = Json::parse(event.data);
    if (!json) return fail(malformed_answer("a stream event is " + json.error().message));
    if (!json->is_object()) return fail(malformed_answer("a stream event is not a JSON object"));
    if (event.type == "error" || openai_wire::is_error_body(*json)) {
      return fail(openai_wire::error_of(0, HeaderLookup(), openai_wire::read_error_body(*json)));
    }
    return read_chunk(*json, out);
  }
  bool ended() const override { return ended_; }

 private:
  Result<void> read_chunk(const Json& json, std::vector<StreamDelta>& out) {
    read_start(json, out);
    Json other = rest_of(json, {"id", "object", "created", "model", "system_fingerprint",
                                "service_tier", "choices", "usage", "obfuscation"});
    if (const Json* choices = json.find("choices"); choices != nullptr && !choices->is_null()) {
      const Json::Array* items = choices->array_items();
      if (items == nullptr) return fail(malformed_answer("choices must be an array"));
      for (const Json& choice : *items) {
        if (!choice.is_object()) return fail(malformed_answer("a choice must be an object"));
        if (choice.get_int("index").value_or(0) != 0) {
          other.set("other_choices", Json::array().push(choice));
        } else {
          TRY_VOID(read_choice(choice, other, out));
        }
      }
    }
    if (!other.members()->empty()) out.emplace_back(OtherDelta{std::move(other)});
    if (const Json* usage = json.find("usage"); usage != nullptr && usage->is_object()) {
      out.emplace_back(UsageDelta{openai_wire::usage_from_json(*usage)});
    }
    return {};
  }

  // Azure's first chunk has an empty id and model: the start is told again once they are known.
  void read_start(const Json& json, std::vector<StreamDelta>& out) {
    std::string tier = json.get_text("service_tier");
    bool news = !started_ || (id_.empty() && !json.get_text("id").empty()) ||
                (tier_.empty() && !tier.empty());
    if (!news) return;
    started_ = true;
    id_ = json.get_text("id");
    tier_ = tier;
    StreamStart start;
    start.id = id_;
    start.model = json.get_text("model");
    start.system_fingerprint = json.get_text("system_fingerprint");
    start.created = json.get_int("created").value_or(0);
    start.service_tier = std::move(tier);
    out.emplace_back(std::move(start));
  }

  Result<void> read_choice(const Json& choice, Json& other, std::vector<StreamDelta>& out) {
    Json beside = rest_of(choice, {"index", "delta", "finish_reason"});
    const Json* delta = choice.find("delta");
    if (delta != nullptr && delta->is_object()) {
      Json rest = rest_of(
          *delta, {"role", "content", "refusal", "reasoning_content", "reasoning", "tool_calls"});
      if (!rest.members()->empty()) beside.set("delta", std::move(rest));
      TRY_VOID(read_delta(*delta, out));
    } else if (delta != nullptr && !delta->is_null()) {
      return fail(malformed_answer("choices[0].delta must be an object"));
    }
    if (!beside.members()->empty()) other.set("choice", std::move(beside));
    std::string word = choice.get_text("finish_reason");
    if (!word.empty()) {
      out.emplace_back(FinishDelta{openai_wire::finish_of_word(word), word});
    }
    return {};
  }

  Result<void> read_delta(const Json& delta, std::vector<StreamDelta>& out) {
    for (std::string_view key : {"reasoning_content", "reasoning"}) {
      std::string text = delta.get_text(key);
      if (text.empty()) continue;
      out.emplace_back(ReasoningDelta{std::move(text)});
      break;  // servers in transition send both names
    }
    if (auto content = delta.get_string("content")) {
      out.emplace_back(TextDelta{std::string(*content)});
    }
    if (auto refusal = delta.get_string("refusal")) {
      if (!refusal->empty()) out.emplace_back(RefusalDelta{std::string(*refusal)});
    }
    const Json* calls = delta.find("tool_calls");
    if (calls == nullptr || calls->is_null()) return {};
    if (!calls->is_array()) return fail(malformed_answer("delta.tool_calls must be an array"));
    for (const Json& call : *calls->array_items()) {
      if (!call.is_object()) return fail(malformed_answer("a tool call must be an object"));
      TRY_VOID(read_call(call, out));
    }
    return {};
  }

  Result<void> read_call(const Json& call, std::vector<StreamDelta>& out) {
    ToolCallDelta delta;
    delta.id = call.get_text("id");
    if (std::optional<int64_t> index = call.get_int("index")) {
      if (*index < 0 || *index >= limits::kToolCallsPerAnswerMax) {
        return fail(malformed_answer("tool call index out of range"));
      }
      delta.index = static_cast<int>(*index);
    } else {
      // Servers without indexes send whole calls, each with an id of its own.
      bool fresh = last_index_ < 0 || (!delta.id.empty() && delta.id != last_id_);
      delta.index = fresh ? last_index_ + 1 : last_index_;
      if (delta.index >= limits::kToolCallsPerAnswerMax) {
        return fail(malformed_answer("too many tool calls"));
      }
    }
    last_index_ = delta.index;
    if (!delta.id.empty()) last_id_ = delta.id;
    std::optional<std::string_view> type = call.get_string("type");
    if (type && *type != "function") {
      delta.extra = *rest_of(call, {"index", "id"}).members();
    } else {
      delta.extra = *rest_of(call, {"index", "id", "type", "function"}).members();
      if (const Json* function = call.find("function"); function != nullptr) {
        delta.name = function->get_text("name");
        delta.arguments = function->get_text("arguments");
      }
    }
    out.emplace_back(std::move(delta));
    return {};
  }

  bool started_ = false;
  bool ended_ = false;
  std::string id_;
  std::string tier_;
  int last_index_ = -1;
  std::string last_id_;
};

class OpenAiEncoder final : public StreamEncoder {
 public:
  OpenAiEncoder(const ChatRequest& request, OpenAiFlavor flavor)
      : include_usage_(request.include_usage), flavor_(flavor), model_(request.model) {}

  void encode(const StreamDelta& delta, std::vector<WireEvent>& out) override {
    if (const auto* start = std::get_if<StreamStart>(&delta)) {
      on_start(*start);
    } else if (const auto* text = std::get_if<TextDelta>(&delta)) {
      Json d = open(Json(""), out);
      if (d.is_object() && text->text.empty()) return;  // the first chunk has said it
      content(Json::object().set("content", text->text), out);
    } else if (const auto* reasoning = std::get_if<ReasoningDelta>(&delta)) {
      if (reasoning->text.empty()) return;  // signatures have no place here
      open(Json(), out);
      content(Json::object().set("reasoning_content", reasoning->text), out);
    } else if (const auto* refusal = std::get_if<RefusalDelta>(&delta)) {
      open(Json(), out);
      content(Json::object().set("refusal", refusal->text), out);
    } else if (const auto* call = std::get_if<ToolCallDelta>(&delta)) {
      open(Json(), out);
      on_call(*call, out);
    } else if (const auto* finish = std::get_if<FinishDelta>(&delta)) {
      open(Json(), out);
      Json choice = choice_of(Json::object());
      choice.set("finish_reason", openai_wire::finish_word(finish->reason, finish->native));
      chunk(Json::array().push(std::move(choice)), Json(), out);
    } else if (const auto* usage = std::get_if<UsageDelta>(&delta)) {
      usage_ = usage->usage;  // its chunk comes last
    } else if (const auto* other = std::get_if<OtherDelta>(&delta)) {
      on_other(other->raw, out);
    }
  }

  void finish(std::vector<WireEvent>& out) override {
    if (include_usage_ && usage_.known()) {
      chunk(Json::array(), openai_wire::usage_to_json(usage_), out);
    }
    out.push_back(WireEvent{"", std::string(kDone), false});
  }

  void error(const Error& error, std::vector<WireEvent>& out) override {
    out.push_back(WireEvent{"", openai_wire::error_to_json(error).dump(), false});
  }

 private:
  void on_start(const StreamStart& start) {
    if (!start.id.empty()) id_ = start.id;
    if (!start.model.empty()) model_ = start.model;
    if (!start.system_fingerprint.empty()) fingerprint_ = start.system_fingerprint;
    if (!start.service_tier.empty()) tier_ = start.service_tier;
    if (start.created != 0) created_ = start.created;
  }

  // The chunk that opens the message. It waits for the first delta, which says whether there is
  // text at all: "" and null are not the same. Returns the delta it sent, or null.
  Json open(Json first_content, std::vector<WireEvent>& out) {
    if (opened_) return Json();
    opened_ = true;
    Json delta = Json::object();
    delta.set("role", "assistant").set("content", std::move(first_content)).set("refusal", nullptr);
    content(delta, out);
    return delta;
  }

  void on_call(const ToolCallDelta& call, std::vector<WireEvent>& out) {
    Json item = Json::object();
    item.set("index", call.index);
    if (!call.id.empty()) item.set("id", call.id);
    bool first = !call.name.empty();
    if (first) item.set("type", "function");
    if (first || !call.arguments.empty() || call.extra.empty()) {
      Json function = Json::object();
      if (first) function.set("name", call.name);
      function.set("arguments", call.arguments);
      item.set("function", std::move(function));
    }
    for (const Json::Member& m : call.extra) item.set(m.first, m.second);
    content(Json::object().set("tool_calls", Json::array().push(std::move(item))), out);
  }

  void on_other(const Json& raw, std::vector<WireEvent>& out) {
    if (!raw.is_object()) return;
    Json choices = Json::array();
    if (const Json* beside = raw.find("choice"); beside != nullptr && beside->is_object()) {
      const Json* delta = beside->find("delta");
      Json choice = choice_of(delta == nullptr ? Json::object() : *delta);
      for (const Json::Member& m : *beside->members()) {
        if (m.first != "delta") choice.set(m.first, m.second);
      }
      choices.push(std::move(choice));
    }
    if (const Json* others = raw.find("other_choices"); others != nullptr && others->is_array()) {
      for (const Json& choice : *others->array_items()) choices.push(choice);
    }
    Json body = chunk_json(std::move(choices), Json());
    for (const Json::Member& m : *raw.members()) {
      if (m.first != "choice" && m.first != "other_choices") body.set(m.first, m.second);
    }
    out.push_back(WireEvent{"", body.dump(), false});
  }

  static Json choice_of(Json delta) {
    Json choice = Json::object();
    choice.set("index", 0).set("delta", std::move(delta)).set("logprobs", nullptr);
    choice.set("finish_reason", nullptr);
    return choice;
  }
  void content(Json delta, std::vector<WireEvent>& out) {
    chunk(Json::array().push(choice_of(std::move(delta))), Json(), out);
  }
  void chunk(Json choices, Json usage, std::vector<WireEvent>& out) {
    out.push_back(WireEvent{"", chunk_json(std::move(choices), std::move(usage)).dump(), false});
  }
  Json chunk_json(Json choices, Json usage) {
    Json body = Json::object();
    body.set("id", id_).set("object", "chat.completion.chunk").set("created", created_);
    body.set("model", model_);
    if (!tier_.empty()) body.set("service_tier", tier_);
    if (!fingerprint_.empty()) body.set("system_fingerprint", fingerprint_);
    body.set("choices", std::move(choices));
    if (include_usage_) body.set("usage", std::move(usage));
    return body;
  }

  bool include_usage_;
  OpenAiFlavor flavor_;
  std::string id_;
  std::string model_;
  std::string fingerprint_;
  std::string tier_;
  int64_t created_ = 0;
  bool opened_ = false;
  Usage usage_;
};

}  // namespace

std::unique_ptr<StreamEncoder> openai_wire::make_stream_encoder(const ChatRequest& request,
                                                                OpenAiFlavor flavor) {
  return std::make_unique<OpenAiEncoder>(request, flavor);
}

std::unique_ptr<StreamDecoder> OpenAiDialect::make_stream_decoder() const {
  return std::make_unique<OpenAiDecoder>();
}

std::unique_ptr<StreamEncoder> OpenAiDialect::make_stream_encoder(
    const ChatRequest& request) const {
  return openai_wire::make_stream_encoder(request, OpenAiFlavor());
}

}  // namespace drover::dialect
