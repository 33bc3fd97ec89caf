#pragma once
// Reads the heads that nearly all messages have, whole and in one pass over the bytes: what
// HeadParser (http1_head.h) tries before llhttp. Ordinary is a part, with one meaning only, of what
// llhttp takes in strict mode:
//
//   - HTTP/1.1, one of the usual methods, a target that begins with '/' and holds only visible
//     ASCII without '#'; or a status from 100 to 599 and a reason, which may be empty;
//   - lines that end in CR LF, names of letters, digits, '-' and '_' directly before the colon,
//     values of one byte at least, without control characters but TAB, and after the colon no blank
//     but one space;
//   - at most one Content-Length of up to 19 digits, or one Transfer-Encoding: chunked; at most one
//     Connection, of close or keep-alive; no Upgrade, Proxy-Connection, TE or Trailer.
//
// Whatever else comes is not judged here. Pure functions, any thread.

#include <cstdint>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace drover::http {

/// What an ordinary head says but for its fields. Numbers and flags are llhttp's.
struct OrdinaryHead {
  uint8_t method = 0;
  uint16_t status = 0;
  uint16_t flags = 0;
  uint64_t content_length = 0;
  Headers::Span target;
  size_t bytes = 0;
};

/// Whether the text begins with a whole ordinary head. If not, what is in `head` and `fields` means
/// nothing.
///
/// `same`: with so many bytes an ordinary head began too whose method and target, or status, and
/// fields are in `head` and `fields`. Lines that end within them are what they were.
bool read_ordinary_request(std::string_view text, OrdinaryHead& head,
                           std::vector<Headers::Place>& fields, size_t same = 0);
bool read_ordinary_response(std::string_view text, OrdinaryHead& head,
                            std::vector<Headers::Place>& fields, size_t same = 0);

}  // namespace drover::http
