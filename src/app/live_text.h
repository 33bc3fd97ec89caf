#pragma once
// Prints the text of live output (GET /v1/sessions/{id}/stream) as it comes: what `drover run` and
// `drover session follow` show. Text that a new attempt voids cannot be taken back from a terminal:
// a mark says that it begins again. One thread.

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "base/json.h"

namespace drover::app {

class LiveText {
 public:
  explicit LiveText(std::FILE* out = stdout) : out_(out) {}
  /// One event of live output; those without text are passed over.
  void take(std::string_view name, std::string_view id, const Json& data);
  /// The call's answer is known: prints what of it has not come yet, and ends the line. What still
  /// comes of that call is passed over.
  void finish(uint64_t call, const std::string& text);

 private:
  void print(std::string_view text);
  void begin(uint64_t call, uint64_t attempt);

  std::FILE* out_;
  uint64_t call_ = 0;
  uint64_t attempt_ = 0;
  std::string shown_;  // of that attempt
  uint64_t finished_ = 0;
};

}  // namespace drover::app
