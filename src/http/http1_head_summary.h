#pragma once
// All that a HeadParser tells of a head, as text, for tests and fuzz targets that compare its two
// roads. Fed one byte before the rest it must go by llhttp, whatever the head is.

#include <string>
#include <string_view>

#include "http/http1_head.h"

namespace drover::http {

/// How it ended, and what the head says if it ended well.
inline std::string summary(const HeadParser& parser, HeadParser::Status status,
                           std::string_view bytes) {
  if (status == HeadParser::Status::kNeedMore) return "needs more";
  if (status == HeadParser::Status::kTooLarge) return "too large";
  if (status == HeadParser::Status::kMalformed) return std::string("malformed ") + parser.fault();
  std::string out =
      std::to_string(parser.head_bytes()) + " bytes, HTTP/" +
      std::to_string(parser.version_major()) + "." + std::to_string(parser.version_minor()) +
      ", status " + std::to_string(parser.status()) + ", method " +
      std::string(parser.status() == 0 ? parser.method(bytes) : "none") + ", length " +
      std::to_string(parser.content_length()) + "\n" + std::string(parser.target(bytes)) + "\n";
  if (parser.chunked()) out += "chunked ";
  if (parser.has_transfer_encoding()) out += "coded ";
  if (parser.has_content_length()) out += "measured ";
  if (parser.keep_alive()) out += "kept ";
  for (const HeadParser::Field& field : parser.fields()) {
    for (const Headers::Span& span : {field.name, field.value}) {
      out += "\n" + std::to_string(span.at) + ":" + std::string(HeadParser::view(bytes, span));
    }
  }
  return out;
}

/// The same of a head that is read now. `piece`: the size of the pieces in which the bytes come; as
/// many as all of them: at once.
inline std::string summary(HeadParser& parser, std::string_view bytes, size_t piece) {
  parser.reset();
  HeadParser::Status status = HeadParser::Status::kNeedMore;
  for (size_t end = 0; status == HeadParser::Status::kNeedMore && end < bytes.size();) {
    end = piece < bytes.size() - end ? end + piece : bytes.size();
    status = parser.feed(bytes.substr(0, end));
  }
  return summary(parser, status, bytes);
}

}  // namespace drover::http
