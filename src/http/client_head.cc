#include "http/client_head.h"

#include <string_view>

#include "base/decimal.h"
#include "base/text_copy.h"

namespace drover::http {
namespace {

constexpr std::string_view kLength = "Content-Length";
constexpr std::string_view kLineEnd = "\r\n";

bool is_ours(std::string_view name) {
  return iequals_lower(name, "content-length") || iequals_lower(name, "transfer-encoding") ||
         iequals_lower(name, "connection");
}

bool body_expected(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace

void append_beginning(std::string& out, const RequestTarget& target) {
  out += target.method;
  out += ' ';
  out += target.url.target;
  out += " HTTP/1.1\r\n";
  if (!target.headers.has("host")) append_field(out, "Host", target.url.authority());
  append_fields(out, target.headers, &is_ours);
}

void put_head(RawBytes& output, const RequestTarget& target, const RequestCall& request,
              size_t more) {
  std::string made;
  std::string_view beginning = target.prepared;
  if (beginning.empty()) {
    append_beginning(made, target);
    beginning = made;
  }
  const size_t length = request.content().size();
  const Decimal digits(length);
  size_t room = beginning.size() + kLength.size() + digits.view().size() + kFieldExtra +
                kLineEnd.size() + more;
  for (const RequestCall::Field& field : request.more_headers) {
    room += field.name.size() + field.value.size() + kFieldExtra;
  }
  output.cut(0);
  char* const begin = output.extend(room);
  char* to = copy_text(begin, beginning);
  for (const RequestCall::Field& field : request.more_headers) {
    if (!field.name.empty()) to = put_field(to, field.name, field.value);
  }
  if (length > 0 || body_expected(target.method)) to = put_field(to, kLength, digits.view());
  to = copy_text(to, kLineEnd);
  output.cut(static_cast<size_t>(to - begin));
}

}  // namespace drover::http
