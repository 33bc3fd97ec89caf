#include "http/client_head.h"

#include <string_view>

#include "base/bytes.h"
#include "base/decimal.h"
#include "base/text_copy.h"

namespace drover::http {
namespace {

constexpr std::string_view kLength = "Content-Length";
constexpr std::string_view kColon = ": ";
constexpr std::string_view kLineEnd = "\r\n";

bool is_ours(std::string_view name) {
  return (name.size() == 14 && iequals(name, "content-length")) ||
         (name.size() == 17 && iequals(name, "transfer-encoding")) ||
         (name.size() == 10 && iequals(name, "connection"));
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
  constexpr size_t kBeside = kColon.size() + kLineEnd.size();
  std::string made;
  std::string_view beginning = target.prepared;
  if (beginning.empty()) {
    append_beginning(made, target);
    beginning = made;
  }
  const size_t length = request.content().size();
  const Decimal digits(length);
  size_t room =
      beginning.size() + kLength.size() + digits.view().size() + kBeside + kLineEnd.size() + more;
  for (const RequestCall::Field& field : request.more_headers) {
    room += field.name.size() + field.value.size() + kBeside;
  }
  output.cut(0);
  char* const begin = output.extend(room);
  char* to = copy_text(begin, beginning);
  auto put_field = [&to](std::string_view name, std::string_view value) {
    to = copy_text(copy_text(to, name), kColon);
    to = copy_text(copy_text(to, value), kLineEnd);
  };
  for (const RequestCall::Field& field : request.more_headers) {
    if (!field.name.empty()) put_field(field.name, field.value);
  }
  if (length > 0 || body_expected(target.method)) put_field(kLength, digits.view());
  to = copy_text(to, kLineEnd);
  output.cut(static_cast<size_t>(to - begin));
}

}  // namespace drover::http
