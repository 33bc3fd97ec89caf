// Endpoints that say no: to everybody, to one key, for a while, or to this request.

#include "sim/wall/scenario_parts.h"

namespace drover::sim::wall {
namespace {

constexpr std::string_view kBadKey = "wall-key-revoked";
constexpr std::string_view kEmptyKey = "wall-key-without-quota";
constexpr std::string_view kGoodKey = "wall-key-good";

std::string limit_body() {
  return error_json("rate limit reached", "rate_limit_error", "rate_limit_exceeded");
}

Script limited_for_a_second(const Request& request) {
  if (request.number > 1) return first_answers(request);
  return Script::json(429, limit_body(), "retry-after: 1\r\n");
}

Script limited_until_a_date(const Request& request) {
  if (request.number > 1) return first_answers(request);
  // HTTP dates are whole seconds: between one and two from now.
  return Script::json(429, limit_body(),
                      "retry-after: " + format_http_date(request.now + 2s) + "\r\n");
}

Script limited_without_a_time(const Request& request) {
  if (request.number > 1) return first_answers(request);
  return Script::json(429, limit_body());
}

Script limited_for_long(const Request&) {
  return Script::json(429, limit_body(), "retry-after: 120\r\n");
}

Script broken(const Request&) {
  return Script::json(500, error_json("it broke", "server_error", "internal_error"));
}

Script overloaded(const Request&) {
  return Script::json(503, error_json("overloaded", "server_error", "overloaded"));
}

Script wants_good_key(const Request& request) {
  if (request.key == kGoodKey) return first_answers(request);
  if (request.key == kEmptyKey) {
    return Script::json(429, error_json("you exceeded your current quota", "insufficient_quota",
                                        "insufficient_quota"));
  }
  return Script::json(401,
                      error_json("incorrect API key", "invalid_request_error", "invalid_api_key"));
}

Script every_other(const Request& request) {
  return request.number % 2 == 1 ? broken(request) : second_answers(request);
}

Script context_too_long(const Request&) {
  return Script::json(400, error_json("this model's maximum context length is 8 tokens",
                                      "invalid_request_error", "context_length_exceeded"));
}

Script filtered(const Request&) {
  return Script::json(
      400, error_json("the prompt was filtered", "invalid_request_error", "content_filter"));
}

Upstream with_keys(std::vector<std::string_view> keys) {
  Upstream out = first(wants_good_key);
  out.keys = std::move(keys);
  return out;
}

void add_limits(std::vector<Scenario>& out) {
  Expect waited = from_first(2, 2);
  waited.at_least = 900ms;
  out.push_back({.name = "429-seconds",
                 .story = "the only endpoint answers 429, Retry-After: 1; then it answers",
                 .right = "the answer, after the second that was asked for",
                 .upstreams = {first(limited_for_a_second)},
                 .expect = waited});
  out.push_back({.name = "429-date",
                 .story = "the same with Retry-After as a date",
                 .right = "the answer, not before that date",
                 .upstreams = {first(limited_until_a_date)},
                 .expect = waited});
  out.push_back({.name = "429-without-time",
                 .story = "the only endpoint answers 429 without Retry-After; then it answers",
                 .right = "the answer, after a back-off of the gateway's own",
                 .upstreams = {first(limited_without_a_time)},
                 .expect = from_first(2, 2)});
  Expect at_once = from_second(1, 1);
  at_once.within = 1s;
  out.push_back({.name = "429-elsewhere",
                 .story = "the first endpoint answers 429, Retry-After: 120; the second is free",
                 .right = "the second endpoint's answer, at once",
                 .upstreams = {first(limited_for_long), second()},
                 .expect = at_once});
  Expect good_key = from_first(3, 3);
  good_key.text = kFirst;
  out.push_back({.name = "401-one-key",
                 .story = "one of the endpoint's two keys is refused; two calls",
                 .right = "two answers by the other key; the refused one is not used again",
                 .upstreams = {with_keys({kBadKey, kGoodKey})},
                 .expect = good_key,
                 .calls = 2});
  out.push_back({.name = "quota-one-account",
                 .story = "the quota of one of the endpoint's two accounts is gone; two calls",
                 .right = "two answers from the other account; the empty one is not asked again",
                 .upstreams = {with_keys({kEmptyKey, kGoodKey})},
                 .expect = good_key,
                 .calls = 2});
}

void add_outages(std::vector<Scenario>& out) {
  out.push_back({.name = "500",
                 .story = "the first endpoint answers 500",
                 .right = "the second endpoint's answer",
                 .upstreams = {first(broken), second()},
                 .expect = from_second(1, 3)});
  out.push_back({.name = "503-overload",
                 .story = "the first endpoint answers 503, overloaded",
                 .right = "the second endpoint's answer",
                 .upstreams = {first(overloaded), second()},
                 .expect = from_second(1, 3)});
  Expect flapping;
  flapping.text = kSecond;
  flapping.requests = {between(1, 18), between(0, 6)};
  out.push_back({.name = "flapping",
                 .story = "the first endpoint fails every other request; six calls",
                 .right = "six answers",
                 .upstreams = {first(every_other), second()},
                 .expect = flapping,
                 .calls = 6});
  Expect down;
  down.end = End::kError;
  down.statuses = {500, 502, 503, 504};
  down.requests = {between(1, 4), between(1, 4), between(0, 0)};
  Upstream third = first_at(Place::kRefused);
  third.name = "third";
  out.push_back({.name = "all-down",
                 .story = "one endpoint answers 500, one 503, one refuses the connection",
                 .right = "an error of the 5xx kind, soon, after few attempts",
                 .upstreams = {first(broken), second(overloaded), third},
                 .expect = down});
}

}  // namespace

void add_refusals(std::vector<Scenario>& out) {
  add_limits(out);
  add_outages(out);
  out.push_back({.name = "context-too-long",
                 .story = "the endpoint says that the prompt does not fit the model",
                 .right = "400, context_length_exceeded, after one attempt",
                 .upstreams = {first(context_too_long)},
                 .expect = refused_with({400}, "context_length_exceeded")});
  out.push_back({.name = "content-filtered",
                 .story = "the first endpoint refuses the prompt by its content filter",
                 .right = "400, content_filter; no other endpoint is asked",
                 .upstreams = {first(filtered), second()},
                 .expect = refused_with({400}, "content_filter")});
}

}  // namespace drover::sim::wall
