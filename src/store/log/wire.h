#pragma once
// The few forms of which the log's bytes are made (FORMAT.md): little-endian words, varints
// (LEB128), zigzag, length-prefixed text, text that is hex kept as bytes, ids that are ULIDs kept
// as 16 bytes. Reading never trusts a length: a WireReader that runs out of bytes, or meets a form
// that is none, is failed() from then on and gives zeros and empty texts.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace drover::store::log {

/// Times as they are written: how far `time` is from `base`, and back. Any two values have a
/// distance (modulo 2^64), so that nonsense read from a file is no overflow.
int64_t time_distance(WallTime time, WallTime base);
WallTime time_at(WallTime base, int64_t distance);

class WireWriter {
 public:
  explicit WireWriter(std::string& out) : out_(out) {}
  void byte(uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void word32(uint32_t value);
  void word64(uint64_t value);
  void varint(uint64_t value) {
    if (value < 0x80) {  // most are
      byte(static_cast<uint8_t>(value));
    } else {
      long_varint(value);
    }
  }
  void zigzag(int64_t value) {
    varint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  void text(std::string_view value);
  /// Lower-case hex takes half its size; anything else stays as it is.
  void hex_text(std::string_view value);
  /// "ses_" and a ULID take 17 bytes; anything else stays as it is. The reader names the prefix.
  void id_text(std::string_view value, std::string_view prefix);
  void raw(std::string_view bytes) { out_.append(bytes); }

 private:
  void long_varint(uint64_t value);

  std::string& out_;
};

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}
  uint8_t byte();
  uint32_t word32();
  uint64_t word64();
  uint64_t varint();
  int64_t zigzag();
  std::string_view text();
  std::string hex_text();
  std::string id_text(std::string_view prefix);
  std::string_view raw(size_t size);

  bool failed() const { return failed_; }
  void fail() {
    failed_ = true;
    rest_ = std::string_view();
  }
  size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace drover::store::log
