#pragma once
// Several calls of one tool as one call of another, and its answer dealt back to them by position.
//
//   lookup {"key": "a"}, lookup {"key": "b"}     with {tool: lookup_many, items: keys, item: key,
//   → lookup_many {"keys": ["a", "b"]}            results: results}
//   ← {"results": [{"name": "A"}, {"error": "no such key"}]}
//
// Arguments beside `item` go along as they are, so only calls that agree in them go together. An
// entry that is an object with a member "error" other than null or false is that call's error; a
// text is the result as it stands, anything else as JSON.
// Pure functions.

#include <string>
#include <vector>

#include "base/json.h"
#include "tools/tool_set.h"

namespace drover::tools {

/// {tool, items, item, results, max, window_ms} of the configuration.
Result<BatchForm> batch_form_from_json(const Json& json);

/// What one call brings to a batch.
struct BatchPart {
  Json item;
  Json rest;  // arguments that all calls of the batch share; an object
};
/// kInvalidArgument where the arguments do not have the form's item: such a call goes alone.
Result<BatchPart> batch_part(const BatchForm& form, const ToolInvocation& invocation);

/// The call that stands for all; at least one. `parts` and `calls` run side by side.
ToolInvocation batch_invocation(const BatchForm& form, const std::vector<ToolInvocation>& calls,
                                const std::vector<BatchPart>& parts);

/// One outcome for each call, in order; kInternal (reason "batch_answer") where the answer holds no
/// list or one of another length, or is itself an error.
Result<std::vector<ToolOutcome>> deal_batch(const BatchForm& form, const ToolOutcome& answer,
                                            size_t calls);

}  // namespace drover::tools
