#pragma once
// HTTP messages as values, the same for HTTP/1.1 and HTTP/2, client and server.
//
// Values, no shared state. Sources: RFC 9110 (semantics), RFC 3986 (URLs).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "http/field_name.h"

namespace drover::http {

/// True if the text may travel as a field value: no control characters but TAB.
bool is_field_value(std::string_view text);
/// Writes "name: value" and the line's end to where there is room; gives the place behind it.
char* put_field(char* to, std::string_view name, std::string_view value);
/// What that takes beside the name and the value.
inline constexpr size_t kFieldExtra = 4;

/// Header fields in order; names compare without case. What came from a peer holds no CR, LF or
/// NUL; what we are asked to send is looked at while it is added, and check() tells what came of
/// it. Texts and places share one piece of memory: a head is one allocation however many fields it
/// has, and moves as a few words.
///
/// The texts stand in the memory's front, the places in its back, the first of them last. Bytes
/// between may be of an earlier head; they are never handed out. What is added stands there as the
/// lines that will be sent, so that those go out in one copy.
class Headers {
 public:
  /// A field of its own (signatures, tables).
  using Field = std::pair<std::string, std::string>;
  /// A field as it stands here; good until the headers change.
  using View = std::pair<std::string_view, std::string_view>;

  Headers() = default;
  Headers(std::initializer_list<View> fields) {
    for (const View& field : fields) add(field.first, field.second);
  }
  Headers(const Headers& o);
  Headers(Headers&& o) noexcept { swap(o); }
  Headers& operator=(Headers o) noexcept {
    swap(o);
    return *this;
  }
  ~Headers() = default;

  /// The texts must not be this object's own.
  void add(FieldName name, std::string_view value) { put(name, value, is_field_value(value)); }
  /// The same for a value that is known to be one: a number, an id of ours.
  void add_sound(FieldName name, std::string_view value) { put(name, value, true); }
  /// Replaces all of that name.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  /// The first of that name; good until the headers change.
  std::optional<std::string_view> get(std::string_view name) const {
    if ((marks_ & mark_of(name)) == 0) return std::nullopt;
    const size_t index = find(name);
    return index == count_ ? std::nullopt : std::optional(at(index).second);
  }
  /// All of that name joined by ", " (RFC 9110 section 5.3).
  std::string get_joined(std::string_view name) const;
  bool has(std::string_view name) const { return get(name).has_value(); }
  /// kInvalidArgument if a name is no token or a value could end its line (header injection).
  Result<void> check() const;
  /// The first field that check() refuses; size() if there is none.
  size_t first_unsound() const { return std::min<size_t>(unsound_, size()); }
  /// Where a text stands in another.
  struct Span {
    uint32_t at = 0;
    uint32_t size = 0;
  };
  struct Place {
    Span name;
    Span value;
  };
  /// The fields of a head that was received, instead of what is here: they stand at these places of
  /// the text, in order, each value behind its name. One copy for all of them and what precedes
  /// them, so that their places hold here too. They are sound: whoever found them saw to that.
  void assign(std::string_view text, const std::vector<Place>& places);
  /// That text up to its last value, if nothing was added since; good until the headers change.
  std::string_view received() const {
    return lines_ ? std::string_view() : std::string_view(memory_.get(), used_);
  }
  void clear() {
    used_ = 0;
    count_ = 0;
    unsound_ = kAllSound;
    marks_ = 0;
    lines_ = true;
  }
  size_t size() const { return count_; }
  View at(size_t index) const {
    const Place& place = *(places_end() - 1 - index);
    return View(view(place.name), view(place.value));
  }

  /// For `for (const auto& [name, value] : headers.fields())`.
  class Range {
   public:
    class Iterator {
     public:
      Iterator(const Headers* headers, size_t index) : headers_(headers), index_(index) {}
      View operator*() const { return headers_->at(index_); }
      Iterator& operator++() {
        ++index_;
        return *this;
      }
      bool operator!=(const Iterator& other) const { return index_ != other.index_; }

     private:
      const Headers* headers_;
      size_t index_;
    };
    explicit Range(const Headers* headers) : headers_(headers) {}
    Iterator begin() const { return Iterator(headers_, 0); }
    Iterator end() const { return Iterator(headers_, headers_->size()); }
    View operator[](size_t index) const { return headers_->at(index); }
    size_t size() const { return headers_->size(); }

