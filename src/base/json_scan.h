#pragma once
// A forward-only reader of JSON for hot paths that look at a few fields of a large body and carry
// the rest untouched: no tree, no copy, offsets into the text as given. It checks what it passes
// over (grammar, escapes, numbers, depth), so a body that was scanned to its end is JSON.
//
//   JsonScanner scan(body);
//   std::string_view key;
//   if (!scan.enter_object()) return fail(scan.error());
//   while (scan.next_key(key)) {
//     if (key == "model") scan.read_string(model); else scan.skip_value();
//   }
//   TRY_VOID(scan.finish());
//
// The first fault sticks: every later call returns false. UTF-8 is not checked here; see
// is_utf8_fast. Limit: limits::kJsonDepthMax levels. One thread; the text must outlive the scanner.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits/json.h"
#include "base/result.h"

namespace drover {

/// A string of the text, as it stands there.
struct JsonText {
  std::string_view inside;  // of its quotes; holds as long as the text does
  bool escaped = false;     // there are escapes in it

  bool empty() const { return inside.empty(); }
  /// What it says.
  std::string text() const;
  void copy_to(std::string& out) const;
  friend bool operator==(const JsonText& a, std::string_view b) {
    return a.escaped ? a.text() == b : a.inside == b;
  }
};

class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text);

  /// The first byte of the next value (white space is passed over); 0 at the end.
  char peek() {
    // Mostly there is none: one comparison says so.
    if (p_ < end_ && static_cast<unsigned char>(*p_) > ' ') return *p_;
    return peek_beyond_space();
  }
  /// Offset of the next byte to be read; after peek(), of the value itself; of no use after a
  /// fault.
  size_t offset() const { return static_cast<size_t>(p_ - begin_); }

  /// Only next_key() may follow, or next_item() in an array.
  bool enter_object();
  /// The next key, unescaped; the view holds until the next call of any kind. False at the object's
  /// end (which is consumed) or on a fault.
  bool next_key(std::string_view& key);
  bool enter_array();
  /// Enter the value if it is an object, or an array; any other is passed over. True if it was one.
  bool enter_if_object();
  bool enter_if_array();
  /// True if another item follows; false at the array's end (consumed) or on a fault.
  bool next_item();

  bool skip_value();
  /// The same of an object; any other value is a fault.
  bool skip_object();
  /// Reads a string value, unescaped; the view holds until the next call of any kind.
  bool read_string(std::string_view& out);
  bool read_string(std::string& out);
  /// Reads the value if it is a string; any other is passed over. True if it was one.
  bool read_if_text(JsonText& out);
  /// Reads a whole number; null reads as nullopt; any other value is a fault.
  bool read_int(std::optional<int64_t>& out);
  /// Reads the value if it is a whole number from 0 that is written with at most nine digits, with
  /// no white space before it; of any other nothing is read, nor is it a fault.
  std::optional<int64_t> read_short_count();
  bool read_optional_string(std::optional<std::string>& out);

  /// Nothing but white space may follow.
  Result<void> finish();
  bool failed() const { return fault_ != nullptr; }
  /// invalid_argument naming the byte.
  Error error() const;

 private:
  bool fault(const char* what);
  char peek_beyond_space();
  /// Whether the next byte, but for white space, is `c`, which is none.
  bool at(char c) { return (p_ < end_ && *p_ == c) || peek() == c; }
  template <size_t kSize>
  bool literal(const char (&word)[kSize]);
  bool next_key_closely(std::string_view& key);
  const char* plain_end() const;
  bool pass_string(std::string_view& raw, bool& escaped);
  bool pass_escaped_string(std::string_view& raw, bool& escaped);
  bool resolve(std::string_view& inside);
  bool pass_key(std::string_view& raw, bool& escaped);
  bool pass_text();
  bool pass_escaped_text();
  bool pass_quick_name();
  bool pass_name_closely();
  bool pass_number();
  bool pass_any_number();
  bool skip_value_closely();
  bool read_escaped(JsonText& out);
  bool pass_scalar();
  bool pass_container();
  bool open();

  const char* begin_;
  const char* p_;
  const char* end_;
  const char* quick_end_;        // before it there is room for a quick look
  const char* fault_ = nullptr;  // after one, p_ is at the end: there is nothing more to read
  const char* fault_at_ = nullptr;
  int entered_ = 0;  // containers, by the caller
  // The bracket of the one that was entered last. While nothing was read of it p_ is there, where a
  // comma stands later.
  const char* opened_ = nullptr;
  std::string text_;  // of the last string with escapes
};

/// Well-formed UTF-8, by simdjson's validator.
bool is_utf8_fast(std::string_view text);

}  // namespace drover
