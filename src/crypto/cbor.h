#pragma once
// CBOR (RFC 8949) as signed documents need it: strict reading into a small tree, and writing.
//
// Reading is stricter than the RFC's "well-formed", so that a document has one meaning and one
// spelling: definite lengths only, heads in their shortest form (RFC 8949 section 4.2.1), no key
// twice in a map (RFC 9052 section 9 demands it), text that is UTF-8, no bytes after the document.
// The order of map keys is free. Floating-point numbers and simple values other than false, true,
// null and undefined are refused, and so are tags: no format that we verify has them inside.
//
// The tree's strings are views into the input, which must outlive it. Nothing is allocated on the
// word of a length that the input does not have the bytes for. libcbor decodes the heads
// (cbor.cc is the one file that includes it).
//
// Limits (base/limits/crypto.h): depth, number of items. Threads: any. Failure: invalid_argument,
// naming the byte.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace drover::crypto {

struct CborValue {
  enum class Kind : uint8_t {
    kUnsigned,
    kNegative,  // the value is -1 - number
    kBytes,
    kText,
    kArray,
    kMap,  // items holds key, value, key, value, …
    kFalse,
    kTrue,
    kNull,
    kUndefined,
  };
  Kind kind = Kind::kNull;
  uint64_t number = 0;
  std::string_view text;  // of kBytes and kText
  std::vector<CborValue> items;

  bool is(Kind k) const { return kind == k; }
  /// The value under a text key, or under a whole-number key; nullptr if absent or not a map.
  const CborValue* find(std::string_view key) const;
  const CborValue* find(int64_t key) const;
  /// An integer that fits; false for anything else.
  bool integer(int64_t& out) const;
  /// Same kind and content.
  bool operator==(const CborValue& other) const = default;
};

/// Reads exactly one document.
Result<CborValue> parse_cbor(std::string_view bytes);

/// Writes in the form that parse_cbor reads. Who opens an array or a map of n writes the n values
/// (2n for a map) next.
class CborWriter {
 public:
  CborWriter& integer(int64_t value);
  CborWriter& unsigned_integer(uint64_t value);
  CborWriter& bytes(std::string_view value);
  CborWriter& text(std::string_view value);
  CborWriter& array(size_t n);
  CborWriter& map(size_t n);
  CborWriter& null();
  /// A value from a tree, as it was read.
  CborWriter& value(const CborValue& value);
  const std::string& out() const { return out_; }

 private:
  std::string out_;
};

}  // namespace drover::crypto
