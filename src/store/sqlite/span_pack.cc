#include "store/sqlite/span_pack.h"

#include <zstd.h>

#include <memory>
#include <utility>

#include "base/assert.h"
#include "store/span_bytes.h"

namespace drover::store::sqlite {
namespace {

/// More than this no batch of spans is.
constexpr size_t kPackBytesMax = 256u << 20;
/// Fast before small: a tenth of a microsecond a span, for a quarter to under a half of the bytes.
/// What repeats itself is long, and comes again with the next span: so wide steps and long matches
/// find it, and a table of 16 KiB, which stays in the nearest cache, holds enough. (By itself,
/// level -3 takes twice to three times as long for a quarter fewer bytes: more than these cost to
/// write. Level -16 takes a sixth longer and finds as much; beyond -32 what is not found grows.)
constexpr int kLevel = -32;
constexpr int kMatchBytesMin = 7;
constexpr int kTableLog = 12;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

using PackContext = std::unique_ptr<ZSTD_CCtx, FreeContext>;

PackContext make_context() {
  PackContext out(ZSTD_createCCtx());
  DROVER_ASSERT(out != nullptr);
  for (const auto& [parameter, value] :
       {std::pair(ZSTD_c_compressionLevel, kLevel), std::pair(ZSTD_c_minMatch, kMatchBytesMin),
        std::pair(ZSTD_c_hashLog, kTableLog)}) {
    DROVER_ASSERT(ZSTD_isError(ZSTD_CCtx_setParameter(out.get(), parameter, value)) == 0);
  }
  return out;
}

Result<std::string> expanded(std::string_view frame) {
  unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size > kPackBytesMax) return damaged_spans();  // unknown and error are larger still
  std::string out(static_cast<size_t>(size), '\0');
  size_t n = ZSTD_decompress(out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(n) != 0 || n != out.size()) return damaged_spans();
  return out;
}

}  // namespace

RawBytes pack_spans(const SpanBatch& batch) {
  // Made once a thread (packs are made on the writer's).
  thread_local const PackContext context = make_context();
  const std::string_view bytes = batch.bytes();
  const size_t room = ZSTD_compressBound(bytes.size());
  RawBytes out;
  const size_t n =
      ZSTD_compress2(context.get(), out.extend(room), room, bytes.data(), bytes.size());
  DROVER_ASSERT(ZSTD_isError(n) == 0);  // there is room for it
  out.cut(n);
  return out;
}

Result<void> unpack_spans(std::string_view pack, const SpanQuery& query,
                          std::vector<SpanRow>& out) {
  TRY(const std::string bytes, expanded(pack));
  return read_spans(bytes, query, out);
}

std::string span_keys(const SpanBatch& batch) {
  std::string out(batch.keys().size() * sizeof(uint32_t), '\0');
  SpanPutter put(out.data());
  for (const uint32_t key : batch.keys()) put.number(key);
  return out;
}

bool may_hold(std::string_view keys, const SpanQuery& query) {
  const uint32_t wanted = span_key(query);
  bool found = false;
  // To the end even so: then several are compared at a time.
  for (size_t at = 0; at + sizeof wanted <= keys.size(); at += sizeof wanted) {
    found |= SpanTaker(keys.substr(at)).number<uint32_t>() == wanted;
  }
  return found;
}

}  // namespace drover::store::sqlite
