#include "app/demo/answer_view.h"

#include <cstdio>

#include "app/cli.h"
#include "app/output.h"

namespace drover::app {
namespace {

constexpr std::string_view kYou = "you    ";
constexpr std::string_view kViewModel = "model  ";
constexpr std::string_view kIndent = "       ";

std::string bold(std::string_view text) {
  return colours_wanted() ? "\x1b[1m" + std::string(text) + "\x1b[0m" : std::string(text);
}

void print_view(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

/// Safe for a terminal, later lines below the first.
std::string indented(std::string_view text) {
  std::string out;
  for (char c : printable(text)) {
    out += c;
    if (c == '\n') out += kIndent;
  }
  return out;
}

}  // namespace

void AnswerView::begin_line(std::string_view label) {
  end_line();
  print_view(bold(label));
  in_line_ = true;
}

void AnswerView::end_line() {
  if (in_line_) print_view("\n");
  in_line_ = false;
}

void AnswerView::question(std::string_view text) {
  if (quiet_) return;
  print_view("\n");
  begin_line(kYou);
  print_view(indented(text));
  end_line();
}

void AnswerView::prompt() {
  if (quiet_) return;
  print_view("\n" + bold(kYou));
}

void AnswerView::attempt(const SessionId& session, uint64_t call) {
  if (quiet_ || !shown_) return;
  note("(broken off: that is void, and the model is asked again)");
  shown_ = false;
}

void AnswerView::text(const SessionId& session, uint64_t call, std::string_view piece) {
  if (quiet_ || piece.empty()) return;
  if (!shown_) begin_line(kViewModel);
  shown_ = true;
  print_view(indented(piece));
}

void AnswerView::note(const std::string& text) {
  if (quiet_) return;
  end_line();
  print_view(dim(std::string(kIndent) + printable(text)) + "\n");
}

void AnswerView::answered(std::string_view answer, const std::string& figures) {
  if (!quiet_ && !shown_) {
    begin_line(kViewModel);
    print_view(indented(answer));
  }
  shown_ = false;
  note(figures);
}

void AnswerView::plain(const std::string& text) {
  if (quiet_) return;
  end_line();
  print_view(text);
}

}  // namespace drover::app
