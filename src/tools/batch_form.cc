#include "tools/batch_form.h"

#include <algorithm>
#include <utility>

#include "base/limits/tool_calls.h"
#include "tools/http_answer.h"

namespace drover::tools {
namespace {

Failure bad_batch(std::string message) { return fail(Code::kInvalidArgument, std::move(message)); }

Result<void> take_text(const Json& json, std::string_view name, std::string& out) {
  const Json* value = json.find(name);
  if (value == nullptr) return {};
  if (value->string() == nullptr || value->string()->empty()) {
    return bad_batch("'" + std::string(name) + "' of a batch must be a text");
  }
  out = *value->string();
  return {};
}

/// Texts differ in their lengths, so that no two lists share a text.
uint64_t fingerprint(const std::vector<ToolInvocation>& calls) {
  uint64_t hash = 14695981039346656037ull;  // FNV-1a
  auto add = [&hash](unsigned char c) { hash = (hash ^ c) * 1099511628211ull; };
  for (const ToolInvocation& call : calls) {
    for (unsigned char c : call.idempotency_key) add(c);
    add(0);
  }
  return hash;
}

Json call_facts(const ToolInvocation& call) {
  Json out = Json::object();
  for (const auto& [name, value] : call.meta) {
    if (name == "drover/session" || name == "drover/sequence") out.set(name.substr(7), value);
  }
  out.set("idempotency_key", call.idempotency_key);
  return out;
}

/// The list that the answer is, or holds.
const Json* list_of(const BatchForm& form, const Json& answer) {
  const Json* out = form.results.empty() ? &answer : answer.find(form.results);
  return out != nullptr && out->is_array() ? out : nullptr;
}

ToolOutcome outcome_of(const Json& entry) {
  ToolOutcome out;
  const Json* error = entry.find("error");
  if (error != nullptr && !error->is_null() && error->boolean() != false) {
    out.is_error = true;
    auto message = error->get_string("message");
    out.content = error->string() != nullptr ? *error->string()
                  : message                  ? std::string(*message)
                                             : error->dump();
  } else if (entry.string() != nullptr) {
    out.content = *entry.string();
  } else {
    out.content = entry.dump();
    out.structured = entry;
  }
  limit_content(out);
  return out;
}

}  // namespace

Result<BatchForm> batch_form_from_json(const Json& json) {
  if (!json.is_object()) return bad_batch("a batch is {tool: …, items: …, results: …}");
  for (const Json::Member& m : *json.members()) {
    constexpr std::string_view kKnown[] = {"tool", "items", "item", "results", "max", "window_ms"};
    if (std::find(std::begin(kKnown), std::end(kKnown), m.first) == std::end(kKnown)) {
      return bad_batch("a batch has no '" + m.first +
                       "' (there are: tool, items, item, results, max, window_ms)");
    }
  }
  BatchForm out;
  TRY_VOID(take_text(json, "tool", out.tool));
  TRY_VOID(take_text(json, "items", out.items));
  TRY_VOID(take_text(json, "item", out.item));
  TRY_VOID(take_text(json, "results", out.results));
  if (out.tool.empty())
    return bad_batch("a batch needs 'tool', the one that does many calls at once");
  if (out.items.empty())
    return bad_batch("a batch needs 'items', the argument that takes the list");
  if (const Json* most = json.find("max")) {
    auto n = most->integer();
    constexpr int64_t kMost = static_cast<int64_t>(limits::kToolBatchMax);
    if (!n || *n < 2 || *n > kMost) {
      return bad_batch("'max' of a batch must be from 2 to " + std::to_string(kMost));
    }
    out.most = static_cast<size_t>(*n);
  }
  if (const Json* window = json.find("window_ms")) {
    auto ms = window->number();
    double most = static_cast<double>(limits::kToolBatchWindowMax.count()) / 1e6;
    if (!ms || !(*ms >= 0) || *ms > most) {
      return bad_batch("'window_ms' of a batch must be from 0 to " +
                       std::to_string(static_cast<int64_t>(most)));
    }
    out.window = Duration(static_cast<int64_t>(*ms * 1e6));
  }
  return out;
}

Result<BatchPart> batch_part(const BatchForm& form, const ToolInvocation& invocation) {
  BatchPart out;
  out.rest = Json::object();
  if (!invocation.arguments.empty()) {
    TRY(out.rest, Json::parse(invocation.arguments));
  }
  if (!out.rest.is_object()) return bad_batch("the arguments are not a JSON object");
  if (form.item.empty()) {
    out.item = std::exchange(out.rest, Json::object());
    return out;
  }
  const Json* item = out.rest.find(form.item);
  if (item == nullptr) return bad_batch("the argument '" + form.item + "' is missing");
  if (out.rest.find(form.items) != nullptr && form.items != form.item) {
    return bad_batch("the argument '" + form.items + "' is the batch's");
  }
  out.item = *item;
  out.rest.erase(form.item);
  return out;
}

ToolInvocation batch_invocation(const BatchForm& form, const std::vector<ToolInvocation>& calls,
                                const std::vector<BatchPart>& parts) {
  ToolInvocation out = calls.front();
  out.tool = form.tool;
  out.report = nullptr;
  Json items = Json::array();
  Json who = Json::array();
  for (size_t i = 0; i < calls.size(); ++i) {
    items.push(parts[i].item);
    who.push(call_facts(calls[i]));
    out.attempt = std::max(out.attempt, calls[i].attempt);
  }
  Json arguments = parts.front().rest;
  arguments.set(form.items, std::move(items));
  out.arguments = arguments.dump();
  out.meta.emplace_back("drover/calls", std::move(who));
  // The same calls together have the same key; each of them alone has its own.
  out.idempotency_key +=
      "+" + std::to_string(calls.size() - 1) + "-" + std::to_string(fingerprint(calls));
  return out;
}

Result<std::vector<ToolOutcome>> deal_batch(const BatchForm& form, const ToolOutcome& answer,
                                            size_t calls) {
  auto refuse = [&form](const std::string& why) {
    return fail(Error(Code::kInternal, "tool '" + form.tool + "', asked for a batch, " + why)
                    .with_reason("batch_answer"));
  };
  if (answer.is_error) return refuse("answered with an error: " + answer.content);
  const Json* list = list_of(form, answer.structured);
  Json parsed;
  if (list == nullptr) {
    if (auto text = Json::parse(answer.content)) {
      parsed = std::move(*text);
      list = list_of(form, parsed);
    }
  }
  if (list == nullptr) {
    return refuse(form.results.empty() ? "answered with no list"
                                       : "answered without a list '" + form.results + "'");
  }
  const Json::Array& entries = *list->array_items();
  if (entries.size() != calls) {
    return refuse("gave " + std::to_string(entries.size()) + " results for " +
                  std::to_string(calls) + " calls");
  }
  std::vector<ToolOutcome> out;
  for (const Json& entry : entries) out.push_back(outcome_of(entry));
  return out;
}

}  // namespace drover::tools
