// Any bytes as records of the ledger's log: what is read is written again byte for byte, and no
// record reaches beyond its bytes.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/crc32c.h"
#include "trace/ledger_record.h"

using namespace drover::trace;

namespace {

void check(std::string_view left) {
  for (;;) {
    auto parsed = parse_record(left);
    if (!parsed || parsed->bytes == 0) return;
    if (parsed->bytes > left.size()) __builtin_trap();
    const bool is_line = parsed->record.kind == RecordKind::kLine;
    std::string again(is_line ? room_for(parsed->line) : room_for(parsed->record), '\0');
    const char* end = is_line ? put_line(again.data(), parsed->record.line, parsed->line)
                              : put_record(again.data(), parsed->record, parsed->record.line);
    if (end > again.data() + again.size()) __builtin_trap();
    again.resize(static_cast<size_t>(end - again.data()));
    auto second = parse_record(again);
    if (!second || second->record.billing != parsed->record.billing ||
        second->record.call != parsed->record.call ||
        second->record.tier != parsed->record.tier.substr(0, kLedgerTextBytesMax) ||
        second->line != parsed->line) {
      __builtin_trap();
    }
    left.remove_prefix(parsed->bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)read_ledger_head(text);
  check(text);
  // And as a body whose checksum is right, which chance does not find.
  if (size == 0 || size > 10'000) return 0;
  std::string framed(8, '\0');
  const auto length = static_cast<uint32_t>(size);
  const uint32_t crc = drover::crc32c(text);
  for (int i = 0; i < 4; ++i) {
    framed[i] = static_cast<char>(length >> (8 * i));
    framed[4 + i] = static_cast<char>(crc >> (8 * i));
  }
  framed += text;
  check(framed);
  return 0;
}
