#include <map>

#include "app/demo/fidelity.h"
#include "session/state.h"

namespace drover::app {
namespace {

using contract::Message;

/// Whether the answers of an endpoint came with arguments as objects.
bool carries_objects(const std::string& endpoint) {
  return endpoint.starts_with("aws/") && !endpoint.ends_with("/openai");
}

std::string shorten(const std::string& text) {
  return text.size() <= 120 ? text : text.substr(0, 120) + "…";
}

std::string compare_calls(const std::vector<contract::ToolCall>& want,
                          const std::vector<contract::ToolCall>& got, bool objects) {
  if (want.size() != got.size()) {
    return std::to_string(got.size()) + " tool calls instead of " + std::to_string(want.size());
  }
  for (size_t i = 0; i < want.size(); ++i) {
    if (want[i].name != got[i].name) {
      return "tool '" + got[i].name + "' instead of '" + want[i].name + "'";
    }
    if (want[i].arguments == got[i].arguments) continue;
    auto a = Json::parse(want[i].arguments);
    auto b = Json::parse(got[i].arguments);
    if (objects && a && b && a->same_value(*b)) continue;
    return "arguments " + shorten(got[i].arguments) + " instead of " + shorten(want[i].arguments);
  }
  return "";
}

std::string compare_message(const Message& want, const Message& got, bool objects) {
  if (want.role != got.role) {
    return "role " + std::string(contract::role_name(got.role)) + " instead of " +
           std::string(contract::role_name(want.role));
  }
  if (want.text() != got.text()) {
    return "text '" + shorten(got.text()) + "' instead of '" + shorten(want.text()) + "'";
  }
  return compare_calls(want.tool_calls, got.tool_calls, objects);
}

}  // namespace

SessionVerdict compare_session(const sim::Recording& recording,
                               const std::vector<contract::Event>& events) {
  SessionVerdict out;
  session::State state;
  if (!events.empty()) state.id = events.front().session;
  std::map<uint64_t, int> results;  // accepted results by effect
  std::vector<std::string> answered_by;
  std::string last_error;
  for (const contract::Event& event : events) {
    if (event.kind == contract::kind::kFailover) ++out.failovers;
    bool call = event.kind == contract::kind::kModelCall || event.kind == contract::kind::kToolCall;
    if (call && event.attempt > 1) ++out.repeated;
    if (event.kind == contract::kind::kToolResult) ++results[event.causation];
    if (event.kind == contract::kind::kModelResult) {
      auto payload = Json::parse(event.payload);
      const Json* error = payload ? payload->find("error") : nullptr;
      if (error != nullptr && out.difference.empty()) {
        last_error = error->get_text("message");
      }
      if (payload && error == nullptr) {
        ++results[event.causation];
        answered_by.emplace_back(payload->get_string("endpoint").value_or(""));
      }
    }
    auto folded = session::fold(state, event);
    if (!folded) {
      out.difference = folded.error().message;
      break;
    }
  }
  out.steps = results.size();
  for (const auto& [effect, count] : results) {
    if (count > 1) out.duplicated += static_cast<uint64_t>(count - 1);
  }
  size_t assistant = 0;
  for (size_t i = 0; i < recording.messages.size(); ++i) {
    const Message& want = recording.messages[i];
    if (i >= state.messages.size()) {
      ++out.lost;
      if (out.difference.empty()) {
        out.difference = "message " + std::to_string(i) + " is missing: ";
        out.difference += last_error.empty() ? "waits for " + state.reason : last_error;
      }
      continue;
    }
    bool objects = false;
    if (want.role == contract::Role::kAssistant) {
      objects = assistant < answered_by.size() && carries_objects(answered_by[assistant]);
      ++assistant;
    }
    std::string difference = compare_message(want, state.messages[i], objects);
    if (!difference.empty() && out.difference.empty()) {
      out.difference = "message " + std::to_string(i) + ": " + difference;
    }
  }
  if (state.messages.size() > recording.messages.size() && out.difference.empty()) {
    out.difference =
        std::to_string(state.messages.size() - recording.messages.size()) + " messages too many";
  }
  if (state.status != session::Status::kEnded && out.difference.empty()) {
    out.difference = "the session has not ended: it waits for " + state.reason;
  }
  out.identical = out.difference.empty();
  return out;
}

}  // namespace drover::app
