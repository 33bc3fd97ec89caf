#pragma once
// A governed client in front of a server whose calls a function answers after a while, on virtual
// time.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "async/scope.h"
#include "async/sim_loop.h"
#include "tools/governed_client.h"

namespace drover::tools {

/// A server whose calls a function answers after a while.
class FakeServer final : public ServerClient {
 public:
  using Answer = std::function<Result<ToolOutcome>(const ToolInvocation&)>;
  Task<Result<std::vector<contract::ToolDefinition>>> list(Context) override {
    co_return std::vector<contract::ToolDefinition>();
  }
  Task<Result<ToolOutcome>> call(Context ctx, ToolInvocation invocation) override {
    calls.push_back(invocation);
    auto slept = co_await async::sleep_for(ctx, takes);
    if (!slept) {
      ++broken_off;
      co_return fail(std::move(slept).error());
    }
    co_return answer(invocation);
  }
  ToolTraits traits(const std::string& tool) const override {
    ToolTraits told;
    told.read_only = tool.starts_with("read");
    if (tool == "risky") told.idempotent = false;
    if (tool == "put") told.idempotent = true;
    return told;
  }
  Task<void> close(Context) override { co_return; }
  Task<void> retire(Context) override { co_return; }
  const ToolServer& server() const override { return server_; }
  std::string version() const override { return "fake"; }

  ToolServer server_;
  Duration takes = 10ms;
  Answer answer;
  std::vector<ToolInvocation> calls;
  int broken_off = 0;
};

inline ToolOutcome text(std::string content) {
  ToolOutcome out;
  out.content = std::move(content);
  return out;
}

struct Said {
  std::string content;  // or "! " and the error
  CallReport report;
};

inline Task<void> call_into(Context ctx, GovernedClient* client, ToolInvocation invocation,
                            Said* said) {
  invocation.report = &said->report;
  auto outcome = co_await client->call(ctx, std::move(invocation));
  said->content = !outcome            ? "! " + outcome.error().message
                  : outcome->is_error ? "error " + outcome->content
                                      : outcome->content;
}

class GovernedTest : public testing::Test {
 protected:
  GovernedTest() {
    auto made = std::make_unique<FakeServer>();
    fake_ = made.get();
    fake_->answer = [](const ToolInvocation& call) { return text(call.tool + call.arguments); };
    client_ = std::make_unique<GovernedClient>(
        std::move(made), std::make_shared<Limiter>(loop_, &random_, "tool server 'x'", true),
        &random_);
  }
  ~GovernedTest() override { loop_.run_task(client_->close(Context(loop_))); }

  ToolInvocation invocation(std::string tool, std::string arguments, std::string session = "s1",
                            std::string tenant = "t1") {
    ToolInvocation out;
    out.tool = std::move(tool);
    out.arguments = std::move(arguments);
    out.idempotency_key = session + "/" + std::to_string(++keys_);
    out.origin.tenant = std::move(tenant);
    out.origin.principal = "p";
    out.origin.session = std::move(session);
    return out;
  }
  Said* begin(ToolInvocation call) { return begin(scope_, std::move(call)); }
  Said* begin(async::Scope& scope, ToolInvocation call) {
    said_.push_back(std::make_unique<Said>());
    scope.spawn(call_into(scope.context(), client_.get(), std::move(call), said_.back().get()));
    return said_.back().get();
  }
  void finish() { loop_.run_task(scope_.join()); }
  Said one(ToolInvocation call) {
    Said* said = begin(std::move(call));
    finish();
    return *said;
  }
  void batch(std::string tool, std::string json) {
    auto form = batch_form_from_json(*Json::parse(json));
    ASSERT_TRUE(form) << form.error().message;
    fake_->server_.batch[std::move(tool)] = *form;
  }

  async::SimLoop loop_;
  SeededRandom random_{1};
  FakeServer* fake_ = nullptr;
  std::unique_ptr<GovernedClient> client_;
  std::vector<std::unique_ptr<Said>> said_;
  async::Scope scope_{Context(loop_)};
  int keys_ = 0;
};

}  // namespace drover::tools
