#pragma once
// Identifiers. Each kind is its own type; the text form carries a prefix that says what it names
// ("ses_01K…"). The rest is a ULID: 48 bits of milliseconds and 80 random bits in Crockford's
// base 32, so ids sort by time of making.

#include <array>
#include <compare>
#include <functional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"

namespace drover {

/// The digits of Crockford's base 32, which are those of a ULID.
inline constexpr std::string_view kCrockfordDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
inline constexpr size_t kUlidChars = 26;
/// kUlidChars characters, time-ordered.
std::string make_ulid(WallTime now, Random& random);
/// The same into memory that the caller has.
void put_ulid(char* at, WallTime now, Random& random);

/// A new id as text that lies where this does, for what has one and goes again.
template <typename Tag>
class IdText {
 public:
  IdText(WallTime now, Random& random) {
    Tag::kPrefix.copy(text_.data(), Tag::kPrefix.size());
    text_[Tag::kPrefix.size()] = '_';
    put_ulid(text_.data() + Tag::kPrefix.size() + 1, now, random);
  }
  std::string_view view() const { return {text_.data(), text_.size()}; }
  operator std::string_view() const { return view(); }

 private:
  std::array<char, Tag::kPrefix.size() + 1 + kUlidChars> text_;
};

template <typename Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string text) : text_(std::move(text)) {}
  static Id make(WallTime now, Random& random) {
    return Id(std::string(IdText<Tag>(now, random).view()));
  }
  /// Accepts "<prefix>_" followed by 1 to 64 of [0-9A-Za-z_-].
  static Result<Id> parse(std::string_view text);
  const std::string& str() const& { return text_; }
  std::string str() && { return std::move(text_); }
  bool empty() const { return text_.empty(); }
  auto operator<=>(const Id&) const = default;

 private:
  std::string text_;
};

bool is_id_text(std::string_view text, std::string_view prefix);

template <typename Tag>
Result<Id<Tag>> Id<Tag>::parse(std::string_view text) {
  if (!is_id_text(text, Tag::kPrefix)) {
    return fail(Code::kInvalidArgument, "not an id of the form " + std::string(Tag::kPrefix) +
                                            "_…: '" + std::string(text.substr(0, 80)) + "'");
  }
  return Id(std::string(text));
}

struct SessionTag {
  static constexpr std::string_view kPrefix = "ses";
};
struct EventTag {
  static constexpr std::string_view kPrefix = "evt";
};
struct KeyTag {
  static constexpr std::string_view kPrefix = "key";
};
struct TenantTag {
  static constexpr std::string_view kPrefix = "ten";
};
struct CallTag {
  static constexpr std::string_view kPrefix = "call";
};

using SessionId = Id<SessionTag>;
using EventId = Id<EventTag>;
using KeyId = Id<KeyTag>;
using TenantId = Id<TenantTag>;
/// A stateless gateway call.
using CallId = Id<CallTag>;

}  // namespace drover

template <typename Tag>
struct std::hash<drover::Id<Tag>> {
  size_t operator()(const drover::Id<Tag>& id) const { return std::hash<std::string>()(id.str()); }
};
