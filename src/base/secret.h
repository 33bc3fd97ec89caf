#pragma once
// A value that must not leak: API keys, signing keys, tokens. It cannot be printed, logged, put
// into JSON or compared by accident; its bytes are overwritten when it is destroyed, assigned to
// or moved from. The one way to the bytes is reveal(), which is easy to search for.
//
// Ownership: each copy owns (and wipes) its own bytes on the heap; a move hands them over.
// Threads: a value. Failure: none. Limits: none of its own.
// What it does not do: lock pages into memory, or wipe the copies that a caller makes of reveal().

#include <cstddef>
#include <memory>
#include <string_view>

namespace drover {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view bytes);
  Secret(const Secret& other);
  Secret& operator=(const Secret& other);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  /// The bytes, valid as long as this object is unchanged. For the wire and for hashing only.
  std::string_view reveal() const { return {bytes_.get(), size_}; }
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  /// Equal in time that depends on the length only.
  bool same(const Secret& other) const;

  bool operator==(const Secret&) const = delete;

 private:
  void wipe() noexcept;

  // Not std::string: its small-string buffer would leave a copy behind in a moved-from object.
  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
};

/// What stands in place of a secret wherever a person would look for it.
inline constexpr std::string_view kRedacted = "[redacted]";

}  // namespace drover
