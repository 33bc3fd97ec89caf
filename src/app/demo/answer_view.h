#pragma once
// How a talk with a model looks on a terminal: what was asked, the answer as it is written, and a
// line of figures below. Prints to standard output, or nothing at all if quiet. Loop thread only.

#include <cstdint>
#include <string>
#include <string_view>

#include "session/live.h"

namespace drover::app {

class AnswerView final : public session::LiveAnswers {
 public:
  explicit AnswerView(bool quiet) : quiet_(quiet) {}

  void question(std::string_view text);
  /// Before a line is typed.
  void prompt();
  void attempt(const SessionId& session, uint64_t call) override;
  void text(const SessionId& session, uint64_t call, std::string_view piece) override;
  /// A remark on a line of its own.
  void note(const std::string& text);
  /// The whole answer, of which nothing or all was shown, and what is to be said of it.
  void answered(std::string_view answer, const std::string& figures);
  void plain(const std::string& text);

 private:
  void begin_line(std::string_view label);
  void end_line();

  bool quiet_;
  bool in_line_ = false;
  bool shown_ = false;  // a piece of this answer
};

}  // namespace drover::app
