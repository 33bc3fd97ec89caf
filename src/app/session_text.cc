#include "app/session_text.h"

#include "app/output.h"

namespace drover::app {
namespace {

constexpr size_t kSummaryWidth = 100;

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

std::string model_result(const Json& payload) {
  const Json* message = payload.find("message");
  std::string said = message == nullptr ? "" : message_text(*message);
  std::string calls = message == nullptr ? "" : tool_calls_text(*message);
  std::string out = message == nullptr ? "failed: " + error_text(payload)
                    : said.empty()     ? calls
                                       : said + (calls.empty() ? "" : " → " + calls);
  std::string from = member(payload, "endpoint");
  return (from.empty() ? "" : from + ": ") + one_line(out, kSummaryWidth) +
         money_and_tokens(payload);
}

std::string tool_names(const Json* list) {
  std::string out;
  if (list == nullptr || list->array_items() == nullptr) return out;
  for (const Json& item : *list->array_items()) {
    if (item.string() != nullptr) out += (out.empty() ? "" : ", ") + *item.string();
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

std::string event_summary(const Json& event) {
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
    return one_line(message == nullptr ? "" : message_text(*message), kSummaryWidth);
  }
  if (kind == "model.call")
    return "step " + member(p, "step") + ": " + tool_names(p.find("models"));
  if (kind == "model.result") return model_result(p);
  if (kind == "tool.call") {
    return one_line(member(p, "name") + "(" + member(p, "arguments") + ")", kSummaryWidth);
  }
  if (kind == "tool.result") {
    return one_line(member(p, "name") + ": " + member(p, "content") + error_text(p), kSummaryWidth);
  }
  if (kind == "placement.decided") {
    std::string out = tool_names(p.find("endpoints"));
    const Json* scratch = p.find("scratch");
    if (scratch == nullptr || !scratch->get_string("from")) return out;
    return one_line(
        out + "; scratch data " + member(*scratch, "from") + " → " + member(*scratch, "store"),
        kSummaryWidth);
  }
  if (kind == "failover") {
    return one_line(member(p, "from") + " → " + member(p, "to") + ": " + error_text(p),
                    kSummaryWidth);
  }
  if (kind == "wait.started") return "for " + member(p, "for");
  if (kind == "session.ended") return one_line(member(p, "reason"), kSummaryWidth);
  return one_line(p.dump(), kSummaryWidth);
}

}  // namespace drover::app
