#pragma once
// `drover demo --engine`: a person without any key talks to a real model through a session. One
// session, one endpoint, answers streamed as they are written; each turn goes the whole road and
// stands in the journal, which is kept.
//
// Failure: what is missing (no engine, no such model) is an error with exit code 2; a question
// without an answer ends a scripted talk, and stands in the report. Ctrl-C ends the session, with
// the call cut; a second one leaves at once. Loop thread only.

#include <optional>
#include <string>
#include <vector>

#include "app/demo/engine.h"
#include "base/ids.h"
#include "base/json.h"

namespace drover::app {

struct EngineTalkOptions {
  EngineWish engine;
  /// What to say; empty: a few questions of the demo's own. Not used when interactive.
  std::vector<std::string> messages;
  /// Lines typed on the terminal are the messages.
  bool interactive = false;
  int64_t answer_tokens_max = 200;
  std::string data;    // empty: a new temporary folder; kept
  bool quiet = false;  // print nothing on the way
};

/// A question and what came of it.
struct EngineTurn {
  std::string asked;
  std::string answer;
  std::string error;  // why there is none
  std::string finish_reason;
  std::optional<int64_t> input_tokens;
  std::optional<int64_t> output_tokens;
  bool estimated = false;
  int64_t first_token_us = 0;
  int64_t took_us = 0;
  uint64_t attempts = 1;

  bool ok() const { return error.empty() && !finish_reason.empty(); }
  /// "41 tokens in, 8 out; first token after 120 ms, then 38 tokens/s".
  std::string figures() const;
};

struct EngineTalkReport {
  std::string session;
  std::string trace_id;
  std::string data;
  std::string engine;
  std::string model;
  std::vector<EngineTurn> turns;
  bool interrupted = false;

  bool ok() const;
  Json to_json() const;
  /// The sums, and the commands that show more.
  std::string text() const;
};

Result<EngineTalkReport> run_engine_talk(net::AsioLoop& loop, EngineTalkOptions options);

}  // namespace drover::app
