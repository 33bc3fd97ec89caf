#include "store/sqlite/span_pack.h"

#include <zstd.h>

#include <algorithm>
#include <memory>

#include "base/assert.h"
#include "store/span_bytes.h"

namespace drover::store::sqlite {
namespace {

/// More than this no batch of spans is.
constexpr size_t kPackBytesMax = 256u << 20;
/// Fast before small: a fifth of a microsecond a span, and still a third of the bytes.
constexpr int kLevel = -3;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

Result<std::string> expanded(std::string_view frame) {
  unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size > kPackBytesMax) return damaged_spans();  // unknown and error are larger still
  std::string out(static_cast<size_t>(size), '\0');
  size_t n = ZSTD_decompress(out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(n) != 0 || n != out.size()) return damaged_spans();
  return out;
}

uint32_t key_at(std::string_view keys, size_t index) {
  return SpanTaker(keys.substr(4 * index)).number<uint32_t>();
}

}  // namespace

std::string pack_spans(const SpanBatch& batch) {
  // Its tables are large: made once a thread (packs are made on the writer's).
  thread_local std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  const std::string_view bytes = batch.bytes();
  // Not a string: that would be filled with zeros first.
  const size_t room = ZSTD_compressBound(bytes.size());
  std::unique_ptr<char[]> out(new char[room]);
  size_t n = ZSTD_compressCCtx(context.get(), out.get(), room, bytes.data(), bytes.size(), kLevel);
  DROVER_ASSERT(ZSTD_isError(n) == 0);  // there is room for it
  return std::string(out.get(), n);
}

Result<void> unpack_spans(std::string_view pack, const SpanQuery& query,
                          std::vector<SpanRow>& out) {
  TRY(const std::string bytes, expanded(pack));
  return read_spans(bytes, query, out);
}

std::string span_keys(const SpanBatch& batch) {
  std::vector<uint32_t> keys = batch.keys();
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::string out(keys.size() * 4, '\0');
  SpanPutter put(out.data());
  for (uint32_t key : keys) put.number(key);
  return out;
}

bool may_hold(std::string_view keys, const SpanQuery& query) {
  const uint32_t wanted = span_key(query);
  size_t from = 0;
  size_t to = keys.size() / 4;
  while (from < to) {
    size_t middle = (from + to) / 2;
    uint32_t key = key_at(keys, middle);
    if (key == wanted) return true;
    if (key < wanted) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  return false;
}

}  // namespace drover::store::sqlite
