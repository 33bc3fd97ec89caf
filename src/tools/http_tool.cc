#include "tools/http_tool.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/limits/session.h"
#include "tools/http_answer.h"

namespace drover::tools {
namespace {

constexpr std::string_view kMethods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

bool has_query_arguments(std::string_view method) { return method == "GET" || method == "DELETE"; }

Failure bad_tool(std::string message) {
  return fail(Error(Code::kInvalidArgument, std::move(message)).with_reason("bad_arguments"));
}

/// A value as text of a path or a query.
std::string plain_text(const Json& value) {
  if (const std::string* text = value.string()) return *text;
  return value.dump();
}

Result<Json> parse_arguments(const ToolInvocation& invocation) {
  if (invocation.arguments.empty()) return Json::object();
  auto parsed = Json::parse(invocation.arguments);
  if (parsed && parsed->is_object()) return parsed;
  return bad_tool("the arguments of tool '" + invocation.tool + "' are not a JSON object");
}

/// The path with its `{name}` parts filled in, which the arguments lose.
Result<std::string> fill_path(std::string_view path, Json& arguments) {
  std::string out;
  std::vector<std::string> used;
  for (;;) {
    size_t open = path.find('{');
    out += path.substr(0, open);
    if (open == std::string_view::npos) break;
    size_t close = path.find('}', open);
    if (close == std::string_view::npos) return bad_tool("a '{' of the path is not closed");
    std::string name(path.substr(open + 1, close - open - 1));
    const Json* value = arguments.find(name);
    if (value == nullptr) return bad_tool("the argument '" + name + "' is missing");
    if (value->is_object() || value->is_array() || value->is_null()) {
      return bad_tool("the argument '" + name + "' must be a text or a number");
    }
    std::string text = plain_text(*value);
    // Encoded or not, servers take these for a step in the path.
    if (text.empty() || text == "." || text == "..") {
      return bad_tool("the argument '" + name + "' cannot be '" + text + "'");
    }
    out += percent_encode(text);
    used.push_back(std::move(name));
    path.remove_prefix(close + 1);
  }
  for (const std::string& name : used) arguments.erase(name);
  return out;
}

void append_query(std::string& target, const std::string& name, const Json& value) {
  target += target.find('?') == std::string::npos ? '?' : '&';
  target += percent_encode(name) + "=" + percent_encode(plain_text(value));
}

void append_query(std::string& target, const Json& arguments) {
  for (const Json::Member& m : *arguments.members()) {
    if (m.second.is_null()) continue;
    const Json::Array* items = m.second.array_items();
    if (items == nullptr) {
      append_query(target, m.first, m.second);
      continue;
    }
    for (const Json& item : *items) append_query(target, m.first, item);
  }
}

std::string_view session_of(const ToolInvocation& invocation) {
  for (const auto& [name, value] : invocation.meta) {
    if (name == "drover/session" && value.is_string()) return *value.string();
  }
  return {};
}

bool is_json(const http::ResponseHead& head) {
  if (is_type(head, "application/json")) return true;
  std::string_view type = head.headers.get("content-type").value_or("");
  return to_lower(trim(type.substr(0, type.find(';')))).ends_with("+json");
}

Result<void> check_tool(const HttpTool& tool) {
  if (std::find(std::begin(kMethods), std::end(kMethods), tool.method) == std::end(kMethods)) {
    return bad_tool("method '" + tool.method + "' is none of GET, POST, PUT, PATCH, DELETE");
  }
  if (!tool.path.empty() && !tool.path.starts_with('/')) {
    return bad_tool("path '" + tool.path + "' must begin with /");
  }
  for (unsigned char c : tool.path) {
    if (c <= 0x20 || c >= 0x7f || c == '#' || c == '\\') {
      return bad_tool("path '" + tool.path + "' holds a character that no URL has");
    }
  }
  if (std::count(tool.path.begin(), tool.path.end(), '{') !=
      std::count(tool.path.begin(), tool.path.end(), '}')) {
    return bad_tool("path '" + tool.path + "' has a brace without its fellow");
  }
  if (!tool.definition.parameters.is_null() && !tool.definition.parameters.is_object()) {
    return bad_tool("parameters must be a JSON Schema of an object");
  }
  return {};
}

Result<std::string> text_member(const Json& json, std::string_view name, std::string fallback) {
  const Json* value = json.find(name);
  if (value == nullptr) return fallback;
  if (const std::string* text = value->string()) return *text;
  return bad_tool("'" + std::string(name) + "' must be text");
}

}  // namespace

Result<HttpTool> http_tool_from_json(const Json& json) {
  static constexpr std::string_view kMembers[] = {"name",   "description", "parameters",
                                                  "method", "path",        "timeout_s"};
  if (!json.is_object()) return bad_tool("a tool must be a mapping of names to values");
  for (const Json::Member& m : *json.members()) {
    if (std::find(std::begin(kMembers), std::end(kMembers), m.first) != std::end(kMembers))
      continue;
    return bad_tool("unknown setting '" + m.first +
                    "' (known here: name, description, parameters, method, path, timeout_s)");
  }
  HttpTool out;
  TRY(out.definition.name, text_member(json, "name", ""));
  if (out.definition.name.empty()) return bad_tool("a tool needs a 'name'");
  TRY(out.definition.description, text_member(json, "description", ""));
  TRY(out.method, text_member(json, "method", "POST"));
  TRY(out.path, text_member(json, "path", "/" + out.definition.name));
  const Json* parameters = json.find("parameters");
  out.definition.parameters =
      parameters != nullptr ? *parameters : Json::object().set("type", "object");
  if (const Json* timeout = json.find("timeout_s")) {
    std::optional<double> seconds = timeout->number();
    if (!seconds || !(*seconds > 0) || *seconds > 86'400) {
      return bad_tool("'timeout_s' must be a number of seconds, at most 86400");
    }
    out.timeout = std::chrono::milliseconds(static_cast<int64_t>(*seconds * 1000));
  }
  TRY_VOID(check_tool(out));
  return out;
}

Result<http::ClientRequest> http_tool_request(const ToolServer& server, const http::Url& url,
                                              const HttpTool& tool,
                                              const ToolInvocation& invocation,
                                              const SpanContext& span) {
  TRY(Json arguments, parse_arguments(invocation));
  size_t given = arguments.members()->size();
  TRY(std::string path, fill_path(tool.path, arguments));
  http::ClientRequest request;
  request.method = tool.method;
  request.url = url;
  if (!path.empty()) {
    if (request.url.target.ends_with('/')) request.url.target.pop_back();
    request.url.target += path;
  }
  for (const auto& [name, value] : server.headers) request.headers.set(name, value);
  request.headers.set("accept", "application/json, text/*;q=0.9, */*;q=0.1");
  if (has_query_arguments(tool.method)) {
    append_query(request.url.target, arguments);
  } else {
    request.headers.set("content-type", "application/json");
    // As the model wrote it, unless the path took some.
    bool whole = arguments.members()->size() == given && !invocation.arguments.empty();
    request.body = whole ? invocation.arguments : arguments.dump();
  }
  request.headers.set("idempotency-key", invocation.idempotency_key);
  request.headers.set("drover-attempt", std::to_string(invocation.attempt));
  std::string_view session = session_of(invocation);
  if (!session.empty()) request.headers.set("drover-session", std::string(session));
  if (span.valid()) request.headers.set("traceparent", span.traceparent());
  request.tls.ca_file = server.ca_file;
  request.policy.allow = server.allow_private;
  return request;
}

bool is_no_answer(int status) {
  return status < 200 || (status >= 300 && status < 400) || status == 401 || status == 407 ||
         status == 408 || status == 425 || status == 429 || status == 502 || status == 503 ||
         status == 504;
}

ToolOutcome http_tool_outcome(const http::ResponseHead& head, std::string body) {
  ToolOutcome out;
  out.is_error = head.status >= 400;
  if (!is_utf8(body)) {
    // A body cut inside a character is still text.
    std::string cut = body;
    cut_utf8(cut, std::min(limits::kToolResultBytesMax, body.size()));
    if (!is_utf8(cut)) {
      std::string type(head.headers.get("content-type").value_or("an unknown type"));
      body = "[" + std::to_string(body.size()) + " bytes of " + type + " that are no text]";
    }
  }
  if (!out.is_error && is_json(head) && body.size() <= limits::kToolResultBytesMax) {
    if (auto json = Json::parse(body)) out.structured = std::move(*json);
  }
  if (out.is_error) {
    out.content = "HTTP " + std::to_string(head.status);
    if (!body.empty()) out.content += ": ";
  }
  out.content += body;
  limit_content(out);
  return out;
}

}  // namespace drover::tools
