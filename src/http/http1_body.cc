#include "http/http1_body.h"

#include <algorithm>

namespace drover::http {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_line_char(char c) {
  unsigned char u = static_cast<unsigned char>(c);
  return (u >= 0x20 && u != 0x7f) || c == '\t';
}

Failure malformed(const char* what) {
  return fail(Error(Code::kInvalidArgument, what).with_reason("protocol"));
}

}  // namespace

/// One byte of the chunked framing.
Result<void> BodyDecoder::control(char c) {
  switch (state_) {
    case State::kSize: {
      int digit = hex_value(c);
      if (digit >= 0) {
        // 15 digits cannot overflow, and no honest chunk is larger.
        if (++digits_ > 15) return malformed("a chunk size is too long");
        left_ = left_ * 16 + static_cast<uint64_t>(digit);
        return {};
      }
      if (digits_ == 0) return malformed("a chunk has no size");
      if (c == ';') {
        state_ = State::kExtension;
      } else if (c == '\r') {
        state_ = State::kSizeLf;
      } else {
        return malformed("a chunk size holds something else than digits");
      }
      return {};
    }
    case State::kExtension:
      if (c == '\r') {
        state_ = State::kSizeLf;
      } else if (!is_line_char(c) || ++overhead_ > kOverheadBytesMax) {
        return malformed("a chunk extension is malformed or too long");
      }
      return {};
    case State::kSizeLf:
      if (c != '\n') return malformed("a chunk size does not end with CRLF");
      state_ = left_ == 0 ? State::kTrailerStart : State::kData;
      digits_ = 0;
      return {};
    case State::kDataCr:
      if (c != '\r') return malformed("a chunk is longer than its size");
      state_ = State::kDataLf;
      return {};
    case State::kDataLf:
      if (c != '\n') return malformed("a chunk does not end with CRLF");
      state_ = State::kSize;
      left_ = 0;
      return {};
    case State::kTrailerStart:
      if (c == '\r') {
        state_ = State::kEndLf;
        return {};
      }
      state_ = State::kTrailer;
      [[fallthrough]];
    case State::kTrailer:
      if (c == '\r') {
        state_ = State::kTrailerLf;
      } else if (!is_line_char(c) || ++overhead_ > kOverheadBytesMax) {
        return malformed("a trailer is malformed or too long");
      }
      return {};
    case State::kTrailerLf:
      if (c != '\n') return malformed("a trailer does not end with CRLF");
      state_ = State::kTrailerStart;
      return {};
    case State::kEndLf:
      if (c != '\n') return malformed("the last chunk does not end with CRLF");
      state_ = State::kDone;
      return {};
    default:
      return malformed("not a chunked body");
  }
}

Result<BodyDecoder::Step> BodyDecoder::next(std::string_view in) {
  Step step;
  if (state_ == State::kUntilClose) {
    step.used = in.size();
    step.data = in;
    return step;
  }
  while (step.used < in.size() && state_ != State::kDone) {
    if (state_ != State::kLength && state_ != State::kData) {
      TRY_VOID(control(in[step.used]));
      ++step.used;
      continue;
    }
    size_t n = static_cast<size_t>(std::min<uint64_t>(left_, in.size() - step.used));
    step.data = in.substr(step.used, n);
    step.used += n;
    left_ -= n;
    if (left_ == 0) state_ = state_ == State::kLength ? State::kDone : State::kDataCr;
    return step;
  }
  return step;
}

}  // namespace drover::http
