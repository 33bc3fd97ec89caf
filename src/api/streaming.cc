#include "api/streaming.h"

#include "dialect/dialect.h"
#include "http/sse.h"

namespace drover::api {

http::ResponseHead stream_head(const Exchange& exchange, std::string_view type) {
  http::ResponseHead head;
  head.headers.add("content-type", type);
  head.headers.add("cache-control", "no-cache");
  head.headers.add_sound("x-request-id", exchange.request_id);
  return head;
}

void append_error_event(std::string& out, const Error& error) {
  http::append_sse_event(out, dialect::openai().encode_error(error).body, "error", "");
}

}  // namespace drover::api
