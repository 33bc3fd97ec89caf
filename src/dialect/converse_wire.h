#pragma once
// Internal to src/dialect: the pieces of Bedrock's Converse form. Sources: the types of AWS's SDK
// (client-bedrock-runtime 3.1164) and the service's error table.
//
// How the neutral form maps where the two differ:
// - Messages alternate: neighbours of one role become one message, tool results and a user's text
//   after them one user message, which is taken apart again.
// - Leading system and developer messages are `system` blocks; later ones are messages of the role
//   system. A developer comes back as system.
// - An empty tool result is `content: []`. A user's or assistant's empty text is {"text":""} (the
//   real service refuses it; nothing is invented in its place). Beside tool calls, "" and null
//   are the same.
// - Arguments are objects: equal as JSON; text that is no JSON object is refused.
// - A block that has no neutral form is kept as OtherPart {"type":"converse","block":…}.
// - A cachePoint is a mark on the part before it: prompt_cache_breakpoint, ttl 30m for 5m and 12h
//   for 1h.

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "dialect/dialect.h"

namespace drover::dialect::converse_wire {

/// Tool-use ids must be unique in a request and of [A-Za-z0-9_-]{1,64}; recordings repeat them.
/// The n-th call with the id X travels as "X--n", the first as X unless X ends in "--digits"
/// itself; so ids are unique and restore() is exact. Ids of other alphabets, or too long, travel
/// as "call--p--<n>" and do not come back: results belong to calls by position.
class ToolIds {
 public:
  std::string assign(const std::string& original);
  std::string restore(const std::string& wire) const;

 private:
  static std::optional<std::string> marked(const std::string& id);
  std::map<std::string, int> counts_;
  int foreign_ = 0;
};

/// Content blocks of a message, out. `dropped` collects names of what has no place.
struct Dropped {
  std::vector<std::string>& names;
  void add(std::string name);
};
Result<void> append_part(const contract::Part& part, Json::Array& blocks, Dropped& dropped);
Result<Json> tool_use_block(const contract::ToolCall& call, const std::string& wire_id,
                            Dropped& dropped);
std::optional<Json> cache_point_of(const Json::Object& extra);
/// Names of `extra` that are not cache marks go to `dropped`, prefixed.
void report_extra(const Json::Object& extra, const std::string& prefix, Dropped& dropped);

/// Content blocks of a message, in. A cachePoint marks the part before it.
Result<void> read_part(const Json& block, std::vector<contract::Part>& parts);
Result<contract::ToolCall> read_tool_use(const Json& use);
Json::Member cache_mark(const Json& cache_point);

Result<ChatRequest> decode_request(std::string_view body);
Result<EncodedRequest> encode_request(const ChatRequest& request);

contract::FinishReason finish_of_word(std::string_view word);
std::string_view finish_word(contract::FinishReason reason, std::string_view native);
contract::Usage usage_from_json(const Json& json);
Json usage_to_json(const contract::Usage& usage);

/// `type` is a service exception's name in any of its forms ("ThrottlingException:http://…",
/// "throttlingException").
Error error_of(int status, std::string_view type, std::string_view message);
/// The exception that stands for an Error, and its status.
struct ExceptionName {
  std::string_view name;
  int status;
};
ExceptionName exception_of(const Error& error);

std::unique_ptr<StreamDecoder> make_stream_decoder();
std::unique_ptr<StreamEncoder> make_stream_encoder();

}  // namespace drover::dialect::converse_wire
