#pragma once
// The framing of an HTTP/1.1 body (RFC 9112 sections 6 and 7): none, by length, chunked, or until
// the connection ends. Works in place: each step says how many bytes of the input it used and which
// of them are body. Chunk sizes, extensions and trailers are read strictly and bounded; trailers
// are checked and dropped.

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace drover::http {

class BodyDecoder {
 public:
  void start_none() { set(State::kDone, 0); }
  void start_length(uint64_t bytes) { set(bytes == 0 ? State::kDone : State::kLength, bytes); }
  void start_chunked() { set(State::kSize, 0); }
  void start_until_close() { set(State::kUntilClose, 0); }

  bool done() const { return state_ == State::kDone; }
  bool until_close() const { return state_ == State::kUntilClose; }
  /// Bytes still to come, if the length was declared.
  uint64_t remaining() const { return state_ == State::kLength ? left_ : 0; }
  bool has_length() const { return state_ == State::kLength; }

  struct Step {
    size_t used = 0;
    std::string_view data;
  };
  /// The next piece of body in `in`. Empty data means: done(), or all of `in` was used.
  Result<Step> next(std::string_view in);

  /// Precondition: has_length() and n <= remaining(). The caller took n bytes of body by itself.
  void advance(uint64_t n) {
    left_ -= n;
    if (left_ == 0) state_ = State::kDone;
  }

  /// Bytes of extensions and trailers of one body, together.
  static constexpr size_t kOverheadBytesMax = 16u << 10;

 private:
  enum class State : uint8_t {
    kDone,
    kLength,
    kUntilClose,
    kSize,       // the hexadecimal digits
    kExtension,  // after ';', up to CR
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailerStart,
    kTrailer,
    kTrailerLf,
    kEndLf,
  };
  void set(State state, uint64_t left) {
    state_ = state;
    left_ = left;
    digits_ = 0;
    overhead_ = 0;
  }
  Result<void> control(char c);

  State state_ = State::kDone;
  uint8_t digits_ = 0;
  uint32_t overhead_ = 0;
  uint64_t left_ = 0;
};

}  // namespace drover::http
