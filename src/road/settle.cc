#include "road/settle.h"

#include <algorithm>

#include "base/limits/money.h"
#include "road/accounts.h"

namespace drover::road {
namespace {

int64_t body_tokens(int64_t bytes) {
  // An OpenAI body is about 400 bytes around its message.
  bytes -= 400;
  return bytes > 0 ? bytes / providers::kBytesPerToken + 1 : 1;
}

int64_t answer_tokens(const Flight& flight, const providers::Answer& answer) {
  if (flight.streamed) return answer.said.tokens_to_pay();
  if (answer.openai_body) return body_tokens(static_cast<int64_t>(answer.openai_body->size()));
  const contract::Message& message = answer.response.message;
  size_t bytes = message.text().size() + message.refusal.size();
  for (const contract::ToolCall& call : message.tool_calls) {
    bytes += call.name.size() + call.arguments.size();
  }
  return static_cast<int64_t>(bytes) / providers::kBytesPerToken + 1;
}

/// Of an answer that nobody saw, or not all of.
int64_t unseen_tokens(const catalog::Endpoint& endpoint, const Flight& flight,
                      const providers::AttemptError& error) {
  const providers::Prompt& prompt = flight.call.prompt;
  const int64_t reserved = output_tokens_at_most(prompt, endpoint.output_tokens_max);
  if (error.body_bytes) {
    if (flight.streamed && *error.body_bytes == 0) return 0;
    return std::min(reserved, body_tokens(*error.body_bytes));
  }
  const double made = to_seconds(error.timing.total) * limits::kOutputTokensPerSecondMax;
  return std::min(reserved, (static_cast<int64_t>(made) + 1) * prompt.answers());
}

void fill(contract::Usage& usage, int64_t input, int64_t output) {
  if (usage.input_tokens && usage.output_tokens) return;
  usage.estimated = true;
  if (!usage.input_tokens) usage.input_tokens = input;
  if (!usage.output_tokens) usage.output_tokens = output;
}

Charge priced(const catalog::Endpoint& endpoint, const Flight& flight, const contract::Usage& usage,
              std::string_view served, std::string_view asked) {
  const catalog::Price& price = endpoint.price_at(flight.caller.loop().wall());
  Charge out;
  out.cost_known = price.known;
  out.cost = price.cost(usage, served);
  // Asked for and not confirmed: the dearer of the two.
  if (served.empty() && !asked.empty()) out.cost = std::max(out.cost, price.cost(usage, asked));
  return out;
}

}  // namespace

Charge charge_of(const catalog::Endpoint& endpoint, const Flight& flight, providers::Answer& answer,
                 std::string_view tier) {
  contract::Usage& usage = answer.response.usage;
  if (!usage.input_tokens || !usage.output_tokens) {
    fill(usage, flight.call.prompt.estimated_input_tokens(), answer_tokens(flight, answer));
  }
  return priced(endpoint, flight, usage, answer.response.service_tier, tier);
}

std::optional<Charge> charge_of(const catalog::Endpoint& endpoint, const Flight& flight,
                                const providers::AttemptError& error, std::string_view tier,
                                contract::Usage& usage) {
  if (!error.usage.known() && !error.visible && !error.billable) return std::nullopt;
  usage = error.usage;
  // Some providers tell the usage as it grows: what they told before the break is not the last
  // word.
  usage.estimated = true;
  const int64_t output =
      error.visible ? error.said.tokens_to_pay() : unseen_tokens(endpoint, flight, error);
  fill(usage, flight.call.prompt.estimated_input_tokens(), output);
  return priced(endpoint, flight, usage, {}, tier);
}

void add_failed(contract::Usage& sum, const contract::Usage& more) {
  if (!sum.known()) {
    sum = more;
    return;
  }
  sum.input_tokens = sum.input_tokens.value_or(0) + more.input_tokens.value_or(0);
  sum.output_tokens = sum.output_tokens.value_or(0) + more.output_tokens.value_or(0);
}

}  // namespace drover::road
