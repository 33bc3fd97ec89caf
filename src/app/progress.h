#pragma once
// A line of progress on standard error: redrawn in place on a terminal, a line at each tenth
// elsewhere, nothing when not wanted.

#include <cstddef>
#include <string>

namespace drover::app {

class Progress {
 public:
  void begin(std::string what, size_t total, bool wanted);
  void step(size_t n = 1);
  /// Where it stands and what to say of it, instead of counting: a bar and the text on a terminal,
  /// the text alone at each tenth elsewhere.
  void show(size_t done, std::string text);
  /// A remark above the line.
  void note(const std::string& text);
  void end();

 private:
  void draw();
  void draw_text();
  std::string what_;
  std::string text_;
  size_t total_ = 0;
  size_t done_ = 0;
  size_t drawn_ = 0;
  bool wanted_ = false;
  bool terminal_ = false;
};

}  // namespace drover::app
