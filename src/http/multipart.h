#pragma once
// multipart/form-data, both ways: what a file is uploaded as. Pure; values.
//
// Failure: kInvalidArgument with what is wrong. Limits: kFormPartsMax parts, kFormHeadBytesMax of
// headers each; the body is as long as whoever read it allows. Sources: RFC 7578, RFC 2046 section
// 5.1. Not understood: nested multiparts, transfer encodings.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace drover::http {

inline constexpr size_t kFormPartsMax = 64;
inline constexpr size_t kFormHeadBytesMax = 4096;

struct FormPart {
  std::string name;
  std::string filename;  // "": a plain field
  std::string body;
  bool operator==(const FormPart&) const = default;
};

/// `content_type` is the header's value, which names the boundary.
Result<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body);

struct EncodedForm {
  std::string content_type;
  std::string body;
};
/// The boundary must stand in no part: take random letters and digits. Names and file names must
/// hold no quotes and no line ends.
EncodedForm encode_form(const std::vector<FormPart>& parts, std::string_view boundary);

}  // namespace drover::http
