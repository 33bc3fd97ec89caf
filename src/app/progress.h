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
  /// A remark above the line.
  void note(const std::string& text);
  void end();

 private:
  void draw();
  std::string what_;
  size_t total_ = 0;
  size_t done_ = 0;
  size_t drawn_ = 0;
  bool wanted_ = false;
  bool terminal_ = false;
};

}  // namespace drover::app
