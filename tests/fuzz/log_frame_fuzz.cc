// Any bytes as the file of a segment of the journal, and as the body of one of its frames: what is
// read is read again from what was written of it; the scan comes to an end and goes only forwards.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"
#include "store/log/segment.h"
#include "store/memory/sim_disk.h"

namespace {

using namespace drover::store;  // NOLINT: a target of one file

/// Of an erased frame only the beginning and the length are left.
void check_erased(const log::Commit& commit, size_t body_bytes) {
  auto frame = log::encode_erased(commit, log::kFrameHeadBytes + body_bytes);
  // Numbers need not be written in the fewest bytes to be read.
  if (!frame || frame->size() != log::kFrameHeadBytes + body_bytes) __builtin_trap();
  auto again = log::decode_body(std::string_view(*frame).substr(log::kFrameHeadBytes));
  if (!again || !*again || !(*again)->erased) __builtin_trap();
  if (!((*again)->row == commit.row) || (*again)->previous != commit.previous ||
      (*again)->expected_last != commit.expected_last) {
    __builtin_trap();
  }
}

void check_body(std::string_view body) {
  auto commit = log::decode_body(body);
  if (!commit || !*commit) return;
  if ((*commit)->events.size() != (*commit)->blob_refs.size()) __builtin_trap();
  if ((*commit)->erased) return check_erased(**commit, body.size());
  // A frame whose row is not whole leans on another; written alone, it is whole.
  const SessionRow row = log::row_of(nullptr, **commit);
  const std::string frame = log::encode_commit(**commit, nullptr);
  auto again = log::decode_body(std::string_view(frame).substr(log::kFrameHeadBytes));
  if (!again || !*again) __builtin_trap();
  if (!(log::row_of(nullptr, **again) == row)) __builtin_trap();
  if ((*again)->blob_refs != (*commit)->blob_refs) __builtin_trap();
  for (size_t i = 0; i < (*commit)->events.size(); ++i) {
    const auto& a = (*commit)->events[i];
    const auto& b = (*again)->events[i];
    if (a.id != b.id || a.kind != b.kind || a.payload != b.payload || a.hash != b.hash ||
        a.previous_hash != b.previous_hash || a.time != b.time || a.extra != b.extra) {
      __builtin_trap();
    }
  }
}

void check_segment(std::string_view bytes) {
  drover::SeededRandom random(1);
  SimDisk disk(random);
  if (!disk.make_folder("/d")) __builtin_trap();
  auto file = disk.open("/d/f", Disk::Mode::kCreate);
  if (!file || !(*file)->write_at(0, bytes)) __builtin_trap();
  (void)log::decode_segment_head(bytes);
  log::SegmentScanner scanner(**file, 0, 0, UINT64_MAX);
  log::Position at = 0;
  for (;;) {
    auto found = scanner.next();
    if (!found) __builtin_trap();
    if (found->position != at || found->end < found->position) __builtin_trap();
    if (found->what == log::Found::What::kEnd) break;
    if (found->end == found->position) __builtin_trap();
    if (found->what == log::Found::What::kFrame) check_body(found->body);
    at = found->end;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_body(bytes);
  check_segment(bytes);
  return 0;
}
