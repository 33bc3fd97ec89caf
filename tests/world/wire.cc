#include "world/wire.h"

#include "dialect/dialect.h"
#include "http/json_rpc.h"
#include "session/http_planner.h"
#include "tools/mcp_protocol.h"

namespace drover::world {
namespace {

/// JSON that is none, of no text, too deep, or of another shape than was asked for.
constexpr std::string_view kGarbage[] = {
    "",
    "null",
    "[]",
    "{}",
    "<html>502 Bad Gateway</html>",
    "\xff\xfe\x00\x01",
    "{\"effects\":[{}]}",
    "{\"effects\":[{\"kind\":\"end\"},{\"kind\":\"end\"}]}",
    "{\"choices\":[]}",
    "{\"choices\":[{\"message\":{\"tool_calls\":[{}]}}]}",
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[]}",
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":7}}"};

std::string on_the_way(std::string bytes, Random* damage) {
  return damage == nullptr ? std::move(bytes) : damaged(std::move(bytes), *damage);
}

}  // namespace

std::string damaged(std::string bytes, Random& random) {
  switch (random.below(5)) {
    case 0:
      return bytes.substr(0, random.below(bytes.size() + 1));
    case 1:
      bytes += bytes.substr(random.below(bytes.size() + 1));
      return bytes;
    case 2:
      return std::string(4'000, '[') + bytes;
    case 3:
      return std::string(kGarbage[random.below(std::size(kGarbage))]);
    default:
      for (uint64_t n = 1 + random.below(3); n > 0 && !bytes.empty(); --n) {
        char& byte = bytes[random.below(bytes.size())];
        byte = static_cast<char>(byte ^ (1 << random.below(8)));
      }
      return bytes;
  }
}

Result<Json> planner_over_wire(const Json& plan, Random* damage) {
  http::ResponseHead head;
  head.status = 200;
  return session::read_plan_answer(head, on_the_way(plan.dump(), damage));
}

Result<contract::ChatResponse> model_over_wire(const contract::ChatResponse& answer,
                                               Random* damage) {
  const dialect::Dialect& form = dialect::openai();
  return form.decode_response(on_the_way(form.encode_response(answer), damage));
}

Result<tools::ToolOutcome> tool_over_wire(const tools::ToolOutcome& outcome, Random* damage) {
  Json text = Json::object().set("type", "text").set("text", outcome.content);
  Json content = Json::array();
  content.push(std::move(text));
  http::RpcResponse response;
  response.id = http::RpcId(int64_t{1});
  response.outcome =
      Json::object().set("content", std::move(content)).set("isError", outcome.is_error);
  std::string bytes = http::encode(http::RpcMessage(std::move(response)));
  TRY(http::RpcMessage message, http::decode_rpc(on_the_way(std::move(bytes), damage)));
  const auto* answer = std::get_if<http::RpcResponse>(&message);
  if (answer == nullptr) return fail(Code::kInternal, "the server asks where it should answer");
  if (answer->error() != nullptr) return fail(tools::mcp::to_error(*answer->error(), "tools/call"));
  return tools::mcp::parse_call_result(*answer->result());
}

}  // namespace drover::world
