#include "road/settle.h"

namespace drover::road {
namespace {

int64_t streamed_tokens(const Flight& flight) {
  if (flight.visible_bytes > 0) return flight.visible_bytes / providers::kBytesPerToken + 1;
  return flight.visible_events;
}

int64_t answer_tokens(const Flight& flight, const providers::Answer& answer) {
  if (flight.streamed) return streamed_tokens(flight);
  if (answer.openai_body) {
    // An OpenAI body is about 400 bytes around its message.
    int64_t bytes = static_cast<int64_t>(answer.openai_body->size()) - 400;
    return bytes > 0 ? bytes / providers::kBytesPerToken + 1 : 1;
  }
  const contract::Message& message = answer.response.message;
  size_t bytes = message.text().size() + message.refusal.size();
  for (const contract::ToolCall& call : message.tool_calls) {
    bytes += call.name.size() + call.arguments.size();
  }
  return static_cast<int64_t>(bytes) / providers::kBytesPerToken + 1;
}

void fill(contract::Usage& usage, int64_t input, int64_t output) {
  if (usage.input_tokens && usage.output_tokens) return;
  usage.estimated = true;
  if (!usage.input_tokens) usage.input_tokens = input;
  if (!usage.output_tokens) usage.output_tokens = output;
}

Charge priced(const catalog::Endpoint& endpoint, const Flight& flight, contract::Usage usage,
              std::string_view served, std::string_view asked) {
  const catalog::Price& price = endpoint.price_at(flight.caller.loop().wall());
  Charge out;
  out.cost_known = price.known;
  out.cost = price.cost(usage, served);
  // Asked for and not confirmed: the dearer of the two.
  if (served.empty() && !asked.empty()) out.cost = std::max(out.cost, price.cost(usage, asked));
  out.usage = std::move(usage);
  return out;
}

}  // namespace

Charge charge_of(const catalog::Endpoint& endpoint, const Flight& flight,
                 const providers::Answer& answer, std::string_view tier) {
  contract::Usage usage = answer.response.usage;
  if (!usage.input_tokens || !usage.output_tokens) {
    fill(usage, flight.call.prompt.estimated_input_tokens(), answer_tokens(flight, answer));
  }
  return priced(endpoint, flight, std::move(usage), answer.response.service_tier, tier);
}

std::optional<Charge> charge_of(const catalog::Endpoint& endpoint, const Flight& flight,
                                const providers::AttemptError& error, std::string_view tier) {
  bool given_up = error.error.code == Code::kCancelled || error.error.reason == "total";
  if (!error.usage.known() && !error.visible && !given_up) return std::nullopt;
  contract::Usage usage = error.usage;
  // Some providers tell the usage as it grows: what they told before the break is not the last
  // word.
  usage.estimated = true;
  // What is counted in the flight may be another attempt's, where two ran side by side.
  int64_t said = error.visible ? streamed_tokens(flight) : 0;
  fill(usage, flight.call.prompt.estimated_input_tokens(), said);
  return priced(endpoint, flight, std::move(usage), {}, tier);
}

}  // namespace drover::road
