#pragma once
// One call of a tool behind plain HTTP as a request, and its answer as the tool's outcome.
//
// Out: the arguments as a JSON body; with GET and DELETE as query parameters (text as it stands,
// numbers and booleans as JSON has them, lists once for each item, objects as JSON text, null left
// out). `{name}` in the path takes that argument away from the rest. Headers: Idempotency-Key (the
// same over all attempts; draft-ietf-httpapi-idempotency-key-header, as a bare token),
// Drover-Attempt, Drover-Session, traceparent.
// Back: what is text or JSON is the result as it came, a status of 400 and above an error result
// that the model reads. What says nothing of the call itself (401, 407, 408, 425, 429, 502, 503,
// 504, redirects) is an Error with its retry class.
// Pure functions. Errors name the tool and what to mend.

#include <string>

#include "base/limits/session.h"
#include "base/span.h"
#include "http/client.h"
#include "tools/tool_set.h"

namespace drover::tools {

/// A tool as the configuration has it: {name, description, parameters, method, path, timeout_s};
/// the path is /NAME unless one is given ("" for the server's URL itself).
Result<HttpTool> http_tool_from_json(const Json& json);

/// The request without its time limits. `url`: the server's, parsed.
Result<http::ClientRequest> http_tool_request(const ToolServer& server, const http::Url& url,
                                              const HttpTool& tool,
                                              const ToolInvocation& invocation,
                                              const SpanContext& span);

/// True where the status is the server's word on the way to the tool: read as status_error().
bool is_no_answer(int status);

/// Any other answer; `body` whole, or cut behind limits::kToolResultBytesMax.
ToolOutcome http_tool_outcome(const http::ResponseHead& head, std::string body);

}  // namespace drover::tools
