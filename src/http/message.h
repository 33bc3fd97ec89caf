#pragma once
// HTTP messages as values, the same for HTTP/1.1 and HTTP/2, client and server.
//
// Values, no shared state. Sources: RFC 9110 (semantics), RFC 3986 (URLs).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
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

/// Header fields in order; names compare without case. What came from a peer holds no CR, LF or
/// NUL; what we are asked to send is looked at while it is added, and check() tells what came of
/// it. All texts stand in one string, so that a head is two allocations however many fields it has.
///
/// text_ is room, and used from its front: making a string longer costs more than the copy into it.
/// Bytes behind what is used may be of an earlier head; they are never handed out. What is added
/// stands there as the lines that will be sent, so that those go out in one copy.
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

  /// The texts must not be this object's own.
  void add(FieldName name, std::string_view value);
  /// Replaces all of that name.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  /// The first of that name; good until the headers change.
  std::optional<std::string_view> get(std::string_view name) const;
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
  /// the text, in order, each value behind its name. One copy for all of them. They are sound:
  /// whoever found the places saw to that.
  void assign(std::string_view text, const std::vector<Place>& places);
  void clear() {
    places_.clear();
    unsound_ = kAllSound;
    lines_ = true;
  }
  size_t size() const { return places_.size(); }
  View at(size_t index) const {
    const Place& p = places_[index];
    return View(std::string_view(text_.data() + p.name.at, p.name.size),
                std::string_view(text_.data() + p.value.at, p.value.size));
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
  size_t lines_size() const { return used() + kLineExtra * size(); }
  /// Writes all fields as lines, but those whose names are to be left out, to where there is room
  /// for lines_size(); gives the place behind them.
  char* put_lines(char* to, bool (*left_out)(std::string_view)) const;

 private:
  static constexpr uint32_t kAllSound = UINT32_MAX;
  /// What a line has beside its name and its value.
  static constexpr size_t kLineExtra = 4;

  bool named(const Place& place, std::string_view name) const;
  /// Where the line of that field ends, if the fields stand as lines.
  static size_t line_end(const Place& place) {
    return size_t{place.value.at} + place.value.size + kLineExtra / 2;
  }
  /// How much of text_ is used: the last line ends it.
  size_t used() const { return places_.empty() ? 0 : line_end(places_.back()); }
  void make_room(size_t size);
  std::string text_;
  std::vector<Place> places_;
  uint32_t unsound_ = kAllSound;  // the first of those that may not be sent
  bool lines_ = true;             // text_ is used by lines to be sent, and by nothing else
};

/// What Content-Length says; nullopt where there is none. kInvalidArgument for all but digits that
/// fit, and for two that disagree: one reader would take this length, the next one that (RFC 9110
/// section 8.6).
Result<std::optional<uint64_t>> content_length(const Headers& headers);

/// Appends "name: value" and the line's end.
void append_field(std::string& out, std::string_view name, std::string_view value);
/// The same for all fields but those whose names are to be left out.
void append_fields(std::string& out, const Headers& headers, bool (*left_out)(std::string_view));
/// The same for a length.
void append_content_length(std::string& out, uint64_t length);

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
  bool is_tls() const { return scheme == "https"; }
  /// "https://host:port" with the port only if not the scheme's own.
  std::string origin() const;
  /// Value for Host.
  std::string authority() const;
  static Result<Url> parse(std::string_view text);
};

}  // namespace drover::http
