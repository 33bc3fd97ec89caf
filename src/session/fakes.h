#pragma once
// A road and tools that do as told, for tests of sessions.

#include <algorithm>
#include <deque>
#include <functional>
#include <map>

#include "async/sync.h"
#include "road/road.h"
#include "session/services.h"
#include "tools/tool_set.h"

namespace drover::session {

using async::Task;

class FakeRoad final : public road::Road {
 public:
  /// Answers a request; set by the test.
  std::function<Result<contract::Message>(const contract::ChatRequest&)> answer;
  Duration think{10ms};
  Money price_input;
  Money price_output;
  int64_t input_tokens = 10;
  int64_t output_tokens = 5;
  /// Streamed calls write this before `answer` is asked: what an attempt that fails leaves behind.
  std::string begun;
  int calls = 0;
  /// What is said of calls whose agent has a ladder.
  road::Downgraded downgraded;
  std::vector<std::string> keys;     // idempotency keys
  std::vector<std::string> callers;  // keys of those for whom it was called
  std::vector<std::string> classes;  // data classes, as text
  std::vector<policy::Needs> needs;
  std::vector<contract::ChatRequest> requests;
  /// Of the last call.
  std::optional<Duration> batch_within;
  bool was_batched = false;
  std::vector<std::string> over;  // sessions for whose calls nobody waits any more

  FakeRoad() { endpoint_.id = "fake/m"; }

  Task<road::ModelResult> call_model(async::Context ctx, road::ModelCall&& call,
                                     providers::Sink* sink) override {
    return think_of(std::move(ctx), std::move(call), sink);
  }
  Money ceiling(const std::vector<std::string>&, int64_t input, int64_t output) const override {
    if (price_input.is_zero() && price_output.is_zero()) return Money::from_pico_usd(1000);
    return price_input * input + price_output * output;
  }
  std::vector<std::string> models() const override { return {"m"}; }
  void session_over(std::string_view session) override { over.emplace_back(session); }

 private:
  Task<road::ModelResult> think_of(async::Context ctx, road::ModelCall call,
                                   providers::Sink* sink) {
    ++calls;
    keys.emplace_back(call.idempotency_key.view());
    callers.push_back(call.principal->key.str());
    classes.push_back(call.data_class->text());
    needs.push_back(*call.needs);
    batch_within = call.batch_within;
    was_batched = call.was_batched;
    const bool laddered = call.downgrade != nullptr;
    auto slept = co_await async::sleep_for(ctx, think);
    road::ModelFailure failure;
    if (!slept) {
      failure.error = slept.error();
      co_return tl::unexpected<road::ModelFailure>(std::move(failure));
    }
    auto request = call.prompt.chat();
    DROVER_ASSERT(request);
    requests.push_back(**request);
    if (sink != nullptr) {
      sink->begin_attempt(endpoint_);
      contract::StreamDelta text = contract::TextDelta{begun};
      auto taken = co_await sink->delta(ctx, text);
      DROVER_ASSERT(taken);
    }
    auto message = answer(**request);
    if (!message) {
      failure.error = message.error();
      co_return tl::unexpected<road::ModelFailure>(std::move(failure));
    }
    road::ModelOutcome out;
    out.answer->response.message = std::move(*message);
    out.answer->response.model = "fake-1";
    out.answer->response.usage.input_tokens = input_tokens;
    out.answer->response.usage.output_tokens = output_tokens;
    bool cut = (*request)->max_tokens && output_tokens >= *(*request)->max_tokens;
    if (cut) {
      out.answer->response.usage.output_tokens = *(*request)->max_tokens;
      out.answer->response.finish_reason = contract::FinishReason::kLength;
    }
    if (laddered) out.downgraded = downgraded;
    out.endpoint = &endpoint_;
    out.provider = "fake";
    out.cost = price_input.is_zero() && price_output.is_zero()
                   ? Money::from_pico_usd(1000)
                   : price_input * input_tokens + price_output * output_tokens;
    out.cost_known = true;
    co_return out;
  }

  catalog::Endpoint endpoint_;
};

class FakeTools final : public tools::ToolSet {
 public:
  std::map<std::string, Duration> latency;
  std::vector<tools::ToolInvocation> calls;
  /// The next calls fail without an answer.
  int failures = 0;
  int most = 0;  // that were under way at once
  /// What is reported of each call.
  tools::CallReport report;

  Task<Result<std::vector<tools::BoundTool>>> list(async::Context ctx,
                                                   std::vector<std::string> servers) override {
    std::vector<tools::BoundTool> out;
    for (const auto& [name, d] : latency) {
      tools::BoundTool tool;
      tool.definition.name = name;
      tool.server = "fake";
      out.push_back(std::move(tool));
    }
    co_return out;
  }
  Task<Result<tools::ToolOutcome>> call(async::Context ctx,
                                        tools::ToolInvocation invocation) override {
    calls.push_back(invocation);
    most = std::max(most, ++under_way_);
    auto slept = co_await async::sleep_for(ctx, latency[invocation.tool]);
    --under_way_;
    CO_TRY_VOID(std::move(slept));
    if (invocation.report != nullptr) *invocation.report = report;
    if (failures > 0) {
      --failures;
      co_return fail(Code::kUnavailable, "the tool server is gone", Retry::kSameTarget);
    }
    tools::ToolOutcome out;
    out.content = invocation.tool + ":" + invocation.arguments;
    co_return out;
  }

 private:
  int under_way_ = 0;
};

class FakeAgents final : public AgentSource {
 public:
  std::map<std::string, AgentSpec> known;
  Result<AgentSpec> resolve(const TenantId&, std::string_view name) const override {
    auto it = known.find(std::string(name));
    if (it == known.end()) {
      return fail(Code::kNotFound, "no agent is named '" + std::string(name) + "'");
    }
    return it->second;
  }
};

class FakePlanner final : public PlannerClient {
 public:
  std::function<Result<Json>(const Json& question)> answer;
  Duration think{1ms};
  std::vector<PlannerQuestion> questions;
  async::Task<Result<Json>> ask(async::Context ctx, PlannerQuestion question) override {
    questions.push_back(question);
    CO_TRY_VOID(co_await async::sleep_for(ctx, think));
    co_return answer(question.body);
  }
};

/// A chat completion that asks for one call; `arguments` as they stand within a JSON text.
inline std::string asks_for(const std::string& tool, const std::string& arguments) {
  return R"({"id":"r1","object":"chat.completion","created":1,"model":"up-1","choices":[{)"
         R"("index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c1",)"
         R"("type":"function","function":{"name":")" +
         tool + R"(","arguments":")" + arguments + R"("}}]},"finish_reason":"tool_calls"}],)" +
         R"("usage":{"prompt_tokens":10,"completion_tokens":5}})";
}

}  // namespace drover::session
