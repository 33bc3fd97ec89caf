#include "sim/mcp_replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/json_canonical.h"

namespace drover::sim {

using contract::Message;
using contract::Role;

namespace {

std::string recorded_text(const Json* value) {
  if (value == nullptr || value->is_null()) return {};
  return value->is_string() ? *value->string() : value->dump();
}

std::string recording_of(const Json& meta) {
  std::string name = recorded_text(meta.find("drover/recording"));
  return name.empty() ? recorded_text(meta.at("drover/labels", "recording")) : name;
}

Failure mismatch(std::string message) {
  return fail(Error(Code::kInvalidArgument, std::move(message)).with_reason("recording_mismatch"));
}

}  // namespace

ReplayTools::ReplayTools(std::vector<Recording> recordings) {
  std::set<std::string> names;
  for (const Recording& recording : recordings) add_recording(recording);
  for (const auto& [name, spots] : spots_) {
    for (const Spot& spot : spots) names.insert(spot.name);
  }
  for (const std::string& name : names) {
    McpTool tool;
    tool.name = name;
    tool.description = "Answers as recorded.";
    tool.input_schema = Json::object().set("type", "object");
    tools_.push_back(std::move(tool));
  }
}

void ReplayTools::add_recording(const Recording& recording) {
  std::vector<Spot>& spots = spots_[recording.name()];
  size_t turn = 0;
  size_t next_result = 0;  // the call of this turn that the next tool message answers
  for (const Message& message : recording.messages) {
    if (message.role == Role::kAssistant) {
      ++turn;
      next_result = spots.size();
      for (const contract::ToolCall& call : message.tool_calls) {
        Spot spot;
        spot.turn = turn;
        spot.name = call.name;
        spot.arguments = call.arguments.empty() ? "{}" : call.arguments;
        Result<Json> parsed = Json::parse(spot.arguments);
        spot.canonical_arguments = parsed ? canonical_json(*parsed) : spot.arguments;
        spots.push_back(std::move(spot));
      }
    } else if (message.role == Role::kTool && next_result < spots.size()) {
      Spot& spot = spots[next_result++];
      spot.result = message.text();
      spot.is_error = message.tool_error;
      spot.has_result = true;
    }
  }
}

Result<void> ReplayTools::log_to(const std::string& path) {
  std::ifstream before(path, std::ios::binary);
  std::string line;
  while (before && std::getline(before, line)) {
    Result<Json> json = Json::parse(line);
    // The last line may be cut off: the process was killed while it wrote.
    if (!json || json->get_string("outcome") != "ok") continue;
    std::string recording = recorded_text(json->find("recording"));
    auto spots = spots_.find(recording);
    std::optional<int64_t> position = json->get_int("position");
    if (spots == spots_.end() || !position || *position < 0) continue;
    if (static_cast<size_t>(*position) >= spots->second.size()) continue;
    Run& run = runs_[recorded_text(json->find("session")) + "\n" + recording];
    run.used.resize(spots->second.size());
    run.used[static_cast<size_t>(*position)] = true;
    run.taken[recorded_text(json->find("idempotency_key"))] = static_cast<size_t>(*position);
    ++kept_;
  }
  before.close();
  log_.open(path, std::ios::binary | std::ios::app);
  // After a torn last line the next one must not be lost with it; blank lines are skipped.
  log_ << '\n';
  if (!log_) return fail(Code::kInvalidArgument, "cannot write the log '" + path + "'");
  return {};
}

void ReplayTools::write_log(const Json& line) {
  if (!log_.is_open()) return;
  log_ << line.dump() << '\n';
  log_.flush();  // a killed process has told what it answered
}

Result<size_t> ReplayTools::find_spot(const std::vector<Spot>& spots, const Run& run,
                                      const McpCall& call) const {
  std::optional<int64_t> position = call.meta.get_int("drover/position");
  std::string arguments = canonical_json(call.arguments);
  if (position) {
    if (*position < 0 || static_cast<size_t>(*position) >= spots.size()) {
      return mismatch(fmt::format("the recording has no call {}", *position));
    }
    const Spot& spot = spots[static_cast<size_t>(*position)];
    if (spot.name != call.name || spot.canonical_arguments != arguments) {
      return mismatch(fmt::format("call {} was recorded as {} {}, not {} {}", *position, spot.name,
                                  spot.arguments, call.name, call.arguments.dump()));
    }
    return static_cast<size_t>(*position);
  }
  size_t first = 0;
  while (first < spots.size() && run.used[first]) ++first;
  if (first == spots.size()) {
    return mismatch(fmt::format("all {} calls of the recording were made", spots.size()));
  }
  for (size_t i = first; i < spots.size() && spots[i].turn == spots[first].turn; ++i) {
    if (run.used[i]) continue;
    if (spots[i].name == call.name && spots[i].canonical_arguments == arguments) return i;
  }
  return mismatch(fmt::format("the next call was recorded as {} {}, not {} {}", spots[first].name,
                              spots[first].arguments, call.name, call.arguments.dump()));
}

Result<McpResult> ReplayTools::answer(const McpCall& call, Json& line) {
  std::string recording = recording_of(call.meta);
  std::string session = recorded_text(call.meta.find("drover/session"));
  std::string key = recorded_text(call.meta.find("drover/idempotency_key"));
  line.set("session", session).set("recording", recording).set("tool", call.name);
  line.set("idempotency_key", key);
  const Json* attempt = call.meta.find("drover/attempt");
  line.set("attempt", attempt == nullptr ? Json(1) : *attempt);
  auto spots = spots_.find(recording);
  if (spots == spots_.end()) {
    return mismatch(recording.empty()
                        ? "_meta names no recording (drover/labels {\"recording\": \"TASK/TRIAL\"})"
                        : "no recording " + recording);
  }
  Run& run = runs_[session + "\n" + recording];
  run.used.resize(spots->second.size());
  auto before = key.empty() ? run.taken.end() : run.taken.find(key);
  bool repeat = before != run.taken.end();
  size_t position = 0;
  if (repeat) {
    position = before->second;
    ++repeats_;
  } else {
    TRY(position, find_spot(spots->second, run, call));
    if (kept_ >= kReplayCallsMax) {
      return fail(Code::kResourceExhausted, "too many calls for one process");
    }
    ++kept_;
    // The same place under another key is an effect done twice: it is answered and logged as such.
    line.set("duplicate", static_cast<bool>(run.used[position]));
    run.used[position] = true;
    if (!key.empty()) run.taken[key] = position;
  }
  const Spot& spot = spots->second[position];
  line.set("position", static_cast<uint64_t>(position)).set("repeat", repeat);
  if (spot.name != call.name || spot.canonical_arguments != canonical_json(call.arguments)) {
    return mismatch("the same idempotency key came with another call");
  }
  if (!spot.has_result) return mismatch("the recording has no result of this call");
  McpResult out;
  out.text = spot.result;
  out.is_error = spot.is_error;
  return out;
}

async::Task<Result<McpResult>> ReplayTools::call(async::Context ctx, McpCall call) {
  ++calls_;
  Json line = Json::object();
  Result<McpResult> out = answer(call, line);
  if (!out) ++mismatches_;
  line.set("outcome", out ? "ok" : out.error().reason);
  if (!out) line.set("error", out.error().message);
  write_log(line);
  co_return out;
}

}  // namespace drover::sim
