#pragma once
// A model that answers with what was recorded. The answer is found by the whole conversation so
// far (conversation.h): a request that was distorted anywhere on its way finds nothing and fails
// with reason "recording_miss" and a message that names the first message that differs and how.
// Where the dialect carries arguments as text, they must also be equal byte for byte.
//
// Recordings that share a conversation and then answer differently (several trials of one task)
// are told apart by ModelQuestion::session alone, and only among those that match; without it such
// a question fails with reason "recording_ambiguous" rather than being answered by chance.
//
// Loop thread only. Memory: the recordings and 40 bytes a message.

#include <map>
#include <vector>

#include "crypto/sha256.h"
#include "sim/model.h"
#include "sim/recording.h"

namespace drover::sim {

class RecordedModel final : public Model {
 public:
  /// How arguments that a dialect carries as text must be equal. kAsJson is for conversations that
  /// change dialects: an answer that came as an object goes on as that object's text.
  enum class Arguments : uint8_t { kByteForByte, kAsJson };
  explicit RecordedModel(std::vector<Recording> recordings,
                         Arguments arguments = Arguments::kByteForByte);
  Result<ModelAnswer> answer(const ModelQuestion& question) override;
  uint64_t misses() const override { return misses_; }
  /// Conversations that recordings continue in different ways.
  size_t ambiguous_conversations() const;
  const std::vector<Recording>& recordings() const { return recordings_; }

 private:
  struct Place {
    size_t recording;
    size_t message;  // the first after the conversation; may be past the last
  };
  using Places = std::vector<Place>;

  const contract::Message* next_message(const Place& place) const;
  Result<ModelAnswer> miss(std::string reason, std::string message);
  Result<ModelAnswer> explain_miss(const ModelQuestion& question,
                                   const std::vector<crypto::Digest>& keys);
  /// How the argument texts before `place` differ from those asked with; empty if they do not.
  std::string text_difference(const ModelQuestion& question, const Place& place) const;

  std::vector<Recording> recordings_;
  Arguments arguments_;
  /// By the digest's bytes: where each recording stands after a conversation.
  std::map<std::string, Places, std::less<>> places_;
  uint64_t misses_ = 0;
};

}  // namespace drover::sim
