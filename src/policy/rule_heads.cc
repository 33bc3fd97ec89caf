#include "policy/rule_heads.h"

#include <algorithm>

namespace drover::policy {
namespace {

bool in_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// The end of the text that begins with the quote at `from`.
size_t end_of_text(std::string_view rules, size_t from) {
  for (size_t i = from + 1; i < rules.size(); ++i) {
    if (rules[i] == '\\') {
      ++i;
    } else if (rules[i] == '"') {
      return i + 1;
    }
  }
  return rules.size();
}

/// The next word, text or sign, blanks and comments left out; "" at the end.
std::string_view next_token(std::string_view rules, size_t& at) {
  for (;;) {
    at = std::min(rules.find_first_not_of(" \t\r\n", at), rules.size());
    if (rules.substr(at, 2) != "//") break;
    at = std::min(rules.find_first_of("\r\n", at), rules.size());
  }
  const size_t from = at;
  if (from == rules.size()) return {};
  if (rules[from] == '"') {
    at = end_of_text(rules, from);
  } else {
    ++at;
    while (in_word(rules[from]) && at < rules.size() && in_word(rules[at])) ++at;
  }
  return rules.substr(from, at - from);
}

/// Lines and columns begin at 1; a column is a character, as the engine counts them.
std::string text_place(std::string_view rules, size_t at, const std::string& file) {
  const std::string_view before = rules.substr(0, at);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::string_view in_line = before.substr(before.rfind('\n') + 1);
  const auto column = 1 + std::count_if(in_line.begin(), in_line.end(), [](char c) {
                        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
                      });
  return file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

}  // namespace

bool looks_at_principals(std::string_view rules) {
  size_t at = 0;
  std::string_view before, before_that;
  for (std::string_view token = next_token(rules, at); !token.empty();) {
    std::string_view after = next_token(rules, at);
    const bool head = (before_that == "permit" || before_that == "forbid") && before == "(" &&
                      token == "principal" && after == ",";
    if (!head && token.find("principal") != std::string_view::npos) return true;
    before_that = before;
    before = token;
    token = after;
  }
  return false;
}

std::vector<NamedTenant> tenants_named(std::string_view rules, const std::string& file) {
  std::vector<NamedTenant> out;
  size_t at = 0;
  for (std::string_view token = next_token(rules, at); !token.empty();
       token = next_token(rules, at)) {
    if (token != "Tenant") continue;
    size_t ahead = at;
    if (next_token(rules, ahead) != ":" || next_token(rules, ahead) != ":") continue;
    const std::string_view text = next_token(rules, ahead);
    if (text.size() < 2 || text.front() != '"') continue;
    const std::string_view id = text.substr(1, text.size() - 2);
    const bool known =
        std::any_of(out.begin(), out.end(), [&](const NamedTenant& t) { return t.id == id; });
    if (!known) out.push_back({std::string(id), text_place(rules, at - token.size(), file)});
  }
  return out;
}

}  // namespace drover::policy
