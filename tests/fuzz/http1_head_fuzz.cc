// Any bytes as the head of a request or of an answer: what is read in one pass as ordinary is what
// llhttp reads of the same bytes, and however they are cut into pieces, the outcome is the same.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/http1_head_summary.h"

namespace {

/// What is refused may be so for two reasons, and pieces show the one or the other first.
std::string outcome(drover::http::HeadParser& parser, std::string_view bytes, size_t piece) {
  std::string out = drover::http::summary(parser, bytes, piece);
  return out.starts_with("malformed ") || out == "too large" ? "refused" : out;
}

/// A head that begins like another one, and comes behind it.
void read_behind(drover::http::HeadParser::Kind kind, std::string_view bytes, size_t gone) {
  using drover::http::HeadParser;
  HeadParser alone(kind, 1'000);
  HeadParser behind(kind, 1'000);
  if (behind.feed(bytes) != HeadParser::Status::kDone) return;
  drover::http::Headers before;
  before.assign(bytes, behind.fields());
  std::string next(bytes);
  next.erase(std::min(next.size(), gone), 1);
  const HeadParser::Status status = behind.feed_next(next, before.received());
  if (drover::http::summary(behind, status, next) !=
      drover::http::summary(alone, next, next.size())) {
    __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using drover::http::HeadParser;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto kind = data[0] % 2 == 0 ? HeadParser::Kind::kRequest : HeadParser::Kind::kResponse;
  HeadParser parser(kind, 1'000);
  const std::string whole = outcome(parser, bytes, bytes.size());
  const std::string by_llhttp = outcome(parser, bytes, 1);
  if (parser.is_ordinary() || whole != by_llhttp) __builtin_trap();
  if (whole != outcome(parser, bytes, 1 + data[0] / 2)) __builtin_trap();
  read_behind(kind, bytes, data[0]);
  return 0;
}
