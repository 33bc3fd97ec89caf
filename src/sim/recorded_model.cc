#include "sim/recorded_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/conversation.h"

namespace drover::sim {

using contract::Message;
using contract::Role;

RecordedModel::RecordedModel(std::vector<Recording> recordings, Arguments arguments)
    : recordings_(std::move(recordings)), arguments_(arguments) {
  for (size_t i = 0; i < recordings_.size(); ++i) {
    std::vector<crypto::Digest> keys = conversation_keys(recordings_[i].messages);
    for (size_t n = 0; n < keys.size(); ++n) {
      places_[std::string(keys[n].view())].push_back(Place{i, n});
    }
  }
}

const Message* RecordedModel::next_message(const Place& place) const {
  const std::vector<Message>& messages = recordings_[place.recording].messages;
  return place.message < messages.size() ? &messages[place.message] : nullptr;
}

Result<ModelAnswer> RecordedModel::miss(std::string reason, std::string message) {
  ++misses_;
  return fail(Error(Code::kInvalidArgument, std::move(message)).with_reason(std::move(reason)));
}

size_t RecordedModel::ambiguous_conversations() const {
  size_t count = 0;
  for (const auto& [key, places] : places_) {
    const Message* first = nullptr;
    for (const Place& place : places) {
      const Message* next = next_message(place);
      if (next == nullptr || next->role != Role::kAssistant) continue;
      if (first == nullptr) first = next;
      if (canonical_message(*first) != canonical_message(*next)) {
        ++count;
        break;
      }
    }
  }
  return count;
}

std::string RecordedModel::text_difference(const ModelQuestion& question,
                                           const Place& place) const {
  const std::vector<Message>& recorded = recordings_[place.recording].messages;
  for (size_t i = 0; i < place.message; ++i) {
    const Message& asked = question.request.messages[i];
    for (size_t c = 0; c < recorded[i].tool_calls.size(); ++c) {
      const std::string& want = recorded[i].tool_calls[c].arguments;
      const std::string& have = asked.tool_calls[c].arguments;
      if (want != have) {
        return fmt::format(
            "message {}: the arguments of tool call {} are the same JSON but not the same text: "
            "recorded {}, got {}",
            i, c, Json(want).dump(), Json(have).dump());
      }
    }
  }
  return {};
}

Result<ModelAnswer> RecordedModel::explain_miss(const ModelQuestion& question,
                                                const std::vector<crypto::Digest>& keys) {
  const std::vector<Message>& asked = question.request.messages;
  size_t known = asked.size();
  auto found = places_.end();
  while (true) {
    found = places_.find(keys[known].view());
    if (found != places_.end() || known == 0) break;
    --known;
  }
  if (known == asked.size()) {
    return miss("recording_miss",
                fmt::format("no recording has an answer of the model after these {} messages",
                            asked.size()));
  }
  std::string how = "every recording ends before it";
  for (const Place& place : found->second) {
    const Message* next = next_message(place);
    if (next == nullptr) continue;
    how = describe_difference(*next, asked[known]);
    if (recordings_[place.recording].name() == question.session) break;
  }
  return miss("recording_miss",
              fmt::format("message {} of {} ({}) is not as recorded: {}", known, asked.size(),
                          contract::role_name(asked[known].role), how));
}

Result<ModelAnswer> RecordedModel::answer(const ModelQuestion& question) {
  std::vector<crypto::Digest> keys = conversation_keys(question.request.messages);
  auto found = places_.find(keys.back().view());
  Places matching;
  std::string difference;
  if (found != places_.end()) {
    for (const Place& place : found->second) {
      const Message* next = next_message(place);
      if (next == nullptr || next->role != Role::kAssistant) continue;
      if (question.text_arguments && arguments_ == Arguments::kByteForByte) {
        std::string differs = text_difference(question, place);
        if (!differs.empty()) {
          difference = std::move(differs);
          continue;
        }
      }
      matching.push_back(place);
    }
  }
  if (matching.empty()) {
    if (!difference.empty()) return miss("recording_miss", std::move(difference));
    return explain_miss(question, keys);
  }
  const Place* chosen = &matching.front();
  bool named = false;
  for (const Place& place : matching) {
    if (recordings_[place.recording].name() == question.session) {
      chosen = &place;
      named = true;
      break;
    }
  }
  if (!named) {
    const std::string first = canonical_message(*next_message(*chosen));
    for (const Place& place : matching) {
      if (canonical_message(*next_message(place)) != first) {
        return miss("recording_ambiguous",
                    fmt::format("{} recordings share this conversation and then differ ({}, {}): "
                                "name the session in x-drover-session",
                                matching.size(), recordings_[chosen->recording].name(),
                                recordings_[place.recording].name()));
      }
    }
  }
  ModelAnswer out;
  out.message = *next_message(*chosen);
  out.finish_reason = out.message.tool_calls.empty() ? contract::FinishReason::kStop
                                                     : contract::FinishReason::kToolCalls;
  return out;
}

}  // namespace drover::sim
