#pragma once
// Labels: what a caller says of a session, for its tools and for whoever reads its journal. Pure;
// any thread.

#include "base/json.h"
#include "base/result.h"

namespace drover::session {

/// Labels travel with every tool call, so they are few and short: texts, at most limits::kLabelsMax
/// of at most limits::kLabelBytesMax bytes. kInvalidArgument says what is not.
Result<void> check_labels(const Json& labels);

}  // namespace drover::session
