#pragma once
// The chunks of one OpenAI-like stream, glanced at one after another. Nearly all of them differ
// from the one before in a single string, the text: that is recognised by comparing bytes, and such
// a chunk is not parsed again.
//
// One stream, one thread. What look() says is what glance_openai() would.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/openai_scan.h"

namespace drover::dialect {

class OpenAiChunks {
 public:
  /// How many bytes of text a chunk says that is the one before but for its text, and proper JSON
  /// if that was; nothing: it has to be looked at.
  std::optional<int64_t> only_text(std::string_view json) const;
  Result<OpenAiGlance> look(std::string_view json);

 private:
  std::string last_;  // empty: the one before was of another kind
  size_t text_begin_ = 0;
  size_t text_end_ = 0;
};

}  // namespace drover::dialect
