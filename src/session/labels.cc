#include "session/labels.h"

#include "base/limits/session.h"

namespace drover::session {

Result<void> check_labels(const Json& labels) {
  if (!labels.is_object()) return fail(Code::kInvalidArgument, "'labels' must be an object");
  if (labels.members()->size() > limits::kLabelsMax) {
    return fail(Code::kInvalidArgument,
                "more than " + std::to_string(limits::kLabelsMax) + " labels");
  }
  for (const Json::Member& m : *labels.members()) {
    const std::string* text = m.second.string();
    if (text == nullptr || text->size() > limits::kLabelBytesMax ||
        m.first.size() > limits::kLabelBytesMax) {
      return fail(Code::kInvalidArgument, "a label is a name and a text, each of at most " +
                                              std::to_string(limits::kLabelBytesMax) + " bytes");
    }
  }
  return {};
}

}  // namespace drover::session
