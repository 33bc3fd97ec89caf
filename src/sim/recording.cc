#include "sim/recording.h"

#include <fmt/format.h>

#include <fstream>
#include <set>
#include <sstream>

namespace drover::sim {

using contract::Message;

namespace {

std::string name_text(const Json& json, std::string_view field, std::string_view otherwise) {
  const Json* value = json.find(field);
  if (value == nullptr || value->is_null()) return std::string(otherwise);
  return value->is_string() ? *value->string() : value->dump();
}

Result<Recording> read_recording(std::string_view line) {
  TRY(Json json, Json::parse(line));
  Recording out;
  out.task = name_text(json, "task_id", "");
  out.trial = name_text(json, "trial", "0");
  if (out.task.empty()) return fail(Code::kInvalidArgument, "no task_id");
  out.reward = json.get_number("reward").value_or(0);
  const Json* messages = json.find("messages");
  if (messages == nullptr || messages->array_items() == nullptr) {
    return fail(Code::kInvalidArgument, "no list of messages");
  }
  for (const Json& item : *messages->array_items()) {
    TRY(Message message, contract::message_from_json(item));
    out.messages.push_back(std::move(message));
  }
  return out;
}

}  // namespace

Result<std::vector<Recording>> parse_recordings(std::string_view json_lines) {
  std::vector<Recording> out;
  std::set<std::string> names;
  size_t number = 0;
  while (!json_lines.empty()) {
    size_t end = json_lines.find('\n');
    std::string_view line = json_lines.substr(0, end);
    json_lines.remove_prefix(end == std::string_view::npos ? json_lines.size() : end + 1);
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    Result<Recording> recording = read_recording(line);
    if (!recording) {
      Error error = std::move(recording).error();
      return fail(std::move(error).note(fmt::format("in line {} of the recordings", number)));
    }
    if (!names.insert(recording->name()).second) {
      return fail(Code::kInvalidArgument,
                  fmt::format("line {}: a second session {}", number, recording->name()));
    }
    out.push_back(std::move(*recording));
    if (out.size() > kRecordingsMax) {
      return fail(Code::kResourceExhausted, "too many recorded sessions in one file");
    }
  }
  if (out.empty()) return fail(Code::kInvalidArgument, "no recorded session in it");
  return out;
}

Result<std::vector<Recording>> load_recordings(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Code::kNotFound, "cannot read the recordings '" + path + "'");
  std::ostringstream text;
  text << file.rdbuf();
  Result<std::vector<Recording>> out = parse_recordings(text.view());
  if (!out) {
    Error error = std::move(out).error();
    return fail(std::move(error).note("while reading '" + path + "'"));
  }
  return out;
}

}  // namespace drover::sim
