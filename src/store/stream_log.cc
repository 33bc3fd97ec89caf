#include "store/stream_log.h"

#include "async/sync.h"
#include "base/limits/live.h"

namespace drover::store {

Task<Result<void>> MemoryStreamLog::append(Context ctx, std::vector<StreamChunk> chunks) {
  for (const StreamChunk& chunk : chunks) {
    auto it = texts_.find(chunk.key);
    if (it != texts_.end() && it->second.begin + it->second.text.size() != chunk.offset) {
      co_return fail(Code::kInvalidArgument, "the chunk does not follow its attempt's text");
    }
  }
  Context finish = ctx.detached();
  if (write_time > Duration::zero()) CO_TRY_VOID(co_await async::sleep_for(finish, write_time));
  if (broken) co_return fail(*broken);
  ++appends;
  for (StreamChunk& chunk : chunks) {
    Text fresh;
    fresh.begin = chunk.offset;
    auto it = texts_.emplace(std::move(chunk.key), std::move(fresh)).first;
    it->second.text += chunk.text;
    bytes_ += chunk.text.size();
  }
  while (bytes_ > limits::kStreamLogBytesMax) erase(texts_.begin());  // the oldest session's
  co_return Result<void>();
}

Task<Result<std::string>> MemoryStreamLog::read(Context ctx, StreamKey key, uint64_t offset,
                                                size_t bytes_max) {
  ++reads;
  auto it = texts_.find(key);
  if (it == texts_.end()) co_return std::string();
  const Text& text = it->second;
  if (offset < text.begin) co_return fail(Code::kNotFound, "that part of the stream is gone");
  uint64_t skip = offset - text.begin;
  if (skip >= text.text.size()) co_return std::string();
  co_return text.text.substr(skip, bytes_max);
}

void MemoryStreamLog::forget(const StreamKey& key) {
  auto it = texts_.find(key);
  if (it != texts_.end()) erase(it);
}

void MemoryStreamLog::release(const SessionId& session, uint64_t keep_sequence,
                              uint32_t keep_attempt) {
  StreamKey first;
  first.session = session;
  first.attempt = 0;
  for (auto it = texts_.lower_bound(first); it != texts_.end() && it->first.session == session;) {
    bool keep = it->first.sequence == keep_sequence && it->first.attempt == keep_attempt;
    it = keep ? std::next(it) : erase(it);
  }
}

std::map<StreamKey, MemoryStreamLog::Text>::iterator MemoryStreamLog::erase(
    std::map<StreamKey, Text>::iterator it) {
  bytes_ -= it->second.text.size();
  return texts_.erase(it);
}

}  // namespace drover::store
