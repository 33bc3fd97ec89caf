#include "app/output.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "app/cli.h"

namespace drover::app {

size_t width(std::string_view utf8) {
  return static_cast<size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string counted(size_t number, std::string_view what) {
  return std::to_string(number) + " " + std::string(what) + (number == 1 ? "" : "s");
}

std::string some_of(const std::vector<std::string>& names) {
  constexpr size_t kMost = 3;
  std::string out;
  for (size_t i = 0; i < std::min(names.size(), kMost); ++i) {
    out += (i == 0 ? "'" : ", '") + names[i] + "'";
  }
  if (names.size() > kMost) out += " and " + std::to_string(names.size() - kMost) + " more";
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // C1 controls are C2 80 to C2 9F; a lone CR would overwrite the line.
    const bool c1 = c == 0xC2 && i + 1 < text.size() &&
                    static_cast<unsigned char>(text[i + 1]) >= 0x80 &&
                    static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (c1) ++i;
    const bool control = c < 0x20 ? c != '\n' && c != '\t' : c == 0x7F;
    out += c1 || control ? '?' : text[i];
  }
  return out;
}

std::string one_line(std::string_view text, size_t most) {
  std::string out = printable(text);
  for (char& c : out) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  if (width(out) <= most) return out;
  size_t seen = 0;
  size_t end = 0;
  for (; end < out.size(); ++end) {
    const bool starts = (static_cast<unsigned char>(out[end]) & 0xC0) != 0x80;
    if (starts && ++seen == most) break;
  }
  return out.substr(0, end) + "…";
}

std::string cell(std::string_view text, size_t most) {
  return one_line(text, isatty(STDOUT_FILENO) != 0 ? most : std::string::npos);
}

std::string Table::text(bool colours) const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (size_t i = 0; i < rows_[r].size(); ++i) {
      line += rows_[r][i];
      if (i + 1 < rows_[r].size()) line.append(widths[i] - width(rows_[r][i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += r == 0 && colours ? "\x1b[1m" + line + "\x1b[0m\n" : line + "\n";
  }
  return out;
}

void Table::print() const { std::fputs(text(colours_wanted()).c_str(), stdout); }

std::string short_time(std::string_view rfc3339) {
  std::string out(rfc3339.substr(0, 19));
  if (out.size() > 10) out[10] = ' ';
  return out;
}

std::string dim(std::string text) {
  return colours_wanted() ? "\x1b[2m" + std::move(text) + "\x1b[0m" : text;
}

std::string member(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  if (value == nullptr) return "";
  if (value->string() != nullptr) return *value->string();
  return value->raw_number() != nullptr ? value->raw_number()->text : "";
}

const Json::Array& items_of(const Json& list) {
  static const Json::Array none;
  const Json* data = list.find("data");
  const Json::Array* items = data == nullptr ? nullptr : data->array_items();
  return items == nullptr ? none : *items;
}

void print_json(const Json& json) { std::printf("%s\n", json.pretty().c_str()); }

}  // namespace drover::app
