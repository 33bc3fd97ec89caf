#pragma once
// What one step needs of the endpoint that runs its model call, whatever its data demands. An agent
// states it for all of its steps (`needs:`), a planner for one (`needs` of a model_call); the
// request itself says more: it holds images, or it is long.
//
//   needs: {vision: true, context_tokens: 200000, hardware: [h200, b200]}
//   needs: {hardware: cpu}                                 # no accelerator at all
//   needs: {attested: {kind: aws-nitro, max_age: 1h}}      # or attested: aws-nitro; or a list: all
//
// What is stated fails closed: an endpoint of which the fact is not known is removed. What only
// follows from the request removes endpoints that are known not to be able to serve it: of most
// nobody states what goes without saying. Rule "needs" in explanations.
//
// Values; pure functions.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "policy/requirement.h"

namespace drover::policy {

struct Needs {
  // Stated.
  bool vision = false;
  int64_t context_tokens = 0;          // of the model's window, at least
  std::vector<std::string> hardware;   // one of these; "cpu" alone: no accelerator beside it
  std::vector<EvidenceNeed> evidence;  // all of them; each kind once, sorted
  // What the request is.
  bool holds_images = false;
  int64_t input_tokens = 0;  // surely at least so many

  bool empty() const {
    return !vision && context_tokens == 0 && hardware.empty() && evidence.empty() &&
           !holds_images && input_tokens == 0;
  }
  bool operator==(const Needs&) const = default;

  /// kInvalidArgument names the member and what may stand there.
  static Result<Needs> from_json(const Json& json);
  Json to_json() const;
  /// "vision, context of 200000 tokens, hardware h200 or b200"; "" for none.
  std::string text() const;
  /// What both need. Hardware that both name is what they have in common: where that is nothing, no
  /// endpoint serves. Evidence adds up; of one kind the fresher counts.
  static Needs join(const Needs& a, const Needs& b);
  /// What the thing lacks; nullopt: nothing.
  std::optional<std::string> lacks(const Thing& thing) const;
  /// Appended to a key of decisions: equal for equal needs.
  void append_key(std::string& out) const;
};

}  // namespace drover::policy
