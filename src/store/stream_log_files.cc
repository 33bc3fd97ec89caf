#include "store/stream_log_files.h"

#include <algorithm>
#include <cstdio>

#include "base/limits/live.h"
#include "base/log.h"
#include "store/stream_records.h"

namespace drover::store {
namespace {

constexpr std::string_view kStreamSuffix = ".stream";
constexpr size_t kNumberDigits = 16;

std::string file_name(uint64_t number) {
  char text[32];
  std::snprintf(text, sizeof text, "%016llu", static_cast<unsigned long long>(number));
  return text + std::string(kStreamSuffix);
}

std::optional<uint64_t> number_of(std::string_view name) {
  if (name.size() != kNumberDigits + kStreamSuffix.size() || !name.ends_with(kStreamSuffix))
    return {};
  uint64_t number = 0;
  for (char c : name.substr(0, kNumberDigits)) {
    if (c < '0' || c > '9') return {};
    number = number * 10 + static_cast<uint64_t>(c - '0');
  }
  return number;
}

class StreamFiles final : public StreamLog {
 public:
  StreamFiles(Disk& disk, std::string folder, async::Executor& executor, Clock& clock,
              StreamFileLimits limits)
      : disk_(disk),
        folder_(std::move(folder)),
        executor_(executor),
        clock_(clock),
        limits_(limits) {}
  ~StreamFiles() override;

  Result<void> load();
  Task<Result<void>> append(Context ctx, std::vector<StreamChunk> chunks) override;
  Task<Result<std::string>> read(Context ctx, StreamKey key, uint64_t offset,
                                 size_t bytes_max) override;
  void forget(const StreamKey& key) override;
  void release(const SessionId& session, uint64_t keep_sequence, uint32_t keep_attempt) override;
  uint64_t bytes() const override { return bytes_; }

 private:
  struct File {
    std::shared_ptr<StreamFile> file;
    uint64_t bytes = 0;
    WallTime begun{};
    size_t users = 0;  // attempts with text in it
  };
  /// A piece of an attempt's text.
  struct Extent {
    uint64_t offset = 0;
    uint64_t file = 0;
    uint64_t position = 0;
    uint64_t bytes = 0;
  };
  struct Attempt {
    std::vector<Extent> extents;  // in order, without gaps
    uint64_t begin() const { return extents.front().offset; }
    uint64_t end() const { return extents.back().offset + extents.back().bytes; }
  };
  using Attempts = std::map<StreamKey, Attempt>;

  Result<void> load_file(const std::string& name, uint64_t number);
  Result<void> check(const std::vector<StreamChunk>& chunks) const;
  uint64_t current();
  void add(const StreamKey& key, Extent extent);
  Attempts::iterator erase(Attempts::iterator it);
  void leave(uint64_t number);
  void drop(uint64_t number);
  void keep_limits();

