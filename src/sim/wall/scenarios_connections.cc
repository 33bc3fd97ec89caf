// Faults before an answer begins: the caller has seen nothing, so another place answers.

#include "sim/wall/scenario_parts.h"

namespace drover::sim::wall {
namespace {

Script stall(const Request&) {
  Script out;
  out.hold();
  return out;
}

Script reset_at_once(const Request&) {
  Script out;
  out.reset();
  return out;
}

Script garbage(const Request&) {
  std::string bytes;
  for (int i = 0; i < 2048; ++i) bytes += static_cast<char>((i * 131 + 7) & 0xff);
  Script out;
  out.send(std::move(bytes));
  return out;
}

Script page(const Request&) {
  Script out;
  out.send(
      "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 34\r\nconnection: close\r\n"
      "\r\n<html><body>Log in</body></html>\r\n");
  return out;
}

Script half_a_body(const Request& request) {
  std::string body = completion_json(kFirst);
  std::string whole = Script::json(200, body).bytes();
  Script out;
  out.send(whole.substr(0, whole.size() - body.size() / 2));
  return out;
}

Script empty_body(const Request&) { return Script::json(200, ""); }

}  // namespace

void add_connections(std::vector<Scenario>& out) {
  out.push_back({.name = "refused-connection",
                 .story = "nobody listens at the first endpoint",
                 .right = "the second endpoint's answer",
                 .upstreams = {first_at(Place::kRefused), second()},
                 .expect = from_second(0, 0)});
  out.push_back({.name = "dns-failure",
                 .story = "the first endpoint's name does not resolve",
                 .right = "the second endpoint's answer",
                 .upstreams = {first_at(Place::kNoName), second()},
                 .expect = from_second(0, 0)});
  out.push_back({.name = "tls-failure",
                 .story = "the first endpoint's TLS handshake fails",
                 .right = "the second endpoint's answer",
                 .upstreams = {first_at(Place::kNoTls), second()},
                 .expect = from_second(0, 0)});
  out.push_back({.name = "reset-before-headers",
                 .story = "the first endpoint takes the request and resets the connection",
                 .right = "the second endpoint's answer",
                 .upstreams = {first(reset_at_once), second()},
                 .expect = from_second(1, 3)});
  out.push_back({.name = "stall-before-headers",
                 .story = "the first endpoint takes the request and says nothing",
                 .right = "the second endpoint's answer, after the deadline for headers",
                 .upstreams = {first(stall), second()},
                 .expect = from_second(1, 2)});
  out.push_back({.name = "garbage-bytes",
                 .story = "the first endpoint answers with bytes that are not HTTP",
                 .right = "the second endpoint's answer",
                 .upstreams = {first(garbage), second()},
                 .expect = from_second(1, 3)});
  out.push_back({.name = "wrong-content-type",
                 .story = "the first endpoint answers 200 with a page of HTML",
                 .right = "the second endpoint's answer",
                 .upstreams = {first(page), second()},
                 .expect = from_second(1, 3)});
  out.push_back({.name = "cut-body",
                 .story = "the connection ends in the middle of the first endpoint's JSON body",
                 .right = "the second endpoint's answer",
                 .upstreams = {first(half_a_body), second()},
                 .expect = from_second(1, 3),
                 .stream = false});
  out.push_back({.name = "empty-body",
                 .story = "the first endpoint answers 200 with nothing",
                 .right = "the second endpoint's answer",
                 .upstreams = {first(empty_body), second()},
                 .expect = from_second(1, 3),
                 .stream = false});
}

}  // namespace drover::sim::wall
