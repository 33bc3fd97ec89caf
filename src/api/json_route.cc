#include "api/json_route.h"

#include <algorithm>
#include <charconv>

namespace drover::api {

namespace {

http::ResponseHead json_head(const Exchange& exchange, int status) {
  http::ResponseHead head;
  head.status = status;
  head.headers.add("content-type", "application/json");
  head.headers.add_sound("x-request-id", exchange.request_id);
  for (const auto& [name, value] : exchange.headers->fields()) head.headers.add(name, value);
  return head;
}

}  // namespace

Task<void> respond_text(Context ctx, Exchange& exchange, int status, std::string json) {
  http::ResponseHead head = json_head(exchange, status);
  auto sent = co_await exchange.response.respond(ctx, std::move(head), std::move(json));
  (void)sent;  // the client may be gone
}

session::Tell prepare_text(Exchange& exchange, int status, std::string json) {
  exchange.response.prepare(json_head(exchange, status), std::move(json));
  return [&response = exchange.response] { response.tell_prepared(); };
}

Task<void> respond_prepared(Context ctx, Exchange& exchange) {
  auto sent = co_await exchange.response.respond_prepared(ctx);
  (void)sent;  // the client may be gone
}

std::optional<uint64_t> whole_number(std::string_view text) {
  uint64_t value = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<uint64_t> query_limit(const Exchange& exchange, uint64_t fallback, uint64_t most) {
  auto text = exchange.request.head().query_param("limit");
  if (!text) return fallback;
  auto value = whole_number(*text);
  if (!value || *value == 0) {
    return fail(Code::kInvalidArgument, "limit must be a whole number from 1");
  }
  return std::min<uint64_t>(*value, most);
}

Json list_json(Json data, bool has_more) {
  Json out = Json::object().set("object", "list");
  out.set("has_more", has_more);
  out.set("data", std::move(data));
  return out;
}

}  // namespace drover::api
