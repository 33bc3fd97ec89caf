#pragma once
// The fingerprint of a signing key as a person gives it: SHA-256 in 64 hex digits. Capitals and the
// colons or spaces that other tools print between bytes are taken; a part of one is not, for what
// is compared with it proves whose a journal is. Pure.

#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::app {

/// In small letters, nothing between them. The error (kInvalidArgument) says what is expected.
Result<std::string> read_fingerprint(std::string_view given);

}  // namespace drover::app
