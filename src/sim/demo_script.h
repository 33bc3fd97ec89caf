#pragma once
// What the simulated models of the demo's day say: a support agent with the tools of
// mcp_demo_tools.h, and a research agent that searches several things at once, writes down what it
// learnt, and reads it back in a later session. The language is scripted_model.h's.
//
// What the people of the day may say to have every rule used:
//   support   "Where is my order A-1042?", "I want my money back for it.", "Find me a flight from
//             Graz to Lund on 2026-12-01.", "Thank you!"
//   research  "Compare heat pumps, grid batteries and night trains.", in a later session:
//             "What do you remember about heat pumps?"
// Tools: lookup_order, refund_order, search_flights, get_weather, search_web; memory_write and
// memory_search.

#include <memory>
#include <string_view>

#include "sim/scripted_model.h"

namespace drover::sim {

std::string_view demo_script();
std::shared_ptr<ScriptedModel> make_demo_model(uint64_t seed);

}  // namespace drover::sim