  Disk& disk_;
  const std::string folder_;
  async::Executor& executor_;
  Clock& clock_;
  const StreamFileLimits limits_;
  async::Semaphore writing_{1};
  std::map<uint64_t, File> files_;
  Attempts attempts_;
  uint64_t bytes_ = 0;
  uint64_t next_ = 1;
  uint64_t current_ = 0;  // the file that is written; 0: a new one comes
};

StreamFiles::~StreamFiles() {
  for (auto& [number, file] : files_) {
    if (file.users == 0) file.file->remove();
  }
}

Result<void> StreamFiles::load() {
  TRY_VOID(disk_.make_folder(folder_));
  TRY(std::vector<std::string> names, disk_.list(folder_));
  for (const std::string& name : names) {
    if (auto number = number_of(name)) TRY_VOID(load_file(name, *number));
  }
  // A session's last attempt is the only one that can still be under way.
  for (auto it = attempts_.begin(); it != attempts_.end();) {
    auto next = std::next(it);
    bool last = next == attempts_.end() || next->first.session != it->first.session;
    it = last ? next : erase(it);
  }
  for (auto it = files_.begin(); it != files_.end();) {
    const uint64_t number = it->first;
    const bool unused = (it++)->second.users == 0;
    if (unused) drop(number);
  }
  keep_limits();
  return {};
}

Result<void> StreamFiles::load_file(const std::string& name, uint64_t number) {
  next_ = std::max(next_, number + 1);
  File file;
  file.file = std::make_shared<StreamFile>(disk_, folder_ + "/" + name);
  TRY(std::string bytes, file.file->load());
  StreamFileContents contents = read_stream_file(bytes);
  file.begun = contents.begun;
  file.bytes = bytes.size();
  bytes_ += file.bytes;
  files_.emplace(number, std::move(file));
  for (StreamRecord& record : contents.records) {
    Extent extent;
    extent.offset = record.offset;
    extent.file = number;
    extent.position = record.position;
    extent.bytes = record.bytes;
    auto it = attempts_.find(record.key);
    // After a gap (a file that is gone) only what follows it is text that can be read on.
    if (it != attempts_.end() && it->second.end() != record.offset) erase(it);
    add(record.key, extent);
  }
  if (contents.good < bytes.size()) {
    LOG_WARN("{}: the last {} bytes are cut off or damaged, and are left out", name,
             bytes.size() - contents.good);
  }
  return {};
}

Result<void> StreamFiles::check(const std::vector<StreamChunk>& chunks) const {
  for (const StreamChunk& chunk : chunks) {
    auto it = attempts_.find(chunk.key);
    if (it != attempts_.end() && it->second.end() != chunk.offset) {
      return fail(Code::kInvalidArgument, "the chunk does not follow its attempt's text");
    }
  }
  return {};
}

/// The file for the next write.
uint64_t StreamFiles::current() {
  auto it = files_.find(current_);
  if (it != files_.end() && it->second.bytes < limits_.file_bytes_max) return current_;
  const uint64_t full = current_;
  current_ = next_++;
  if (it != files_.end() && it->second.users == 0) drop(full);
  File file;
  file.file = std::make_shared<StreamFile>(disk_, folder_ + "/" + file_name(current_));
  file.begun = clock_.wall();
  files_.emplace(current_, std::move(file));
  return current_;
}

Task<Result<void>> StreamFiles::append(Context ctx, std::vector<StreamChunk> chunks) {
  Context finish = ctx.detached();
  CO_TRY(auto permit, co_await writing_.acquire(finish));
  CO_TRY_VOID(check(chunks));
  const uint64_t number = current();
  std::shared_ptr<StreamFile> file = files_[number].file;
  const uint64_t position = files_[number].bytes;
  auto bytes = std::make_shared<std::string>();
  if (position == 0) append_stream_head(*bytes, files_[number].begun);
  std::vector<Extent> extents;
  for (const StreamChunk& chunk : chunks) {
    Extent extent;
    extent.offset = chunk.offset;
    extent.file = number;
    extent.position = position + append_stream_record(*bytes, chunk);
    extent.bytes = chunk.text.size();
    extents.push_back(extent);
  }
  auto write = [file, position, bytes] { return file->write_at(position, *bytes); };
  CO_TRY_VOID(co_await async::run_blocking(finish, executor_, std::move(write)));
  files_.at(number).bytes += bytes->size();  // the file that is written is never dropped
  bytes_ += bytes->size();
  for (size_t i = 0; i < chunks.size(); ++i) add(chunks[i].key, extents[i]);
  keep_limits();
  co_return Result<void>();
}

Task<Result<std::string>> StreamFiles::read(Context ctx, StreamKey key, uint64_t offset,
                                            size_t bytes_max) {
  auto it = attempts_.find(key);
  if (it == attempts_.end() || offset >= it->second.end()) co_return std::string();
  const std::vector<Extent>& extents = it->second.extents;
  if (offset < extents.front().offset) {
    co_return fail(Code::kNotFound, "that part of the stream is gone");
  }
  auto extent = std::upper_bound(extents.begin(), extents.end(), offset,
                                 [](uint64_t at, const Extent& e) { return at < e.offset; });
  --extent;
  // The files are held, so that one that is dropped meanwhile can still be read.
  struct Part {
    std::shared_ptr<StreamFile> file;
    std::vector<StreamPiece> pieces;
  };
  std::vector<Part> parts;
  for (uint64_t left = bytes_max; left > 0 && extent != extents.end(); ++extent) {
    std::shared_ptr<StreamFile> file = files_.at(extent->file).file;
    if (parts.empty() || parts.back().file != file) parts.emplace_back().file = std::move(file);
    StreamPiece piece;
    const uint64_t skip = offset - extent->offset;
    piece.position = extent->position + skip;
    piece.bytes = std::min<uint64_t>(extent->bytes - skip, left);
    parts.back().pieces.push_back(piece);
    offset += piece.bytes;
    left -= piece.bytes;
  }
  auto work = [parts = std::move(parts)]() -> Result<std::string> {
    std::string out;
    for (const Part& part : parts) TRY_VOID(part.file->read(part.pieces, out));
    return out;
  };
  co_return co_await async::run_blocking(ctx, executor_, std::move(work));
}

void StreamFiles::add(const StreamKey& key, Extent extent) {
  std::vector<Extent>& extents = attempts_[key].extents;
  if (extents.empty() || extents.back().file != extent.file) ++files_[extent.file].users;
  extents.push_back(extent);
}

StreamFiles::Attempts::iterator StreamFiles::erase(Attempts::iterator it) {
  const std::vector<Extent> extents = std::move(it->second.extents);
  auto next = attempts_.erase(it);
  for (size_t i = 0; i < extents.size(); ++i) {
    if (i == 0 || extents[i].file != extents[i - 1].file) leave(extents[i].file);
  }
  return next;
}

/// An attempt has no text in that file any more.
void StreamFiles::leave(uint64_t number) {
  auto it = files_.find(number);
  if (it != files_.end() && --it->second.users == 0 && number != current_) drop(number);
}

void StreamFiles::drop(uint64_t number) {
  auto it = files_.find(number);
  std::shared_ptr<StreamFile> file = it->second.file;
  bytes_ -= it->second.bytes;
  const bool used = it->second.users > 0;
  files_.erase(it);
  executor_.submit([file] { file->remove(); });
  if (!used) return;
  for (auto attempt = attempts_.begin(); attempt != attempts_.end();) {
    std::erase_if(attempt->second.extents, [&](const Extent& e) { return e.file == number; });
    attempt = attempt->second.extents.empty() ? attempts_.erase(attempt) : std::next(attempt);
  }
}

void StreamFiles::keep_limits() {
  const WallTime oldest = clock_.wall() - limits_.age_max;
  while (!files_.empty() && files_.begin()->first != current_) {
    const File& first = files_.begin()->second;
    const bool over = bytes_ > limits_.bytes_max || files_.size() > limits_.files_max;
    if (!over && first.begun >= oldest) break;
    drop(files_.begin()->first);
  }
}

void StreamFiles::forget(const StreamKey& key) {
  auto it = attempts_.find(key);
  if (it != attempts_.end()) erase(it);
}

void StreamFiles::release(const SessionId& session, uint64_t keep_sequence, uint32_t keep_attempt) {
  StreamKey first;
  first.session = session;
  first.attempt = 0;
  auto it = attempts_.lower_bound(first);
  while (it != attempts_.end() && it->first.session == session) {
    bool keep = it->first.sequence == keep_sequence && it->first.attempt == keep_attempt;
    it = keep ? std::next(it) : erase(it);
  }
}

}  // namespace

StreamFileLimits::StreamFileLimits()
    : bytes_max(limits::kStreamLogBytesMax),
      file_bytes_max(limits::kStreamFileBytesMax),
      files_max(limits::kStreamFilesMax),
      age_max(limits::kStreamAgeMax) {}

Result<std::unique_ptr<StreamLog>> open_stream_files(Disk& disk, std::string folder,
                                                     async::Executor& executor, Clock& clock,
                                                     StreamFileLimits limits) {
  auto out = std::make_unique<StreamFiles>(disk, std::move(folder), executor, clock, limits);
  TRY_VOID(out->load());
  return std::unique_ptr<StreamLog>(std::move(out));
}

}  // namespace drover::store
