#include "http/multipart.h"

#include "base/bytes.h"

namespace drover::http {
namespace {

constexpr size_t kBoundaryBytesMax = 70;  // RFC 2046

Failure bad(std::string what) {
  return fail(Error(Code::kInvalidArgument, "the form " + std::move(what)));
}

/// The value of `name="…"` or `name=…` among the parameters behind a header's value.
std::string parameter(std::string_view header, std::string_view name) {
  size_t semicolon = header.find(';');
  while (semicolon != std::string_view::npos) {
    header = header.substr(semicolon + 1);
    const size_t equals = header.find('=');
    if (equals == std::string_view::npos) return {};
    const bool mine = iequals(trim(header.substr(0, equals)), name);
    std::string_view rest = header.substr(equals + 1);
    std::string value;
    if (!rest.empty() && rest.front() == '"') {
      size_t at = 1;
      for (; at < rest.size() && rest[at] != '"'; ++at) {
        if (rest[at] == '\\' && at + 1 < rest.size()) ++at;
        value += rest[at];
      }
      rest.remove_prefix(std::min(rest.size(), at + 1));
    } else {
      value = trim(rest.substr(0, rest.find(';')));
    }
    if (mine) return value;
    header = rest;
    semicolon = header.find(';');
  }
  return {};
}

Result<FormPart> read_part(std::string_view part) {
  const size_t end = part.find("\r\n\r\n");
  if (end == std::string_view::npos || end > kFormHeadBytesMax) {
    return bad("has a part without an end of its headers");
  }
  FormPart out;
  std::string_view head = part.substr(0, end);
  while (!head.empty()) {
    const size_t line_end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, line_end);
    head.remove_prefix(std::min(head.size(), line_end + 2));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    if (!iequals(trim(line.substr(0, colon)), "content-disposition")) continue;
    out.name = parameter(line, "name");
    out.filename = parameter(line, "filename");
  }
  if (out.name.empty()) return bad("has a part without a name");
  out.body = part.substr(end + 4);
  return out;
}

}  // namespace

Result<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body) {
  const std::string boundary = parameter(content_type, "boundary");
  if (boundary.empty() || boundary.size() > kBoundaryBytesMax) {
    return bad("needs content-type multipart/form-data with a boundary");
  }
  const std::string mark = "--" + boundary;
  if (!body.starts_with(mark)) return bad("does not begin with its boundary");
  body.remove_prefix(mark.size());
  const std::string next = "\r\n" + mark;
  std::vector<FormPart> out;
  while (!body.starts_with("--")) {
    if (!body.starts_with("\r\n")) return bad("has bytes behind a boundary");
    body.remove_prefix(2);
    const size_t end = body.find(next);
    if (end == std::string_view::npos) return bad("has no end");
    if (out.size() >= kFormPartsMax) return bad("has too many parts");
    TRY(FormPart part, read_part(body.substr(0, end)));
    out.push_back(std::move(part));
    body.remove_prefix(end + next.size());
  }
  return out;
}

EncodedForm encode_form(const std::vector<FormPart>& parts, std::string_view boundary) {
  EncodedForm out;
  out.content_type = "multipart/form-data; boundary=" + std::string(boundary);
  for (const FormPart& part : parts) {
    out.body.append("--").append(boundary);
    out.body.append("\r\nContent-Disposition: form-data; name=\"").append(part.name).append("\"");
    if (!part.filename.empty()) {
      out.body.append("; filename=\"").append(part.filename);
      out.body.append("\"\r\nContent-Type: application/octet-stream");
    }
    out.body.append("\r\n\r\n").append(part.body).append("\r\n");
  }
  out.body.append("--").append(boundary).append("--\r\n");
  return out;
}

}  // namespace drover::http
