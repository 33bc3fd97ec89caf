#include "app/session_text.h"

#include <algorithm>
#include <cstdint>

#include "app/output.h"

namespace drover::app {
namespace {

constexpr size_t kSummaryWidth = 100;
/// Why something failed or was refused is not cut before the reason.
constexpr size_t kReasonWidth = 2000;

std::string money_and_tokens(const Json& payload) {
  std::string out;
  const Json* in = payload.at("usage", "input_tokens");
  const Json* generated = payload.at("usage", "output_tokens");
  if (in != nullptr && in->integer()) out += std::to_string(*in->integer()) + " in";
  if (generated != nullptr && generated->integer()) {
    out += (out.empty() ? "" : ", ") + std::to_string(*generated->integer()) + " out";
  }
  std::string cost = member(payload, "cost_usd");
  if (!cost.empty()) out += (out.empty() ? "$" : ", $") + cost;
  return out.empty() ? "" : " [" + out + "]";
}

std::string error_text(const Json& payload) {
  const Json* error = payload.find("error");
  return error == nullptr ? "" : member(*error, "message");
}

std::string model_result(const Json& payload, size_t width) {
  const Json* message = payload.find("message");
  std::string said = message == nullptr ? "" : message_text(*message);
  std::string calls = message == nullptr ? "" : tool_calls_text(*message);
  std::string out = message == nullptr ? "failed: " + error_text(payload)
                    : said.empty()     ? calls
                                       : said + (calls.empty() ? "" : " → " + calls);
  std::string from = member(payload, "endpoint");
  if (message == nullptr) width = std::max(width, kReasonWidth);
  return (from.empty() ? "" : from + ": ") + one_line(out, width) + money_and_tokens(payload);
}

std::string tool_names(const Json* list) {
  std::string out;
  if (list == nullptr || list->array_items() == nullptr) return out;
  for (const Json& item : *list->array_items()) {
    if (item.string() != nullptr) out += (out.empty() ? "" : ", ") + *item.string();
  }
  return out;
}

/// "; frankfurt: retention: …; virginia: …", each with the rule that removed it.
std::string rejected_text(const Json& payload) {
  const Json* list = payload.find("rejected");
  std::string out;
  if (list == nullptr || list->array_items() == nullptr) return out;
  for (const Json& r : *list->array_items()) {
    std::string rule = member(r, "rule");
    out += "; " + member(r, "endpoint") + ": " + (rule.empty() ? "" : rule + ": ") +
           member(r, "reason");
  }
  return out;
}

}  // namespace

std::string message_text(const Json& message) {
  const Json* content = message.find("content");
  if (content == nullptr) return "";
  if (content->string() != nullptr) return *content->string();
  std::string out;
  if (content->array_items() == nullptr) return out;
  for (const Json& part : *content->array_items()) {
    if (member(part, "type") == "text") {
      out += member(part, "text");
    } else {
      out += "[" + member(part, "type") + "]";
    }
  }
  return out;
}

std::string tool_calls_text(const Json& message) {
  const Json* calls = message.find("tool_calls");
  std::string out;
  if (calls == nullptr || calls->array_items() == nullptr) return out;
  for (const Json& call : *calls->array_items()) {
    const Json* function = call.find("function");
    if (function == nullptr) continue;
    out += (out.empty() ? "" : ", ") + member(*function, "name") + "(" +
           member(*function, "arguments") + ")";
  }
  return out;
}

bool stopped_by_budget(const Json& error) {
  // "step_budget", "subtask_budget", "tree_budget"; an account's is "budget_exceeded".
  const std::string reason = member(error, "reason");
  return reason == "budget_exceeded" || reason.ends_with("_budget");
}

std::string failure_text(const Json& failure) {
  const Json* error = failure.find("error");
  if (error == nullptr) return "";
  std::string out = member(*error, "message");
  if (member(*error, "retry") != "never") out += " (it is tried again)";
  return one_line(out, kReasonWidth);
}

std::string event_summary(const Json& event, bool whole) {
  const size_t width = whole ? SIZE_MAX : kSummaryWidth;
  const size_t reason_width = std::max(width, kReasonWidth);
  const std::string kind = member(event, "kind");
  const Json* found = event.find("payload");
  if (found == nullptr) return "(payload purged)";
  const Json& p = *found;
  if (kind == "session.started") {
    const Json* agent = p.find("agent");
    return agent == nullptr ? "" : member(*agent, "name") + " " + member(*agent, "version");
  }
  if (kind == "observation") {
    const Json* message = p.find("message");
    return one_line(message == nullptr ? "" : message_text(*message), width);
  }
  if (kind == "model.call")
    return "step " + member(p, "step") + ": " + tool_names(p.find("models"));
  if (kind == "model.result") return model_result(p, width);
  if (kind == "tool.call") {
    return one_line(member(p, "name") + "(" + member(p, "arguments") + ")", width);
  }
  if (kind == "tool.result") {
    const std::string said = member(p, "name") + ": " + member(p, "content") + error_text(p);
    return one_line(said, p.find("error") == nullptr ? width : reason_width);
  }
  if (kind == "plan" && p.find("error") != nullptr) {
    return one_line("failed: " + error_text(p), reason_width);
  }
  if (kind == "placement.decided") {
    std::string out = tool_names(p.find("endpoints"));
    if (out.empty()) return one_line("nowhere" + rejected_text(p), reason_width);
    const Json* scratch = p.find("scratch");
    if (scratch == nullptr || !scratch->get_string("from")) return out;
    return one_line(
        out + "; scratch data " + member(*scratch, "from") + " → " + member(*scratch, "store"),
        width);
  }
  if (kind == "failover") {
    return one_line(member(p, "from") + " → " + member(p, "to") + ": " + error_text(p),
                    reason_width);
  }
  if (kind == "wait.started") return "for " + member(p, "for");
  if (kind == "session.ended") return one_line(member(p, "reason"), width);
  return one_line(p.dump(), width);
}

bool needs_no_endpoint(const Json& placement) {
  auto none = [&](std::string_view name) {
    const Json* list = placement.find(name);
    return list == nullptr || list->array_items() == nullptr || list->array_items()->empty();
  };
  return none("ranked") && none("rejected");
}

std::string no_endpoint_text(const Json& placement, bool hint) {
  if (needs_no_endpoint(placement)) {
    return "No endpoint is needed: the agent names no model, and its planner has asked for none.";
  }
  const Json* rejected = placement.find("rejected");
  const Json* unserved = placement.find("unserved_models");
  const Json::Array* models = unserved == nullptr ? nullptr : unserved->array_items();
  if (models != nullptr && !models->empty() && rejected != nullptr &&
      rejected->array_items() != nullptr && rejected->array_items()->size() == models->size()) {
    std::string names;
    for (const Json& model : *models) {
      if (const std::string* name = model.string()) {
        names += (names.empty() ? "'" : ", '") + one_line(*name, 80) + "'";
      }
    }
    // The session may be of another configuration, and have been served under it.
    const bool was = placement.find("last") != nullptr;
    return std::string(was ? "For its next call, no" : "No") + " endpoint " +
           (was ? "of the configuration in use here " : "") + "serves the model" +
           (models->size() == 1 ? " " : "s ") + names +
           (was ? "; how its last call was placed stands below." : ".");
  }
  return std::string("No endpoint may be used") + (hint ? " (--explain says why)." : ".");
}

}  // namespace drover::app
