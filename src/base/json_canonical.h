#pragma once
// JSON as text that is equal for equal values, however they were written: for keys of maps and for
// comparing what two parties sent. Members sorted by name, numbers by value (an integer too large
// for 64 bits keeps its digits, so that two different ones stay different). Not JSON itself: nobody
// reads it back. Pure; limits are those of the value that was parsed.

#include <string>

#include "base/json.h"

namespace drover {

std::string canonical_json(const Json& value);

}  // namespace drover
