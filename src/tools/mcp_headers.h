#pragma once
// The headers that repeat a request's body over HTTP in the 2026-07-28 era, so that proxies can
// route without parsing: Mcp-Method, Mcp-Name, and Mcp-Param-<Name> for properties that a tool's
// schema marks with "x-mcp-header". A server refuses a call whose headers and body differ.
// Pure functions. Source: MCP 2026-07-28, "Streamable HTTP", "Standard and custom headers".

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace drover::tools::mcp {

/// The text itself if it survives as a field value, else =?base64?…?= of it.
std::string header_value(std::string_view text);

/// One property of a tool's schema that travels as a header too.
struct HeaderParam {
  std::vector<std::string> path;  // members of `arguments`, outermost first
  std::string name;               // after "Mcp-Param-"
};

/// The properties a schema marks. kInvalidArgument where a mark is not allowed: such a tool must
/// not be offered over HTTP, since its calls could not be framed.
Result<std::vector<HeaderParam>> header_params(const Json& schema);

/// The headers of one call; absent and null arguments have none.
std::vector<std::pair<std::string, std::string>> param_headers(
    const std::vector<HeaderParam>& params, const Json& arguments);

}  // namespace drover::tools::mcp
