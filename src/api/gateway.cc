#include "api/gateway.h"

#include <variant>

#include "api/rate_headers.h"
#include "api/request_headers.h"
#include "api/standing.h"
#include "api/streaming.h"
#include "async/stage.h"
#include "base/decimal.h"
#include "base/limits/http.h"
#include "base/limits/road.h"
#include "dialect/dialect.h"

namespace drover::api {
namespace {

/// What the road tells of a streamed call while it is under way.
struct Told {
  const road::RateState& rates;
  road::Served served = {};
  road::Downgraded downgraded = {};
};

/// For an answer that has no id: Bedrock's have none, and OpenAI's clients expect one.
std::string answer_id(const Exchange& e) { return std::string("chatcmpl-").append(e.request_id); }

/// Writes a streamed answer to the client as OpenAI's server-sent events: those that came together,
/// and what begins or ends the answer with them, in one write.
class GatewaySink final : public providers::Sink {
 public:
  GatewaySink(Exchange& exchange, const providers::Prompt& prompt, const Told& told)
      : exchange_(exchange),
        told_(told),
        model_(prompt.model()),
        include_usage_(prompt.include_usage()) {}

  void begin_attempt(const catalog::Endpoint& endpoint) override {
    // Only reached while nothing was visible: what is held back belongs to a failed attempt.
    held_.clear();
    visible_ = false;
    endpoint_ = endpoint.id;
    encoder_ = nullptr;
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

  Result<void> raw(std::string_view data, bool visible) override {
    append(data);
    visible_ = visible_ || visible;
    return check_held();
  }

  Task<Result<void>> delta(Context ctx, const contract::StreamDelta& delta) override {
    encode(ctx.loop().wall(), delta);
    visible_ = visible_ || contract::is_visible(delta);
    co_return check_held();
  }

  Task<Result<void>> flush(Context ctx) override {
    http::ServerResponse& response = exchange_.response;
    if (held_.empty() || !visible()) co_return Result<void>();
    // What comes while this is being written is held apart.
    writing_.swap(held_);
    held_.clear();
    if (response.started()) co_return co_await response.write(ctx, writing_);
    http::ResponseHead first = head();
    co_return co_await response.start(ctx, std::move(first), writing_);
  }

  /// The proper end; the encoder's to write, where it wrote the rest.
  Task<Result<void>> finish(Context ctx) {
    if (encoder_ != nullptr) {
      std::vector<dialect::WireEvent> events;
      encoder_->finish(events);
      for (const dialect::WireEvent& e : events) append(e.data);
    } else {
      append("[DONE]");
    }
    return end(std::move(ctx));
  }

  /// Ends a stream that is visible() with an error event.
  Task<Result<void>> fail_stream(Context ctx, const Error& error) {
    append(dialect::openai().encode_error(error).body);
    return end(std::move(ctx));
  }

  /// The client has something of the answer, or is about to: from here on an error is an event.
  bool visible() const { return visible_ || exchange_.response.started(); }

 private:
  /// What is held back until something is visible is bounded.
  Result<void> check_held() const {
    if (visible() || held_.size() <= limits::kHeldBackBytesMax) return {};
    return fail(Code::kUnavailable, "the provider sent much and said nothing", Retry::kOtherTarget);
  }
  void append(std::string_view data) {
    held_ += "data: ";
    held_ += data;
    held_ += "\n\n";
  }
  void encode(WallTime now, const contract::StreamDelta& delta) {
    std::vector<dialect::WireEvent> events;
    if (encoder_ == nullptr) {
      contract::ChatRequest request;
      request.model = model_;
      request.stream = true;
      request.include_usage = include_usage_;
      encoder_ = dialect::openai().make_stream_encoder(request);
      // Stays where the provider names none of its own: clients expect all three.
      contract::StreamStart ours;
      ours.id = answer_id(exchange_);
      ours.created = unix_seconds(now);
      encoder_->encode(ours, events);
    }
    encoder_->encode(delta, events);
    for (const dialect::WireEvent& e : events) append(e.data);
  }
  http::ResponseHead head() const {
    http::ResponseHead out = stream_head(exchange_, "text/event-stream; charset=utf-8");
    out.headers.add("x-drover-endpoint", endpoint_);
    add_class_headers(out.headers, told_.served);
    if (told_.rates.any()) add_rate_headers(out.headers, told_.rates);
    add_downgrade(out.headers, told_.downgraded);
    return out;
  }
  /// An answer that is all here goes out whole, with its length.
  Task<Result<void>> end(Context ctx) {
    http::ServerResponse& response = exchange_.response;
    if (response.started()) return response.finish(std::move(ctx), held_);
    return response.respond(std::move(ctx), head(), std::move(held_));
  }

  Exchange& exchange_;
  const Told& told_;
  std::string model_;
  bool include_usage_;
  std::unique_ptr<dialect::StreamEncoder> encoder_;  // once a delta has come
  std::string held_;
  std::string writing_;
  std::string endpoint_;
  bool visible_ = false;
};

/// Takes the exchange's principal: nobody asks for it after this.
road::ModelCall make_call(Exchange& exchange, std::string&& body, dialect::OpenAiScan&& scan) {
  return road::ModelCall{std::move(exchange.principal), std::vector<std::string>(1, scan.model),
                         providers::Prompt::from_openai(std::move(body), std::move(scan)),
                         exchange.request_id.view()};
}

http::ResponseHead success_head(const Exchange& exchange, const road::ModelOutcome& outcome,
                                const road::RateState& rates) {
  http::ResponseHead head;
  head.headers.add("content-type", "application/json");
  head.headers.add_sound("x-request-id", exchange.request_id);
  head.headers.add("x-drover-endpoint", outcome.endpoint->id);
  head.headers.add_sound("x-drover-attempts", Decimal(outcome.attempts.size()).view());
  if (outcome.cost_known) head.headers.add_sound("x-drover-cost-usd", outcome.cost.usd());
  add_class_headers(head.headers, outcome.served);
  if (rates.any()) add_rate_headers(head.headers, rates);
  add_downgrade(head.headers, *outcome.downgraded);
  return head;
}

/// A streamed answer under way. Apart from the frame that awaits it.
struct Streaming {
  Streaming(Exchange& exchange, const providers::Prompt& prompt, const road::RateState& rates)
      : told{rates}, sink(exchange, prompt, told) {}
  Told told;
  GatewaySink sink;
};

// Thousands of these wait at once: what they need to begin stands in functions that do not.
Task<void> stream_chat(Context ctx, Exchange& exchange, std::unique_ptr<Streaming> streaming,
                       Task<road::ModelResult> call) {
  GatewaySink& sink = streaming->sink;
  road::ModelResult outcome = co_await std::move(call);
  if (outcome) {
    auto done = co_await sink.finish(ctx);
    (void)done;
  } else if (sink.visible()) {
    auto told = co_await sink.fail_stream(ctx, outcome.error().error);
    (void)told;
  } else {
    if (streaming->told.rates.any()) {
      add_rate_headers(exchange.headers.make(), streaming->told.rates);
    }
    add_downgrade(exchange.headers.make(), streaming->told.downgraded);
    co_await respond_error(ctx, exchange, outcome.error().error);
  }
}

/// The answer of a provider with a form of its own, with what OpenAI's clients expect of each.
std::string translated(const Exchange& exchange, road::ModelOutcome& outcome, WallTime now) {
  contract::ChatResponse& response = outcome.answer->response;
  if (response.id.empty()) response.id = answer_id(exchange);
  if (response.model.empty()) response.model = outcome.endpoint->model;
  if (response.created == 0) response.created = unix_seconds(now);
  return dialect::openai().encode_response(response);
}

Task<void> refuse_whole(Context ctx, Exchange& exchange, const road::RateState& rates,
                        road::ModelFailure& failure) {
  if (rates.any()) add_rate_headers(exchange.headers.make(), rates);
  add_downgrade(exchange.headers.make(), *failure.downgraded);
  return respond_error(std::move(ctx), exchange, std::move(failure.error));
}

[[gnu::noinline]] Task<Result<void>> answer_whole(Context ctx, Exchange& exchange,
                                                  const road::RateState& rates,
                                                  road::ModelOutcome& outcome) {
  std::optional<std::string>& text = outcome.answer->openai_body;
  if (!text) text = translated(exchange, outcome, ctx.loop().wall());
  return exchange.response.respond(std::move(ctx), success_head(exchange, outcome, rates),
                                   std::move(*text));
}

/// On behalf of an agent, if the caller names one.
Result<void> take_agent(const Exchange& exchange, const GatewayServices& services,
                        road::ModelCall& call) {
  auto name = exchange.request.head().headers.get(kAgentHeader);
  if (!name || services.agents == nullptr) return {};
  TRY(session::AgentSpec agent, services.agents->resolve(call.principal->tenant, *name));
  TRY(contract::DataClass own, contract::DataClass::parse(agent.data_class));
  call.party.make().agent = agent.name;
  call.data_class = contract::join(*call.data_class, own);
  if (!agent.needs.empty()) call.needs = agent.needs;
  call.preference = agent.prefer;
  call.downgrade = agent.downgrade;
  call.continue_cut = agent.continue_cut;
  // What the request states goes before, in a header or by its tier.
  if (!call.service_class && !road::class_of_tier(call.prompt.service_tier())) {
    call.service_class = agent.service_class;
  }
  return {};
}

/// A class or a zone that is not known here is the caller's mistake, as in the sessions API, and no
/// lack of a place. The class keeps its name: what that means may change while the call waits.
Result<void> check_class(const GatewayServices& services, const road::ModelCall& call) {
  if (!services.check_class || !call.data_class || call.data_class->unrestricted()) return {};
  return services.check_class(*call.data_class);
}

/// The class that the caller states in a header; a service_tier in the body is for the road.
Result<std::optional<road::ServiceClass>> stated_service_class(const http::Headers& headers) {
  auto stated = headers.get(kServiceClassHeader);
  if (!stated) return std::optional<road::ServiceClass>();
  if (auto read = road::parse_service_class(*stated)) return read;
  return fail(Code::kInvalidArgument, "x-drover-service-class must be fast, slow or auto");
}

/// Whether another endpoint may go on where one broke off, if the caller says either.
Result<std::optional<bool>> stated_continue(const http::Headers& headers) {
  auto stated = headers.get(kContinueHeader);
  if (!stated) return std::optional<bool>();
  if (*stated == "false") return std::optional<bool>(false);
  if (*stated == "true") return std::optional<bool>(true);
  return fail(Code::kInvalidArgument, "x-drover-continue must be true or false");
}

/// What the headers of a call that is steered say of it.
Result<void> take_stated(const Exchange& exchange, const GatewayServices& services,
                         road::ModelCall& call) {
  const http::Headers& headers = exchange.request.head().headers;
  // Of his data; the tenant's floor holds beside it.
  TRY(contract::DataClass data_class, header_class(headers));
  if (!data_class.unrestricted()) call.data_class = std::move(data_class);
  TRY(call.service_class, stated_service_class(headers));
  TRY(const std::optional<bool> go_on, stated_continue(headers));
  TRY_VOID(take_agent(exchange, services, call));
  TRY_VOID(check_class(services, call));
  call.continue_cut = go_on.value_or(call.continue_cut);
  return {};
}

/// A chat that has begun: the road's answer, which goes out whole, or all that is left to be done.
using Chat = std::variant<Task<road::ModelResult>, Task<void>>;

/// `rates` outlives the call's task. Apart from the frame that awaits it.
[[gnu::noinline]] Chat begin_chat(const Context& ctx, Exchange& exchange,
                                  const GatewayServices& services, std::string&& body,
                                  road::RateState* rates) {
  auto scan = dialect::scan_openai_request(body);
  if (!scan) return respond_error(ctx, exchange, std::move(scan).error());
  road::ModelCall call = make_call(exchange, std::move(body), std::move(*scan));
  if (exchange.steered) {
    Result<void> taken = take_stated(exchange, services, call);
    if (!taken) return respond_error(ctx, exchange, std::move(taken).error());
  }
  call.rates = rates;
  if (!call.prompt.stream()) return services.road->call_model(ctx, std::move(call), nullptr);
  auto streaming = std::make_unique<Streaming>(exchange, call.prompt, *rates);
  call.served = &streaming->told.served;
  call.downgraded = &streaming->told.downgraded;
  Task<road::ModelResult> asked = services.road->call_model(ctx, std::move(call), &streaming->sink);
  return stream_chat(ctx, exchange, std::move(streaming), std::move(asked));
}

/// A body that was not here whole. Without one it was answered what is wrong with it.
Task<void> read_body(Context ctx, Exchange& exchange, std::optional<std::string>* body) {
  auto read = co_await exchange.request.read_all(ctx, limits::kHttpBodyBytesMax);
  if (read) {
    body->emplace(std::move(*read));
    co_return;
  }
  co_await respond_error(ctx, exchange, std::move(read).error());
}

/// What all chats of a gateway share.
struct Chats {
  GatewayServices services;
  async::Stage admitted;  // they have their principals, and are read next
};

/// `chats` is the route's, which outlives its calls.
Task<void> chat_completions(Context ctx, Exchange& exchange, Chats* chats) {
  // Most prompts arrive with their heads. Taken before anything is waited for: the connection then
  // watches for its client without a buffer.
  std::optional<std::string> body = exchange.request.take_buffered(limits::kHttpBodyBytesMax);
  co_await chats->admitted.enter(ctx.loop());
  if (!body) {
    co_await read_body(ctx, exchange, &body);
    if (!body) co_return;
  }
  road::RateState rates;
  Chat chat = begin_chat(ctx, exchange, chats->services, std::move(*body), &rates);
  if (Task<void>* rest = std::get_if<Task<void>>(&chat)) {
    co_await std::move(*rest);
    co_return;
  }
  road::ModelResult outcome = co_await std::get<Task<road::ModelResult>>(std::move(chat));
  if (!outcome) {
    co_await refuse_whole(std::move(ctx), exchange, rates, outcome.error());
    co_return;
  }
  Task<Result<void>> answering = answer_whole(std::move(ctx), exchange, rates, *outcome);
  Result<void> sent = co_await std::move(answering);
  (void)sent;  // the client may be gone
}

Json model_json(const std::string& name) {
  Json model = Json::object().set("id", name).set("object", "model");
  model.set("created", 0).set("owned_by", "drover");
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
  auto chats = std::make_shared<Chats>();
  chats->services = services;
  router.add_call("POST", "/v1/chat/completions", [chats](Context&& ctx, Exchange& exchange) {
    return chat_completions(std::move(ctx), exchange, chats.get());
  });
  router.reads_data_class();
  router.add_call("GET", "/v1/models", [services](Context ctx, Exchange& exchange) {
    return list_models(ctx, exchange, services);
  });
  router.add_call("GET", "/v1/models/{model}", [services](Context ctx, Exchange& exchange) {
    return show_model(ctx, exchange, services);
  });
}

}  // namespace drover::api
