#include "app/live_text.h"

#include <unistd.h>

#include <cstdlib>

#include "app/output.h"

namespace drover::app {
namespace {

/// The first two numbers of an id "sequence.attempt.offset".
struct CallId {
  uint64_t call = 0;
  uint64_t attempt = 0;
};

CallId chunk_call_of(std::string_view id) {
  CallId out;
  const std::string text(id);
  char* rest = nullptr;
  out.call = std::strtoull(text.c_str(), &rest, 10);
  if (*rest == '.') out.attempt = std::strtoull(rest + 1, nullptr, 10);
  return out;
}

}  // namespace

void LiveText::take(std::string_view name, std::string_view id, const Json& data) {
  if (name != "delta" && name != "reset") return;
  const CallId where = chunk_call_of(id);
  if (where.call <= finished_) return;
  begin(where.call, where.attempt);
  print(data.get_string("text").value_or(""));
}

void LiveText::begin(uint64_t call, uint64_t attempt) {
  if (call == call_ && attempt == attempt_) return;
  if (!shown_.empty()) {
    const char* mark = call == call_ ? "\n… cut off; it begins again:\n" : "\n";
    std::fputs(isatty(fileno(out_)) != 0 ? dim(mark).c_str() : mark, out_);
  }
  call_ = call;
  attempt_ = attempt;
  shown_.clear();
}

void LiveText::print(std::string_view text) {
  shown_ += text;
  const std::string shown = isatty(fileno(out_)) != 0 ? printable(text) : std::string(text);
  std::fwrite(shown.data(), 1, shown.size(), out_);
  std::fflush(out_);
}

void LiveText::finish(uint64_t call, const std::string& text) {
  if (call <= finished_) return;
  // An attempt that never came through here is known by its text alone.
  const bool same = call == call_ && text.starts_with(shown_);
  if (!same) begin(call, attempt_ + 1);
  print(std::string_view(text).substr(shown_.size()));
  if (!text.empty()) std::fputs("\n", out_);
  std::fflush(out_);
  shown_.clear();
  finished_ = call;
}

}  // namespace drover::app