   private:
    const Headers* headers_;
  };
  Range fields() const { return Range(this); }
  /// Copies, for whoever keeps them.
  std::vector<Field> copy() const;

  /// What the fields take as lines at most.
  size_t lines_size() const { return used_ + kFieldExtra * size(); }
  /// Writes all fields as lines, but those whose names are to be left out, to where there is room
  /// for lines_size(); gives the place behind them. `marks`: those of all names that `left_out`
  /// knows; where no field bears one of them it is not asked.
  char* put_lines(char* to, bool (*left_out)(std::string_view), uint32_t marks = kAnyMark) const;
  /// A bit that names of one length and one first letter share: most names that are asked for are
  /// not here, and no field bears their mark.
  static constexpr uint32_t mark_of(std::string_view name) {
    const size_t first = name.empty() ? 0 : static_cast<unsigned char>(name.front()) | 0x20u;
    return 1u << ((name.size() + first) % 32);
  }

 private:
  static constexpr uint32_t kAllSound = UINT32_MAX;
  static constexpr uint32_t kAnyMark = UINT32_MAX;

  std::string_view view(Span span) const {
    return std::string_view(memory_.get() + span.at, span.size);
  }
  /// The first field's place stands before this, the next one before that.
  Place* places_end() const { return reinterpret_cast<Place*>(memory_.get() + capacity_); }
  /// The first field of that name from there on; size() if there is none.
  size_t find(std::string_view name, size_t from = 0) const;
  void put(FieldName name, std::string_view value, bool sound);
  /// More memory; what is here stays here.
  void grow(size_t capacity);
  void swap(Headers& o) noexcept;

  std::unique_ptr<char[]> memory_;
  uint32_t capacity_ = 0;  // whole places
  uint32_t used_ = 0;      // by texts
  uint32_t count_ = 0;
  uint32_t unsound_ = kAllSound;  // the first of those that may not be sent
  uint32_t marks_ = 0;            // of the names; any of a head that was received
  bool lines_ = true;             // the texts are lines to be sent, and nothing else
};

/// What Content-Length says; nullopt where there is none. kInvalidArgument for all but digits that
/// fit, and for two that disagree: one reader would take this length, the next one that (RFC 9110
/// section 8.6).
Result<std::optional<uint64_t>> content_length(const Headers& headers);

/// Appends "name: value" and the line's end.
void append_field(std::string& out, std::string_view name, std::string_view value);
/// The same for all fields but those whose names are to be left out.
void append_fields(std::string& out, const Headers& headers, bool (*left_out)(std::string_view));

/// A request head; the body travels apart (server.h, client.h).
struct RequestHead {
  std::string method = "GET";
  /// Exactly as sent: "/v1/models?x=%20".
  std::string target = "/";
  Headers headers;
  /// ":authority" of HTTP/2 or the Host header.
  std::string authority;
  int version_major = 1;

  /// The target up to '?', not decoded.
  std::string_view path() const;
  /// The target after '?', not decoded.
  std::string_view query() const;
  /// A decoded query parameter.
  std::optional<std::string> query_param(std::string_view name) const;
};

struct ResponseHead {
  int status = 200;
  Headers headers;

  /// Whether the status is one of 2xx (RFC 9110 section 15.3).
  bool is_success() const { return status >= 200 && status <= 299; }
  /// Whether no body follows, whatever was asked (RFC 9110 section 6.4.1).
  bool is_bare() const { return status < 200 || status == 204 || status == 304; }
};

/// "Not Found" for 404.
std::string_view reason_phrase(int status);

/// "http" or "https", host, port, target of an absolute URL. No user-info, no fragment.
struct Url {
  std::string scheme;
  std::string host;  // without brackets
  uint16_t port = 0;
  std::string target;  // path and query, at least "/"
  bool is_tls() const { return std::string_view(scheme) == "https"; }  // compared in place
  /// "https://host:port" with the port only if not the scheme's own.
  std::string origin() const;
  /// Value for Host.
  std::string authority() const;
  static Result<Url> parse(std::string_view text);
};

}  // namespace drover::http
