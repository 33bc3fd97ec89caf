#pragma once
// Recorded agent sessions, one JSON object a line: {"task_id", "trial", "reward", "messages"};
// task_id and trial together name the session, messages are OpenAI chat messages in order.
//
// Values. Failure: invalid_argument naming the line. Limits: kRecordingsMax sessions,
// limits::kJsonBytesMax a line. Everything is kept in memory.

#include <string>
#include <string_view>
#include <vector>

#include "base/limits/json.h"
#include "base/result.h"
#include "contract/chat.h"

namespace drover::sim {

inline constexpr size_t kRecordingsMax = 100'000;

struct Recording {
  std::string task;   // the task_id, whether it was a number or a string
  std::string trial;  // "0" if the file names none
  double reward = 0;
  std::vector<contract::Message> messages;
  /// "TASK/TRIAL".
  std::string name() const { return task + "/" + trial; }
};

Result<std::vector<Recording>> parse_recordings(std::string_view json_lines);
Result<std::vector<Recording>> load_recordings(const std::string& path);

}  // namespace drover::sim
