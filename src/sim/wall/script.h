#pragma once
// What an upstream of the wall does with one request: bytes, pauses and ends, in order. Raw bytes
// on purpose: half of what the wall shows no HTTP server would write.
//
//   Script::stream().delta("The ").delta("wall ").reset()          // cut in the middle
//   Script::json(429, error_body(…), "retry-after: 1\r\n")
//
// Values. A script that ends without reset() or hold() ends its connection in order, after an
// answer that says "connection: close".

#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace drover::sim::wall {

struct Step {
  enum class Kind : uint8_t {
    kSend,     // the bytes, at once
    kTrickle,  // the bytes, each a packet of its own, `time` after the one before
    kFlood,    // the bytes `times` times, `time` between them, for as long as somebody reads
    kPause,    // silence for `time`
    kHold,     // silence until the peer leaves
    kReset,    // the connection is reset
  };
  Kind kind = Kind::kSend;
  std::string bytes;
  Duration time{};
  size_t times = 1;
};

class Script {
 public:
  /// A whole answer with Content-Length. `headers`: further lines, each ended by CR LF.
  static Script json(int status, std::string_view body, std::string_view headers = "");
  /// The head of a chunked stream of server-sent events.
  static Script stream();

  Script& send(std::string bytes);
  Script& trickle(std::string bytes, Duration between);
  Script& flood(std::string bytes, size_t times, Duration between = {});
  Script& pause(Duration time);
  Script& hold();
  Script& reset();

  // In a stream.
  /// One event, one chunk.
  Script& event(std::string_view data);
  /// An event that says `text`.
  Script& delta(std::string_view text);
  /// The finish reason, usage if wanted, [DONE], and the end of the chunked body.
  Script& done(std::string_view finish_reason = "stop", bool usage = true);
  /// The end of the chunked body alone: in order for HTTP, too early for a model's answer.
  Script& end_of_body();

  const std::vector<Step>& steps() const { return steps_; }
  /// All bytes that kSend steps hold, in order.
  std::string bytes() const;

 private:
  Script& add(Step::Kind kind, std::string bytes, Duration time, size_t times);
  std::vector<Step> steps_;
};

/// One chunk of a chunked body.
std::string chunked(std::string_view bytes);
/// "data: …" and a blank line.
std::string sse_event(std::string_view data);
/// A chunk object of OpenAI's streams; `delta` is the JSON of its delta.
std::string chunk_json(std::string_view delta, std::string_view finish_reason = "");
/// The delta of some text.
std::string text_delta(std::string_view text);
/// A whole chat completion that says `text`; `message`: further members of the message, with a
/// leading comma.
std::string completion_json(std::string_view text, std::string_view finish_reason = "stop",
                            std::string_view message = "");
/// OpenAI's error body.
std::string error_json(std::string_view message, std::string_view type, std::string_view code);
/// A whole good answer, streamed or not.
Script whole_answer(bool stream, std::string_view text);

}  // namespace drover::sim::wall
