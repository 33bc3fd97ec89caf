#include "sim/demo_script.h"

#include "base/assert.h"

namespace drover::sim {

std::string_view demo_script() {
  static constexpr std::string_view kText = R"json({"name": "day",
"otherwise": "I can look up an order, refund it, find a flight, or compare topics for you.",
"rules": [
  {"note": "support: an order",
   "when": {"last_tool": "lookup_order", "result_contains": "Error"},
   "say": "I cannot find that order. Could you check its number?"},
  {"when": {"last_tool": "lookup_order", "user_contains": ["money back", "refund"],
            "not_called": "refund_order"},
   "say": "I will refund it at once.",
   "call": [{"tool": "refund_order", "arguments": {
             "order_id": "{{result.lookup_order.order_id}}", "reason": "{{user}}"}}]},
  {"when": {"last_tool": "lookup_order"},
   "say": "{{pick Thank you for waiting.|Here it is.|I found it.}} Your order {{result.lookup_order.order_id}} is {{result.lookup_order.status}}; it comes to {{result.lookup_order.total}} {{result.lookup_order.currency}}. Is there anything else I can do for you?"},
  {"when": {"last_tool": "refund_order"},
   "say": "Done: {{result.refund_order.refunded}} {{result.refund_order.currency}} go back to you, and your receipt is {{result.refund_order.receipt}}. I am sorry for the trouble."},
  {"when": {"user_matches": "order ([a-z]+-[0-9]+)", "not_called": "lookup_order", "has_tool": "lookup_order"},
   "say": "Let me look that up for you.",
   "call": [{"tool": "lookup_order", "arguments": {"order_id": "{{1}}"}}]},
  {"when": {"user_contains": ["money back", "refund"], "ever_called": "lookup_order",
            "not_called": "refund_order", "has_tool": "refund_order"},
   "call": [{"tool": "refund_order", "arguments": {
             "order_id": "{{result.lookup_order.order_id}}", "reason": "{{user}}"}}]},

  {"note": "support: a flight, and the weather at both ends",
   "when": {"user_matches": "flight from ([a-z ]+) to ([a-z ]+) on ([0-9-]+)",
            "not_called": "search_flights", "has_tool": ["search_flights", "get_weather"]},
   "say": "I will look for flights, and at the weather in both places.",
   "call": [{"tool": "search_flights", "arguments": {"from": "{{1}}", "to": "{{2}}", "date": "{{3}}"}},
            {"tool": "get_weather", "over": ["{{1}}", "{{2}}"], "arguments": {"city": "{{item}}"}}]},
  {"when": {"last": "tool", "called": ["search_flights", "get_weather"]},
   "say": "The first flight is {{result.search_flights.flights.0.flight}} at {{result.search_flights.flights.0.departs}} for {{result.search_flights.flights.0.price_eur}} EUR. Where you land it is {{result.get_weather.celsius}} degrees with {{result.get_weather.sky}}. Shall I hold a seat?"},

  {"note": "research: three searches at once, then a note, then the comparison",
   "when": {"user_matches": "compare (.+), (.+) and ([^.?!]+)", "last": "user", "has_tool": "search_web"},
   "reasoning": "Three topics that do not depend on each other: I search them side by side.",
   "say": "I will look at all three.",
   "call": [{"tool": "search_web", "over": ["{{1}}", "{{2}}", "{{3}}"], "arguments": {"query": "{{item}}"}}]},
  {"when": {"user_matches": "compare (.+), (.+) and ([^.?!]+)", "last_tool": "search_web",
            "has_tool": "memory_write", "not_called": "memory_write"},
   "say": "I write down what I learnt.",
   "call": [{"tool": "memory_write", "over": ["{{1}}", "{{2}}", "{{3}}"],
             "arguments": {"key": "research/{{item}}", "text": "{{item}}: looked up on request; see the pages found under this title."}}]},
  {"when": {"user_matches": "compare (.+), (.+) and ([^.?!]+)", "last": "tool", "called": "search_web"},
   "say": "In short: {{1}}, {{2}} and {{3}} answer different needs. The best page I found last is “{{result.search_web.results.0.title}}”: {{result.search_web.results.0.text}}"},
  {"note": "research: what an earlier session wrote",
   "when": {"user_matches": "remember about ([^.?!]+)", "not_called": "memory_search", "has_tool": "memory_search"},
   "say": "Let me look into my notes.",
   "call": [{"tool": "memory_search", "arguments": {"query": "{{1}}"}}]},
  {"when": {"last_tool": "memory_search", "result_contains": "\"key\":\"research/"},
   "say": "My note {{result.memory_search.records.0.key}} says: {{result.memory_search.records.0.text}}"},
  {"when": {"last_tool": "memory_search"}, "say": "This is what I wrote down: {{result.memory_search}}"},

  {"when": {"user_contains": ["thank", "goodbye", "that's all"]},
   "say": "{{pick You are welcome.|Gladly.|Any time.}} Have a good day!"}
]})json";
  return kText;
}

std::shared_ptr<ScriptedModel> make_demo_model(uint64_t seed) {
  Result<Json> script = Json::parse(demo_script());
  DROVER_ASSERT(script.has_value());
  Result<std::unique_ptr<ScriptedModel>> model = ScriptedModel::parse(*script, seed);
  DROVER_ASSERT(model.has_value());
  return std::move(*model);
}

}  // namespace drover::sim
