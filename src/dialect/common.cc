#include "dialect/openai_wire.h"

namespace drover::dialect {

Error malformed_answer(std::string what) {
  return Error(Code::kDataLoss, "the provider's answer cannot be read: " + std::move(what),
               Retry::kOtherTarget)
      .with_reason("malformed_response");
}

Error unsupported(std::string what) {
  return Error(Code::kInvalidArgument, std::move(what)).with_reason("unsupported");
}

std::string tidy_message(std::string_view text) {
  constexpr size_t kBytesMax = 600;
  bool cut = text.size() > kBytesMax;
  if (cut) {
    size_t end = kBytesMax;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end);
  }
  std::string out;
  out.reserve(text.size());
  for (char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  if (cut) out += "…";
  return out;
}

std::string snake_case(std::string_view name) {
  std::string out;
  for (size_t i = 0; i < name.size() && out.size() < 80; ++i) {
    char c = name[i];
    bool upper = c >= 'A' && c <= 'Z';
    bool word = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!word) {
      if (!out.empty() && out.back() != '_') out += '_';
      continue;
    }
    bool after_lower = i > 0 && ((name[i - 1] >= 'a' && name[i - 1] <= 'z') ||
                                 (name[i - 1] >= '0' && name[i - 1] <= '9'));
    if (upper && after_lower && !out.empty() && out.back() != '_') out += '_';
    out += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  return out;
}

const Dialect* find(std::string_view name) {
  for (const Dialect* dialect : {&openai(), &azure(), &converse()}) {
    if (dialect->name() == name) return dialect;
  }
  return nullptr;
}

}  // namespace drover::dialect
