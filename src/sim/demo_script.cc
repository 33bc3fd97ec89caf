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
  {"note": "approvals: a refund that was not allowed",
   "when": {"last_tool": "refund_order", "result_contains": "refused"},
   "say": "I am sorry: a colleague looked at it and refused the refund."},
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

  {"note": "runaway: helpers that search without end",
   "when": {"user_matches": "bottom of ([^.?!]+)", "has_tool": "drover_spawn", "not_called": "drover_spawn"},
   "say": "I give parts of it to helpers.",
   "call": [{"tool": "drover_spawn", "arguments": {"tasks": [
             {"message": "Keep searching {{1}}: causes"}, {"message": "Keep searching {{1}}: measurements"},
             {"message": "Keep searching {{1}}: history"}, {"message": "Keep searching {{1}}: outlook"}]}}]},
  {"when": {"user_matches": "keep searching ([^.?!]+)", "has_tool": "search_web"},
   "say": "There must be more.",
   "call": [{"tool": "search_web", "arguments": {"query": "{{1}}"}}]},

  {"note": "step budgets: ask for more before a long report",
   "when": {"user_contains": ["long report"], "has_tool": "drover_request_extension", "not_called": "drover_request_extension"},
   "say": "That will be long: I ask for more room.",
   "call": [{"tool": "drover_request_extension", "arguments": {"reason_code": "long_answer",
             "explanation": "The report covers every store.", "tokens": 4000, "time_s": 60,
             "expected_gain": "the report in one piece"}}]},
  {"when": {"last_tool": "drover_request_extension"},
   "say": "Our stores, in full. Store 1 sold tents well, and its shelves for stoves want a second look before spring. Store 2 sold boots well, and its shelves for ropes want a second look before spring. Store 3 sold rain coats well, and its shelves for maps want a second look before spring. Store 4 sold lamps well, and its shelves for bottles want a second look before spring. Store 5 sold rucksacks well, and its shelves for gloves want a second look before spring. Store 6 sold sleeping bags well, and its shelves for skis want a second look before spring. Store 7 sold axes well, and its shelves for tents want a second look before spring. Store 8 sold stoves well, and its shelves for boots want a second look before spring. Store 9 sold maps well, and its shelves for rain coats want a second look before spring. Store 10 sold ropes well, and its shelves for lamps want a second look before spring. Store 11 sold bottles well, and its shelves for rucksacks want a second look before spring. Store 12 sold gloves well, and its shelves for sleeping bags want a second look before spring. Store 13 sold skis well, and its shelves for axes want a second look before spring. Store 14 sold tents well, and its shelves for gloves want a second look before spring. Store 15 sold boots well, and its shelves for bottles want a second look before spring. Store 16 sold rain coats well, and its shelves for ropes want a second look before spring. Store 17 sold lamps well, and its shelves for maps want a second look before spring. Store 18 sold rucksacks well, and its shelves for stoves want a second look before spring. Store 19 sold tents well, and its shelves for stoves want a second look before spring. Store 20 sold boots well, and its shelves for ropes want a second look before spring. Store 21 sold rain coats well, and its shelves for maps want a second look before spring. Store 22 sold lamps well, and its shelves for bottles want a second look before spring. Store 23 sold rucksacks well, and its shelves for gloves want a second look before spring. Store 24 sold sleeping bags well, and its shelves for skis want a second look before spring. Store 25 sold axes well, and its shelves for tents want a second look before spring. Store 26 sold stoves well, and its shelves for boots want a second look before spring. Store 27 sold maps well, and its shelves for rain coats want a second look before spring. Store 28 sold ropes well, and its shelves for lamps want a second look before spring. Store 29 sold bottles well, and its shelves for rucksacks want a second look before spring. Store 30 sold gloves well, and its shelves for sleeping bags want a second look before spring. Store 31 sold skis well, and its shelves for axes want a second look before spring. Store 32 sold tents well, and its shelves for gloves want a second look before spring. Store 33 sold boots well, and its shelves for bottles want a second look before spring. Store 34 sold rain coats well, and its shelves for ropes want a second look before spring. Store 35 sold lamps well, and its shelves for maps want a second look before spring. Store 36 sold rucksacks well, and its shelves for stoves want a second look before spring."},

  {"note": "a clinic: appointments, and what a ward asks",
   "when": {"user_contains": ["appointment"]},
   "say": "{{pick There is one on 2027-04-12 at 9:40.|The next one is on 2027-05-03 at 11:20.}} Shall I book it?"},
  {"when": {"user_contains": ["beds of the ward"]}, "say": "Beds 2 and 7 are free."},
  {"when": {"user_contains": ["diagnosis"]},
   "say": "In short: a broken wrist, set yesterday; nothing else was found."},

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
