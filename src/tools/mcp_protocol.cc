#include "tools/mcp_protocol.h"

#include <algorithm>
#include <array>

namespace drover::tools::mcp {
namespace {

/// The payload of an image or a file is of no use as text, and dear: its size stands in its place.
void leave_out(Json& object, std::string_view member) {
  Json* data = object.find(member);
  if (data == nullptr || data->string() == nullptr) return;
  *data = Json("(" + std::to_string(data->string()->size()) + " characters of base64 left out)");
}

/// What a model reads of a block that is not text.
std::string text_of_block(const Json& block) {
  const Json* resource = block.find("resource");
  if (resource != nullptr) {
    if (auto text = resource->get_string("text")) return std::string(*text);
  }
  Json shown = block;
  leave_out(shown, "data");
  if (Json* inner = shown.find("resource")) leave_out(*inner, "blob");
  return shown.dump();
}

Json client_info() { return Json::object().set("name", "drover").set("version", "0.1.0"); }

}  // namespace

bool is_legacy_version(std::string_view version) {
  constexpr std::array<std::string_view, 4> kKnown = {"2024-11-05", "2025-03-26", "2025-06-18",
                                                      "2025-11-25"};
  for (std::string_view known : kKnown) {
    if (version == known) return true;
  }
  return false;
}

Json initialize_params() {
  Json params = Json::object();
  params.set("protocolVersion", kLegacyVersion);
  params.set("capabilities", Json::object());
  params.set("clientInfo", client_info());
  return params;
}

Json modern_meta() {
  Json meta = Json::object();
  meta.set("io.modelcontextprotocol/protocolVersion", kModernVersion);
  meta.set("io.modelcontextprotocol/clientCapabilities", Json::object());
  meta.set("io.modelcontextprotocol/clientInfo", client_info());
  return meta;
}

Json listen_params() {
  Json out = Json::object();
  out.set("notifications", Json::object().set("toolsListChanged", true));
  out.set("_meta", modern_meta());
  return out;
}

bool tells_of_list_changes(const Json& result) {
  const Json* capabilities = result.find("capabilities");
  const Json* tools = capabilities == nullptr ? nullptr : capabilities->find("tools");
  return tools != nullptr && tools->get_bool("listChanged").value_or(false);
}

bool acknowledges_list_changes(const Json& params) {
  const Json* agreed = params.find("notifications");
  return agreed != nullptr && agreed->get_bool("toolsListChanged").value_or(false);
}

void add_meta(Json& params, const Json::Object& members) {
  if (params.is_null()) params = Json::object();
  if (params.find("_meta") == nullptr) params.set("_meta", Json::object());
  Json* meta = params.find("_meta");
  for (const Json::Member& m : members) meta->set(m.first, m.second);
}

Result<ToolPage> parse_tool_page(const Json& result) {
  const Json* tools = result.find("tools");
  if (tools == nullptr || !tools->is_array()) {
    return fail(Code::kInternal, "the tool server's list of tools has no 'tools'");
  }
  ToolPage page;
  for (const Json& item : *tools->array_items()) {
    auto name = item.get_string("name");
    if (!name || name->empty()) return fail(Code::kInternal, "a tool of the server has no name");
    ListedTool listed;
    contract::ToolDefinition& tool = listed.definition;
    tool.name = std::string(*name);
    tool.description = item.get_text("description");
    if (const Json* schema = item.find("inputSchema")) tool.parameters = *schema;
    if (const Json* hints = item.find("annotations")) {
      listed.traits.read_only = hints->get_bool("readOnlyHint").value_or(false);
      listed.traits.idempotent = hints->get_bool("idempotentHint");
    }
    page.tools.push_back(std::move(listed));
  }
  if (auto ttl = result.get_int("ttlMs")) {
    constexpr int64_t kDay = 24 * 3600 * 1000;
    page.ttl = std::chrono::milliseconds(std::clamp<int64_t>(*ttl, 0, kDay));
  }
  page.next_cursor = result.get_text("nextCursor");
  return page;
}

Result<Json> call_params(const ToolInvocation& invocation) {
  Json arguments = Json::object();
  if (!invocation.arguments.empty()) {
    auto parsed = Json::parse(invocation.arguments);
    if (!parsed || !parsed->is_object()) {
      return fail(Code::kInvalidArgument,
                  "the arguments of tool '" + invocation.tool + "' are not a JSON object");
    }
    arguments = std::move(*parsed);
  }
  Json params = Json::object();
  params.set("name", invocation.tool);
  params.set("arguments", std::move(arguments));
  add_meta(params, invocation.meta);
  Json::Object key;
  key.emplace_back("drover/idempotency_key", Json(invocation.idempotency_key));
  key.emplace_back("drover/attempt", Json(invocation.attempt));
  add_meta(params, key);
  return params;
}

Result<ToolOutcome> parse_call_result(const Json& result) {
  if (auto type = result.get_string("resultType"); type && *type != "complete") {
    return fail(Code::kUnimplemented, "the tool wants to ask something first (" +
                                          std::string(*type) +
                                          "), which agents' tools cannot do yet");
  }
  ToolOutcome out;
  out.is_error = result.get_bool("isError").value_or(false);
  if (const Json* structured = result.find("structuredContent")) out.structured = *structured;
  const Json* content = result.find("content");
  bool any = false;
  if (content != nullptr && content->is_array()) {
    for (const Json& block : *content->array_items()) {
      auto text = block.get_string("text");
      if (block.get_string("type") == "text" && text) {
        out.content += *text;
        any = true;
      } else {
        out.other_content.push_back(block);
      }
    }
  }
  for (const Json& block : out.other_content) {
    if (any) out.content += '\n';
    out.content += text_of_block(block);
    any = true;
  }
  // A server may answer with structured content alone; the model reads it as text.
  if (!any && !out.structured.is_null()) out.content = out.structured.dump();
  return out;
}

Error to_error(const http::RpcError& error, std::string_view method) {
  Code code = Code::kInternal;
  if (error.code == http::kRpcInvalidParams || error.code == http::kRpcInvalidRequest) {
    code = Code::kInvalidArgument;
  } else if (error.code == http::kRpcMethodNotFound || error.code == kUnsupportedVersion) {
    code = Code::kUnimplemented;
  } else if (error.code == kMissingCapability) {
    code = Code::kFailedPrecondition;
  }
  Error out(code, std::string(method) + ": " + error.message, Retry::kNever);
  out.reason = "rpc_" + std::to_string(error.code);
  return out;
}

}  // namespace drover::tools::mcp
