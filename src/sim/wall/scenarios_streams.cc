// Faults inside a stream. Before the first text another place answers; after it the caller is told.

#include "sim/wall/scenario_parts.h"

namespace drover::sim::wall {
namespace {

constexpr std::string_view kPart = "The wall stands, ";

Script begun() {
  Script out = Script::stream();
  out.delta("The ").delta("wall ").delta("stands, ");
  return out;
}

Script no_first_token(const Request&) {
  Script out = Script::stream();
  out.hold();
  return out;
}

Script heartbeats(const Request&) {
  // A comment keeps proxies awake; it is no token.
  Script out = Script::stream();
  out.flood(chunked(": still here\n\n"), 600, 50ms);
  return out;
}

Script stall_after_text(const Request&) {
  Script out = begun();
  out.hold();
  return out;
}

Script trickle(const Request& request) {
  Script out;
  out.trickle(whole_answer(request.stream, kFirst).bytes(), 100us);
  return out;
}

Script cut_before_text(const Request&) {
  Script out = Script::stream();
  out.reset();
  return out;
}

Script cut(const Request&) {
  Script out = begun();
  out.pause(20ms).reset();
  return out;
}

Script clean_close(const Request&) {
  Script out = begun();
  out.end_of_body();
  return out;
}

Script error_first(const Request&) {
  Script out = Script::stream();
  out.event(error_json("the model crashed", "server_error", "internal_error")).end_of_body();
  return out;
}

Script error_after_text(const Request&) {
  Script out = begun();
  out.event(error_json("the model crashed", "server_error", "internal_error")).end_of_body();
  return out;
}

Script garbage_after_text(const Request&) {
  Script out = begun();
  out.event("{\"id\":\"chatcmpl-wall\",\"choices\":[{\"ind\x01\x02").end_of_body();
  return out;
}

Script half_a_character(const Request&) {
  // The snowman is three bytes; each goes into a chunk of its own.
  std::string event = sse_event(chunk_json(text_delta("a \xe2\x98\x83 melts")));
  size_t at = event.find('\xe2');
  Script out = Script::stream();
  out.send(chunked(event.substr(0, at + 1))).pause(20ms);
  out.send(chunked(event.substr(at + 1, 1))).pause(20ms);
  out.send(chunked(event.substr(at + 2))).done();
  return out;
}

Script without_usage(const Request&) {
  Script out = Script::stream();
  out.delta(kFirst).done("stop", false);
  return out;
}

Script without_end(const Request&) {
  Script out = Script::stream();
  out.flood(chunked(sse_event(chunk_json(text_delta("on ")))), 400, 50ms);
  return out;
}

void add_before_text(std::vector<Scenario>& out) {
  out.push_back({.name = "stall-first-token",
                 .story = "the first endpoint sends headers and no token",
                 .right = "the second endpoint's answer, after the deadline for the first token",
                 .upstreams = {first(no_first_token), second()},
                 .expect = from_second(1, 2)});
  out.push_back({.name = "heartbeats-only",
                 .story = "the first endpoint sends comments for ever and no token",
                 .right = "the second endpoint's answer: a comment is no token",
                 .upstreams = {first(heartbeats), second()},
                 .expect = from_second(1, 2)});
  out.push_back({.name = "cut-before-text",
                 .story = "the first endpoint's stream is cut before its first text",
                 .right = "the second endpoint's answer",
                 .upstreams = {first(cut_before_text), second()},
                 .expect = from_second(1, 3)});
  out.push_back({.name = "error-event-first",
                 .story = "the first endpoint's first event, under status 200, is an error",
                 .right = "the second endpoint's answer",
                 .upstreams = {first(error_first), second()},
                 .expect = from_second(1, 3)});
}

void add_after_text(std::vector<Scenario>& out) {
  out.push_back({.name = "stall-between-tokens",
                 .story = "after some text nothing comes any more",
                 .right = "the text, then an error event, after the deadline between tokens",
                 .upstreams = {first(stall_after_text), second()},
                 .expect = error_after(kPart)});
  out.push_back({.name = "cut-mid-stream",
                 .story = "after some text the connection is reset",
                 .right = "the text, then an error event; never a clean end",
                 .upstreams = {first(cut), second()},
                 .expect = error_after(kPart)});
  out.push_back({.name = "clean-close-without-end",
                 .story = "after some text the body ends in order, without finish reason or [DONE]",
                 .right = "the text, then an error event; never a clean end",
                 .upstreams = {first(clean_close), second()},
                 .expect = error_after(kPart)});
  out.push_back({.name = "error-event",
                 .story = "after some text, under status 200, comes an error event",
                 .right = "the text, then an error event",
                 .upstreams = {first(error_after_text), second()},
                 .expect = error_after(kPart)});
  out.push_back({.name = "garbage-in-stream",
                 .story = "after some text comes an event that is no JSON",
                 .right = "the text, then an error event",
                 .upstreams = {first(garbage_after_text), second()},
                 .expect = error_after(kPart)});
}

void add_whole(std::vector<Scenario>& out) {
  Expect snowman = from_first(1, 1);
  snowman.text = "a \xe2\x98\x83 melts";
  out.push_back({.name = "trickle",
                 .story = "the answer comes byte by byte",
                 .right = "the answer, whole",
                 .upstreams = {first(trickle)},
                 .expect = from_first(1, 1)});
  out.push_back({.name = "half-character",
                 .story = "chunks end in the middle of a UTF-8 character",
                 .right = "the answer, whole, the character too",
                 .upstreams = {first(half_a_character)},
                 .expect = snowman});
  out.push_back({.name = "usage-missing",
                 .story = "the stream ends in order but no usage came",
                 .right = "the answer, whole (Drover settles an estimate and says so)",
                 .upstreams = {first(without_usage)},
                 .expect = from_first(1, 1)});
  Expect endless = error_after("on ");
  endless.text_bytes_min = 3;
  endless.text_bytes_max = 4096;
  endless.within = 9s;
  out.push_back({.name = "endless-stream",
                 .story = "tokens come for ever",
                 .right = "the text, then an error event, after the deadline in total",
                 .upstreams = {first(without_end), second()},
                 .expect = endless});
}

}  // namespace

void add_streams(std::vector<Scenario>& out) {
  add_before_text(out);
  add_after_text(out);
  add_whole(out);
}

}  // namespace drover::sim::wall
