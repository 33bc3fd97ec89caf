#include "api/gateway.h"

#include "api/rate_headers.h"
#include "base/limits/http.h"
#include "base/limits/road.h"
#include "dialect/dialect.h"

namespace drover::api {
namespace {

void add_downgrade(http::Headers& headers, const road::Downgraded& down) {
  if (down.level == 0) return;
  headers.add(std::string(road::kDowngradeHeader),
              road::downgrade_text(static_cast<int64_t>(down.level), down.rung.text(), down.why));
}

/// Writes a streamed answer to the client as OpenAI's server-sent events.
class GatewaySink final : public providers::Sink {
 public:
  GatewaySink(Exchange& exchange, const providers::Prompt& prompt, const road::RateState& rates,
              const road::Served& served, const road::Downgraded& downgraded)
      : exchange_(exchange), rates_(rates), served_(served), downgraded_(downgraded) {
    request_.model = prompt.model();
    request_.stream = true;
    request_.include_usage = prompt.include_usage();
    encoder_ = dialect::openai().make_stream_encoder(request_);
  }

  void begin_attempt(const catalog::Endpoint& endpoint) override {
    // Only reached while nothing was visible: what is held back belongs to a failed attempt.
    held_.clear();
    encoded_ = false;
    endpoint_ = endpoint.id;
    encoder_ = dialect::openai().make_stream_encoder(request_);
  }
  void continued(const catalog::Endpoint& endpoint, const Error& error) override {
    Json how = Json::object().set("endpoint", endpoint.id).set("after", endpoint_);
    how.set("reason",
            error.reason.empty() ? code_name(error.code) : std::string_view(error.reason));
    // A chunk without choices, which clients know from usage.
    Json chunk =
        Json::object().set("object", "chat.completion.chunk").set("choices", Json::array());
    chunk.set("drover", Json::object().set("continued", std::move(how)));
    append(chunk.dump());
    endpoint_ = endpoint.id;
  }
  bool wants_raw() const override { return true; }

  Task<Result<void>> raw(Context ctx, std::string_view data, bool visible) override {
    if (data == "[DONE]") co_return Result<void>();
    append(data);
    if (visible || exchange_.response.started()) co_return co_await flush(ctx);
    co_return check_held();
  }

  Task<Result<void>> delta(Context ctx, const contract::StreamDelta& delta) override {
    encode(delta);
    if (contract::is_visible(delta) || exchange_.response.started()) co_return co_await flush(ctx);
    co_return check_held();
  }

  /// The proper end. `encoded`: the deltas came one by one, so the end is the encoder's to write.
  Task<Result<void>> finish(Context ctx, bool encoded) {
    if (encoded) {
      std::vector<dialect::WireEvent> events;
      encoder_->finish(events);
      for (const dialect::WireEvent& e : events) append(e.data);
    } else {
      append("[DONE]");
    }
    CO_TRY_VOID(co_await flush(ctx));
    co_return co_await exchange_.response.finish(ctx);
  }

  /// Ends a begun stream with an error event.
  Task<void> fail_stream(Context ctx, const Error& error) {
    append(dialect::openai().encode_error(error).body);
    auto flushed = co_await flush(ctx);
    if (!flushed) co_return;
    auto finished = co_await exchange_.response.finish(ctx);
    (void)finished;
  }

  bool encoded() const { return encoded_; }

 private:
  /// What is held back until something is visible is bounded.
  Result<void> check_held() const {
    if (held_.size() <= limits::kHeldBackBytesMax) return {};
    return fail(Code::kUnavailable, "the provider sent much and said nothing", Retry::kOtherTarget);
  }
  void append(std::string_view data) {
    held_ += "data: ";
    held_ += data;
    held_ += "\n\n";
  }
  void encode(const contract::StreamDelta& delta) {
    encoded_ = true;
    std::vector<dialect::WireEvent> events;
    encoder_->encode(delta, events);
    for (const dialect::WireEvent& e : events) append(e.data);
  }
  Task<Result<void>> flush(Context ctx) {
    if (!exchange_.response.started()) {
      http::ResponseHead head;
      head.headers.add("content-type", "text/event-stream; charset=utf-8");
      head.headers.add("cache-control", "no-cache");
      head.headers.add("x-request-id", exchange_.request_id);
      head.headers.add("x-drover-endpoint", endpoint_);
      add_class_headers(head.headers, served_);
      if (rates_.any()) add_rate_headers(head.headers, rates_);
      add_downgrade(head.headers, downgraded_);
      CO_TRY_VOID(co_await exchange_.response.start(ctx, std::move(head)));
    }
    if (held_.empty()) co_return Result<void>();
    writing_.swap(held_);
    held_.clear();
    co_return co_await exchange_.response.write(ctx, writing_);
  }

