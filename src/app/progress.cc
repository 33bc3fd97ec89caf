#include "app/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace drover::app {

void Progress::begin(std::string what, size_t total, bool wanted) {
  what_ = std::move(what);
  total_ = total;
  done_ = drawn_ = 0;
  text_.clear();
  wanted_ = wanted && total > 0;
  terminal_ = isatty(STDERR_FILENO) != 0;
  draw();
}

void Progress::step(size_t n) {
  done_ += n;
  draw();
}

void Progress::show(size_t done, std::string text) {
  done_ = std::min(done, total_);
  text_ = std::move(text);
  draw();
}

void Progress::draw() {
  if (!wanted_) return;
  if (!text_.empty()) {
    draw_text();
    return;
  }
  size_t percent = done_ * 100 / total_;
  if (terminal_) {
    constexpr size_t kWidth = 30;
    size_t filled = done_ * kWidth / total_;
    std::string bar(filled, '#');
    bar.append(kWidth - filled, '.');
    std::fprintf(stderr, "\r  %s [%s] %zu/%zu ", what_.c_str(), bar.c_str(), done_, total_);
    std::fflush(stderr);
  } else if (percent / 10 > drawn_ / 10 || done_ == total_) {
    if (percent == drawn_) return;
    drawn_ = percent;
    std::fprintf(stderr, "  %s %zu/%zu\n", what_.c_str(), done_, total_);
  }
}

void Progress::draw_text() {
  if (terminal_) {
    constexpr size_t kWidth = 16;
    size_t filled = done_ * kWidth / total_;
    std::string bar(filled, '#');
    bar.append(kWidth - filled, '.');
    std::fprintf(stderr, "\r\033[K  [%s] %s", bar.c_str(), text_.c_str());
    std::fflush(stderr);
    return;
  }
  size_t tenth = done_ * 10 / total_;
  if (tenth <= drawn_) return;
  drawn_ = tenth;
  std::fprintf(stderr, "  %s\n", text_.c_str());
}

void Progress::note(const std::string& text) {
  if (!wanted_) return;
  std::fprintf(stderr, "%s  %s\n", terminal_ ? "\r\033[K" : "", text.c_str());
  if (terminal_) draw();
}

void Progress::end() {
  if (wanted_ && terminal_) std::fprintf(stderr, "\n");
  wanted_ = false;
}

}  // namespace drover::app
