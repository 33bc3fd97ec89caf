// Azure OpenAI: OpenAI's chat completions with content filters. Every answer carries
// prompt_filter_results, every choice content_filter_results; a stream begins with a chunk of empty
// choices, id and model; a blocked prompt is a 400 with an innererror; errors of the gateway in
// front have string codes ("401", "DeploymentNotFound"). Source: Microsoft's content-filter pages.
#include "dialect/openai_wire.h"

namespace drover::dialect {
namespace {

using namespace contract;

// What the filter says when it found nothing.
Json safe_results(std::initializer_list<const char*> categories) {
  Json out = Json::object();
  for (const char* category : categories) {
    out.set(category, Json::object().set("filtered", false).set("severity", "safe"));
  }
  return out;
}
Json safe_prompt_results() {
  Json results = safe_results({"hate", "self_harm", "sexual", "violence"});
  results.set("jailbreak", Json::object().set("filtered", false).set("detected", false));
  Json entry = Json::object();
  entry.set("prompt_index", 0).set("content_filter_results", std::move(results));
  return Json::array().push(std::move(entry));
}
Json safe_output_results() { return safe_results({"hate", "self_harm", "sexual", "violence"}); }

Json* member_of(Json::Object& object, std::string_view key) {
  for (Json::Member& m : object) {
    if (m.first == key) return &m.second;
  }
  return nullptr;
}

// OpenAI's stream behind the chunk that reports on the prompt.
class AzureEncoder final : public StreamEncoder {
 public:
  explicit AzureEncoder(const ChatRequest& request)
      : inner_(openai_wire::make_stream_encoder(request, OpenAiFlavor{true})) {}

  void encode(const StreamDelta& delta, std::vector<WireEvent>& out) override {
    if (const auto* other = std::get_if<OtherDelta>(&delta); other != nullptr && !opened_) {
      if (const Json* results = other->raw.find("prompt_filter_results")) {
        open(*results, out);
        Json rest = other->raw;
        rest.erase("prompt_filter_results");
        if (!rest.members()->empty()) inner_->encode(OtherDelta{std::move(rest)}, out);
        return;
      }
    }
    bool start = std::holds_alternative<StreamStart>(delta);
    if (!start && !opened_) open(safe_prompt_results(), out);
    inner_->encode(delta, out);
  }
  void finish(std::vector<WireEvent>& out) override { inner_->finish(out); }
  void error(const Error& error, std::vector<WireEvent>& out) override {
    inner_->error(error, out);
  }

 private:
  void open(Json results, std::vector<WireEvent>& out) {
    opened_ = true;
    Json chunk = Json::object();
    chunk.set("choices", Json::array()).set("created", 0).set("id", "").set("model", "");
    chunk.set("object", "").set("prompt_filter_results", std::move(results));
    out.push_back(WireEvent{"", chunk.dump(), false});
  }

  std::unique_ptr<StreamEncoder> inner_;
  bool opened_ = false;
};

class Azure final : public OpenAiDialect {
 public:
  std::string_view name() const override { return "azure"; }

  Result<EncodedRequest> encode_request(const ChatRequest& request) const override {
    return openai_wire::encode_request(request, OpenAiFlavor{true});
  }

  std::string encode_response(const ChatResponse& response) const override {
    ChatResponse copy = response;
    if (member_of(copy.extra, "prompt_filter_results") == nullptr) {
      copy.extra.emplace_back("prompt_filter_results", safe_prompt_results());
    }
    if (Json* choice = member_of(copy.extra, "choice"); choice == nullptr) {
      copy.extra.emplace_back("choice",
                              Json::object().set("content_filter_results", safe_output_results()));
    } else if (choice->find("content_filter_results") == nullptr) {
      choice->set("content_filter_results", safe_output_results());
    }
    return openai_wire::response_to_json(copy).dump();
  }

  std::unique_ptr<StreamEncoder> make_stream_encoder(const ChatRequest& request) const override {
    return std::make_unique<AzureEncoder>(request);
  }

  EncodedError encode_error(const Error& error) const override {
    EncodedError out;
    openai_wire::ErrorNames names = openai_wire::names_of(error);
    out.status = names.status;
    Json inner = Json::object();
    if (error.reason == "content_filter") {
      inner.set("message", error.message).set("type", nullptr).set("param", "prompt");
      inner.set("code", "content_filter").set("status", names.status);
      Json filtered = safe_results({"hate", "self_harm", "sexual", "violence"});
      Json cause = Json::object();
      cause.set("code", "ResponsibleAIPolicyViolation");
      cause.set("content_filter_result", std::move(filtered));
      inner.set("innererror", std::move(cause));
    } else if (error.reason == "deployment_not_found") {
      inner.set("code", "DeploymentNotFound").set("message", error.message);
    } else if (names.status == 401 || names.status == 403 || names.status == 404 ||
               names.status == 429) {
      inner.set("code", std::to_string(names.status)).set("message", error.message);
    } else {
      inner = *openai_wire::error_to_json(error).find("error");
    }
    out.body = Json::object().set("error", std::move(inner)).dump();
    openai_wire::add_retry_headers(error, out.status, out);
    return out;
  }
};

}  // namespace

const Dialect& azure() {
  static const Azure dialect;
  return dialect;
}

}  // namespace drover::dialect