  Exchange& exchange_;
  const road::RateState& rates_;
  const road::Served& served_;
  const road::Downgraded& downgraded_;
  contract::ChatRequest request_;
  std::unique_ptr<dialect::StreamEncoder> encoder_;
  std::string held_;
  std::string writing_;
  std::string endpoint_;
  bool encoded_ = false;
};

/// Takes the exchange's principal: nobody asks for it after this.
road::ModelCall make_call(Exchange& exchange, std::string body, dialect::OpenAiScan scan) {
  std::vector<std::string> ladder;
  ladder.push_back(scan.model);
  road::ModelCall call{std::move(exchange.principal),
                       std::move(ladder),
                       providers::Prompt::from_openai(std::move(body), std::move(scan)),
                       "",
                       "",
                       exchange.request_id};
  std::string_view go_on =
      exchange.request.head().headers.get("x-drover-continue").value_or("false");
  call.continue_cut = go_on == "true";
  return call;
}

http::ResponseHead success_head(const Exchange& exchange, const road::ModelOutcome& outcome,
                                const road::RateState& rates) {
  http::ResponseHead head;
  head.headers.add("content-type", "application/json");
  head.headers.add("x-request-id", exchange.request_id);
  head.headers.add("x-drover-endpoint", outcome.endpoint->id);
  head.headers.add("x-drover-attempts", std::to_string(outcome.attempts.size()));
  if (outcome.cost_known) head.headers.add("x-drover-cost-usd", outcome.cost.usd());
  add_class_headers(head.headers, outcome.served);
  if (rates.any()) add_rate_headers(head.headers, rates);
  add_downgrade(head.headers, outcome.downgraded);
  return head;
}

Task<void> stream_chat(Context ctx, Exchange& exchange, GatewayServices services,
                       road::ModelCall call) {
  road::RateState rates;
  call.rates = &rates;
  road::Served served;
  call.served = &served;
  road::Downgraded downgraded;
  call.downgraded = &downgraded;
  GatewaySink sink(exchange, call.prompt, rates, served, downgraded);
  auto outcome = co_await services.road->call_model(ctx, std::move(call), &sink);
  if (outcome) {
    auto done = co_await sink.finish(ctx, sink.encoded());
    (void)done;
  } else if (exchange.response.started()) {
    co_await sink.fail_stream(ctx, outcome.error().error);
  } else {
    if (rates.any()) add_rate_headers(exchange.headers, rates);
    add_downgrade(exchange.headers, downgraded);
    co_await respond_error(ctx, exchange, outcome.error().error);
  }
}

/// On behalf of an agent, if the caller names one.
Result<void> take_agent(const Exchange& exchange, const GatewayServices& services,
                        const TenantId& tenant, road::ModelCall& call) {
  auto name = exchange.request.head().headers.get("x-drover-agent");
  if (!name || services.agents == nullptr) return {};
  TRY(session::AgentSpec agent, services.agents->resolve(tenant, *name));
  TRY(contract::DataClass own, contract::DataClass::parse(agent.data_class));
  call.agent = agent.name;
  call.data_class = contract::join(call.data_class, own);
  call.preference = agent.prefer;
  call.downgrade = agent.downgrade;
  return {};
}

/// What the caller states of his data; the tenant's floor holds beside it.
Result<contract::DataClass> stated_class(const Exchange& exchange) {
  auto stated = exchange.request.head().headers.get("x-drover-data-class");
  return stated ? contract::DataClass::parse(*stated) : contract::DataClass();
}

/// The class that the caller states in a header; a service_tier in the body is for the road.
Result<std::optional<road::ServiceClass>> stated_service_class(const Exchange& exchange) {
  auto stated = exchange.request.head().headers.get("x-drover-service-class");
  if (!stated) return std::optional<road::ServiceClass>();
  auto read = road::parse_service_class(*stated);
  if (read) return read;
  return fail(Code::kInvalidArgument, "x-drover-service-class must be fast, slow or auto");
}

Task<void> chat_completions(Context ctx, Exchange& exchange, GatewayServices services) {
  // Most prompts arrive with their heads.
  std::optional<std::string> body = exchange.request.take_buffered(limits::kHttpBodyBytesMax);
  if (!body) {
    auto read = co_await exchange.request.read_all(ctx, limits::kHttpBodyBytesMax);
    if (!read) {
      co_await respond_error(ctx, exchange, std::move(read).error());
      co_return;
    }
    body = std::move(*read);
  }
  auto scan = dialect::scan_openai_request(*body);
  if (!scan) {
    co_await respond_error(ctx, exchange, std::move(scan).error());
    co_return;
  }
  auto data_class = stated_class(exchange);
  if (!data_class) {
    co_await respond_error(ctx, exchange, std::move(data_class).error());
    co_return;
  }
  auto service_class = stated_service_class(exchange);
  if (!service_class) {
    co_await respond_error(ctx, exchange, std::move(service_class).error());
    co_return;
  }
  bool stream = scan->stream;
  road::ModelCall call = make_call(exchange, std::move(*body), std::move(*scan));
  call.data_class = std::move(*data_class);
  call.service_class = *service_class;
  const TenantId tenant = call.principal.tenant;
  if (auto taken = take_agent(exchange, services, tenant, call); !taken) {
    co_await respond_error(ctx, exchange, std::move(taken).error());
    co_return;
  }
  if (stream) {
    co_await stream_chat(ctx, exchange, services, std::move(call));
    co_return;
  }
  road::RateState rates;
  call.rates = &rates;
  auto outcome = co_await services.road->call_model(ctx, std::move(call), nullptr);
  if (!outcome) {
    if (rates.any()) add_rate_headers(exchange.headers, rates);
    add_downgrade(exchange.headers, outcome.error().downgraded);
    co_await respond_error(ctx, exchange, outcome.error().error);
    co_return;
  }
  std::string text = outcome->answer.openai_body
                         ? std::move(*outcome->answer.openai_body)
                         : dialect::openai().encode_response(outcome->answer.response);
  http::ResponseHead head = success_head(exchange, *outcome, rates);
  auto sent = co_await exchange.response.respond(ctx, std::move(head), std::move(text));
  (void)sent;
}

Json model_json(const std::string& name) {
  Json model = Json::object();
  model.set("id", name);
  model.set("object", "model");
  model.set("created", 0);
  model.set("owned_by", "drover");
  return model;
}

Task<void> list_models(Context ctx, Exchange& exchange, GatewayServices services) {
  Json data = Json::array();
  for (const std::string& name : services.road->models()) data.push(model_json(name));
  Json body = Json::object().set("object", "list").set("data", std::move(data));
  co_await respond_json(ctx, exchange, 200, std::move(body));
}

Task<void> show_model(Context ctx, Exchange& exchange, GatewayServices services) {
  const std::string& wanted = exchange.param("model");
  for (const std::string& name : services.road->models()) {
    if (name != wanted) continue;
    co_await respond_json(ctx, exchange, 200, model_json(name));
    co_return;
  }
  Error error(Code::kNotFound, "the model '" + wanted + "' does not exist");
  error.reason = "model_not_found";
  co_await respond_error(ctx, exchange, std::move(error));
}

}  // namespace

void add_gateway_routes(Router& router, GatewayServices services) {
  router.add("POST", "/v1/chat/completions", [services](Context ctx, Exchange& exchange) {
    return chat_completions(ctx, exchange, services);
  });
  router.add("GET", "/v1/models", [services](Context ctx, Exchange& exchange) {
    return list_models(ctx, exchange, services);
  });
  router.add("GET", "/v1/models/{model}", [services](Context ctx, Exchange& exchange) {
    return show_model(ctx, exchange, services);
  });
}

}  // namespace drover::api
