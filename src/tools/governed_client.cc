#include "tools/governed_client.h"

#include <algorithm>
#include <utility>

#include "base/json_canonical.h"
#include "base/limits/road.h"
#include "base/limits/tool_calls.h"
#include "base/limits/tools.h"

namespace drover::tools {
namespace {

/// Where a server asks for a pause and does not say how long.
constexpr Duration kPause = 500ms;

/// Refused at the door: nothing was done.
bool is_refusal(const Error& error) {
  return error.reason == "http_429" || error.reason == "http_503";
}

Limiter::Permit::Answer answer_of(const Result<ToolOutcome>& outcome) {
  using Answer = Limiter::Permit::Answer;
  if (outcome) return Answer::kGiven;
  const std::string& reason = outcome.error().reason;
  if (reason == "http_429") return Answer::kBusyTool;
  if (reason == "http_503") return Answer::kBusyServer;
  return reason.starts_with("rpc_") ? Answer::kGiven : Answer::kNone;
}

void append_field(std::string& out, std::string_view text) {
  out += std::to_string(text.size());
  out += ':';
  out += text;
}

/// Counts the begin and the end of a call that may change something.
class Change {
 public:
  explicit Change(uint64_t* count) : count_(count) {
    if (count_ != nullptr) ++*count_;
  }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;
  ~Change() {
    if (count_ != nullptr) ++*count_;
  }

 private:
  uint64_t* count_;
};

}  // namespace

/// What two calls must have in common to have anything in common.
std::string GovernedClient::key_of(const ToolInvocation& invocation) const {
  std::string out;
  append_field(out, invocation.origin.tenant);
  append_field(out, invocation.origin.principal);
  append_field(out, invocation.origin.data_class);
  append_field(out, invocation.tool);
  return out;
}

Task<Result<ToolOutcome>> GovernedClient::call(Context ctx, ToolInvocation invocation) {
  InFlight::Call in_flight(&in_flight_);
  ToolTraits traits = inner_->traits(invocation.tool);
  Change change(traits.read_only ? nullptr : &changes_);
  if (!traits.read_only) {
    co_return co_await grouped(ctx, std::move(invocation), traits);
  }
  std::string key = key_of(invocation);
  auto arguments = Json::parse(invocation.arguments.empty() ? "{}" : invocation.arguments);
  append_field(key, arguments ? canonical_json(*arguments) : invocation.arguments);
  append_field(key, std::to_string(changes_));
  CallWork work = [this, traits](Context below, ToolInvocation one) {
    return grouped(std::move(below), std::move(one), traits);
  };
  co_return co_await shared_.call(ctx, std::move(key), std::move(invocation), std::move(work));
}

Task<Result<ToolOutcome>> GovernedClient::grouped(Context ctx, ToolInvocation invocation,
                                                  ToolTraits traits) {
  const std::map<std::string, BatchForm>& forms = inner_->server().batch;
  auto form = forms.find(invocation.tool);
  if (form == forms.end()) co_return co_await in_turn(ctx, std::move(invocation), traits);
  CallWork work = [this, traits](Context below, ToolInvocation one) {
    return in_turn(std::move(below), std::move(one), traits);
  };
  std::string group = key_of(invocation);
  co_return co_await batcher_.call(ctx, form->second, traits.safe_to_repeat(), std::move(group),
                                   std::move(invocation), std::move(work));
}

std::optional<Duration> GovernedClient::pause_before_next(const Error& error,
                                                          const ToolTraits& traits,
                                                          int tries) const {
  if (is_refusal(error)) {
    // The limiter knows how long to wait.
    if (tries >= limits::kToolTriesMax) return std::nullopt;
    return Duration::zero();
  }
  if (error.retry == Retry::kAfter) {
    Duration wait = error.retry_after.value_or(kPause);
    if (tries >= limits::kMcpCallTriesMax || wait > limits::kRetryWaitMax) return std::nullopt;
    return wait;
  }
  if (error.code != Code::kUnavailable || error.retry == Retry::kNever) return std::nullopt;
  if (traits.unsafe_to_repeat()) return std::nullopt;
  if (tries >= (traits.safe_to_repeat() ? limits::kToolTriesMax : limits::kMcpCallTriesMax)) {
    return std::nullopt;
  }
  // A server that just ended is started again at once; one that goes on failing is left alone.
  if (tries == 1) return Duration::zero();
  Duration wait = limits::kToolBackoff * (int64_t{1} << std::min(tries - 2, 10));
  wait = std::min<Duration>(wait, limits::kToolBackoffMax);
  if (random_ == nullptr) return wait;
  return wait -
         Duration(static_cast<int64_t>(random_->unit() * static_cast<double>(wait.count()) / 2));
}

Task<Result<ToolOutcome>> GovernedClient::in_turn(Context ctx, ToolInvocation invocation,
                                                  ToolTraits traits) {
  CallReport unseen;
  CallReport* report = invocation.report == nullptr ? &unseen : invocation.report;
  async::Loop& loop = ctx.loop();
  std::optional<Error> refusal;
  for (int tries = 1;; ++tries) {
    Limiter::Permit permit;
    if (limiter_ != nullptr) {
      MonoTime began = loop.mono();
      auto entered = co_await limiter_->enter(ctx, invocation.tool, invocation.origin.session);
      report->waited += loop.mono() - began;
      if (!entered) {
        // What the server itself said tells more than that we will not wait for it.
        bool limited = entered.error().reason == "limited";
        co_return fail(limited && refusal ? std::move(*refusal) : std::move(entered).error());
      }
      permit = std::move(*entered);
    }
    report->tries = tries;
    ToolInvocation attempt = invocation;
    attempt.attempt += tries - 1;
    attempt.turn = permit.turn();
    auto outcome = co_await inner_->call(ctx, std::move(attempt));
    permit.finish(answer_of(outcome));
    if (outcome || !ctx.check().has_value()) co_return outcome;
    std::optional<Duration> pause = pause_before_next(outcome.error(), traits, tries);
    if (!pause || *pause >= ctx.remaining()) co_return outcome;
    if (is_refusal(outcome.error())) refusal = outcome.error();
    MonoTime began = loop.mono();
    auto slept = co_await async::sleep_for(ctx, *pause);
    report->waited += loop.mono() - began;
    if (!slept) co_return outcome;
  }
}

Task<void> GovernedClient::close(Context ctx) {
  co_await shared_.stop();
  co_await batcher_.stop();
  co_await inner_->close(ctx);
}

Task<void> GovernedClient::retire(Context ctx) {
  co_await in_flight_.wait_idle(ctx);
  co_await shared_.stop();
  co_await batcher_.stop();
  co_await inner_->retire(ctx);
}

}  // namespace drover::tools
