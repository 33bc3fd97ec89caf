#pragma once
// What a script looks at in a conversation, and the filling of its templates. Used by
// scripted_model.cc alone; the language is described in scripted_model.h. Pure.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "contract/chat.h"

namespace drover::sim {

/// The facts of a conversation that rules ask for.
struct ScriptState {
  std::string system;
  std::string user;  // the last user text
  int64_t user_turns = 0;
  bool last_is_tool = false;
  std::string last_tool;  // the tool of the last result
  std::string last_result;
  std::set<std::string> called;  // since the last user message
  std::set<std::string> ever_called;
  std::set<std::string> offered;
  std::map<std::string, std::string> results;  // by tool: the newest
  std::vector<std::string> turn_results;
  uint64_t seed = 0;  // of this conversation

  // While a rule is filled in.
  std::vector<std::string> groups;
  Json item;

  static ScriptState of(const contract::ChatRequest& request, uint64_t seed);
};

/// The value of what stands between {{ and }}; null if there is none.
Json template_value(const ScriptState& state, std::string_view name);
/// All templates in the text replaced.
std::string fill_text(const ScriptState& state, std::string_view text);
/// The same in every string of a value; one template alone keeps its type.
Json fill_json(const ScriptState& state, const Json& value);

}  // namespace drover::sim
