#include "base/yaml_flow.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace drover {
namespace {

constexpr std::string_view kSpaces = " \t\r";

struct Bracket {
  char bracket;
  int line;
};

char opener_of(char closer) { return closer == '}' ? '{' : '['; }

class FlowScan {
 public:
  explicit FlowScan(std::string_view text) : text_(text) {}

  void run() {
    while (!text_.empty() && !done_) {
      const size_t end = text_.find('\n');
      line_text_ = text_.substr(0, end);
      ++line_;
      if (quote_ != 0 || !skipped()) read_line();
      text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
    }
  }

  /// Those that are open at the end, or where another one is closed.
  const std::vector<Bracket>& open() const { return crossed_ && !extra() ? at_cross_ : open_; }
  /// One that closes what is not open: without it, those around it end as they should; or there is
  /// nothing of its kind to end.
  const Bracket* extra() const {
    if (!crossed_) return outside_ ? &*outside_ : nullptr;
    const bool other = std::none_of(at_cross_.begin(), at_cross_.end(), [&](const Bracket& b) {
      return b.bracket == opener_of(crossed_->bracket);
    });
    return other || ended_without_ ? &*crossed_ : nullptr;
  }

 private:
  /// A line of a text that stands as a block, after "|" or ">".
  bool skipped() {
    const size_t indent = line_text_.find_first_not_of(kSpaces);
    if (indent == std::string_view::npos) return true;
    if (in_block_ && indent > block_indent_) return true;
    in_block_ = false;
    if (!open_.empty()) return false;
    const size_t last = line_text_.find_last_of("|>");
    const bool ends =
        last != std::string_view::npos && last > 0 && line_text_[last - 1] == ' ' &&
        line_text_.find_first_not_of("+-0123456789 \r", last + 1) == std::string::npos;
    in_block_ = ends;
    block_indent_ = indent;
    return false;
  }

  void read_line() {
    char before = 0;  // the last that is no space; 0 at the beginning of the line
    char neighbour = ' ';
    for (size_t i = 0; i < line_text_.size() && !done_; ++i) {
      const char c = line_text_[i];
      if (quote_ != 0) {
        if (c == '\\' && quote_ == '"') {
          ++i;
        } else if (c == quote_) {
          quote_ = 0;
          after_end_ = open_.empty();
        }
        before = neighbour = c;
        continue;
      }
      if (c == '#' && kSpaces.find(neighbour) != std::string_view::npos) return;
      const bool begins =
          before == 0 || std::string_view(",:-[{").find(before) != std::string::npos;
      if ((c == '"' || c == '\'') && begins) quote_ = c;
      if ((c == '{' || c == '[') && (begins || !open_.empty())) open_.push_back({c, line_});
      const bool space = kSpaces.find(c) != std::string_view::npos;
      if (c == '}' || c == ']') {
        close(c);
      } else if (!space) {
        after_end_ = false;
      }
      neighbour = c;
      if (!space) before = c;
    }
  }

  void close(char c) {
    if (open_.empty()) {
      if (!after_end_) return;  // of plain text
      outside_ = Bracket{c, line_};
      done_ = true;  // no parser reads on
      return;
    }
    if (open_.back().bracket == opener_of(c)) {
      open_.pop_back();
      after_end_ = open_.empty();
      if (crossed_ && open_.size() < at_cross_.size()) ended_without_ = true;
    } else if (crossed_) {
      done_ = true;
    } else {
      crossed_ = Bracket{c, line_};
      at_cross_ = open_;
    }
  }

  std::string_view text_;
  std::string_view line_text_;
  int line_ = 0;
  std::vector<Bracket> open_;
  std::optional<Bracket> crossed_;  // the first that closes another kind than is open; passed over
  std::vector<Bracket> at_cross_;   // what was open there
  bool ended_without_ = false;
  bool after_end_ = false;          // behind a value that ended and in which no plain text stands
  std::optional<Bracket> outside_;  // one that ends there, with nothing open
  char quote_ = 0;
  bool done_ = false;
  bool in_block_ = false;
  size_t block_indent_ = 0;
};

}  // namespace

std::string about_open_flow(std::string_view yaml, int line) {
  FlowScan scan(yaml);
  scan.run();
  if (const Bracket* extra = scan.extra(); extra != nullptr && extra->line <= line) {
    return std::string("; the '") + extra->bracket + "' of line " + std::to_string(extra->line) +
           " has no '" + opener_of(extra->bracket) + "'";
  }
  const std::vector<Bracket>& open = scan.open();
  for (auto it = open.rbegin(); it != open.rend(); ++it) {
    if (it->line > line) continue;
    return std::string("; the '") + it->bracket + "' of line " + std::to_string(it->line) +
           " is not closed";
  }
  return {};
}

}  // namespace drover
