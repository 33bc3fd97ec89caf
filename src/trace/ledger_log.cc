#include "trace/ledger_log.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <map>
#include <utility>

#include "base/assert.h"
#include "base/log.h"

namespace drover::trace {
namespace {

constexpr std::string_view kSuffix = ".led";
constexpr size_t kProbeBytes = 64 << 10;
constexpr uint64_t kPageBytes = 4096;
/// What is made ready at once: the most, since it is done between two calls (some 20 us), and the
/// least that is worth it.
constexpr uint64_t kReadyBytesMax = 128 << 10;
constexpr uint64_t kReadyBytesMin = 16 << 10;

/// "00000012.led" → 12; 0: some other file.
uint32_t number_of(std::string_view name) {
  if (!name.ends_with(kSuffix)) return 0;
  name.remove_suffix(kSuffix.size());
  uint32_t out = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), out);
  return error == std::errc() && end == name.data() + name.size() ? out : 0;
}

}  // namespace

Result<std::unique_ptr<LedgerLog>> LedgerLog::open(store::Disk& disk, std::string folder,
                                                   uint64_t boot, size_t file_bytes) {
  TRY_VOID(disk.make_folder(folder));
  std::unique_ptr<LedgerLog> log(new LedgerLog(disk, std::move(folder), boot, file_bytes));
  TRY(auto names, disk.list(log->folder_));
  for (const std::string& name : names) {
    if (uint32_t number = number_of(name); number != 0) log->files_.push_back(number);
  }
  std::sort(log->files_.begin(), log->files_.end());
  if (!log->files_.empty()) log->number_ = log->files_.back() + 1;
  return log;
}

std::string LedgerLog::path(uint32_t number) const {
  std::string digits = std::to_string(number);
  return folder_ + "/" + std::string(8 - std::min<size_t>(8, digits.size()), '0') + digits +
         std::string(kSuffix);
}

Result<std::string> LedgerLog::read(uint32_t number) {
  TRY(auto file, disk_.open(path(number), store::Disk::Mode::kRead));
  TRY(uint64_t size, file->size());
  return file->read_at(0, std::min<uint64_t>(size, file_bytes_ * 2));
}

Result<void> LedgerLog::replay(uint32_t from, const Visit& visit) {
  for (uint32_t number : files_) {
    if (number < from) continue;
    TRY(std::string bytes, read(number));
    const LedgerHead head = read_ledger_head(bytes);
    bool ended = false;
    std::map<uint32_t, LedgerLine> lines;
    static const LedgerLine kNoLine;
    std::string_view left = bytes;
    left.remove_prefix(std::min(left.size(), kLedgerHeadBytes));
    while (head.ok) {
      Result<ParsedRecord> parsed = parse_record(left);
      if (!parsed) {
        LOG_WARN("{}: the last record is torn and left out", path(number));
        break;
      }
      if (parsed->bytes == 0) break;
      left.remove_prefix(parsed->bytes);
      const LedgerRecord& record = parsed->record;
      ended = record.kind == RecordKind::kEnd;
      if (ended) continue;
      if (record.kind == RecordKind::kLine) {
        lines[record.line] = std::move(parsed->line);
        continue;
      }
      auto line = lines.find(record.line);
      visit(record, line == lines.end() ? kNoLine : line->second);
    }
    // A file whose head never came to the disk was lost with the power, too. So was one whose name
    // did not come: then the one before it is the last, and did not end.
    if (number == files_.back()) power_lost_ = !ended && (!head.ok || head.boot != boot_);
  }
  return {};
}

/// Room for the records of a new file, and its head: a file without one is read by nobody. A name
/// that a power cut takes away takes no more with it than the bytes would be: it waits for their
/// sync. But the first must stay: the file before it, of another process, may say that all ended in
/// order.
Result<void> LedgerLog::prepare(store::Disk::File& file, std::string_view head) {
  TRY_VOID(file.allocate(0, file_bytes_));
  TRY_VOID(file.write_at(0, head));
  return current_ == nullptr ? disk_.sync_folder(folder_) : Result<void>();
}

/// Where it fails, the file that was written still takes what fits, and the next try begins anew.
Result<void> LedgerLog::rotate() {
  const uint32_t next = current_ == nullptr ? number_ : number_ + 1;
  TRY(auto opened, disk_.open(path(next), store::Disk::Mode::kCreate));
  std::shared_ptr<store::Disk::File> file = std::move(opened);
  const std::string head = ledger_head(boot_);
  if (Result<void> prepared = prepare(*file, head); !prepared) {
    (void)disk_.remove(path(next));
    return prepared;
  }
  if (current_ == nullptr) named_ = next;
  Result<char*> mapped = file->map(file_bytes_);
  current_ = std::move(file);
  mapped_ = mapped ? *mapped : nullptr;
  number_ = next;
  files_.push_back(number_);
  at_ = head.size();
  bytes_ += head.size();
  ready_ = at_;
  lines_ = 0;
  unsynced_.push_back(current_);
  return {};
}

/// Before so many bytes are stored behind what is ready. As much again as came since the last sync:
/// what is made ready and not used is written to the disk in vain.
void LedgerLog::make_ready(size_t bytes) {
  const uint64_t came = std::min(bytes_ - synced_bytes_, kReadyBytesMax);
  const bool ahead = came >= kReadyBytesMin;
  const uint64_t step = ahead ? std::bit_floor(came) : kPageBytes;
  const uint64_t to = (at_ + bytes + step - 1) / step * step;  // aligned, for large pieces
  const uint64_t from = std::exchange(ready_, std::min<uint64_t>(to, file_bytes_));
  if (ahead) current_->expect(from, ready_ - from);
}

/// Where the next so many bytes at most are to be put, before written().
char* LedgerLog::place_for(size_t bytes) {
  if (mapped_ == nullptr) {
    buffer_.cut(0);
    return buffer_.extend(bytes);
  }
  if (at_ + bytes > ready_) make_ready(bytes);
  return mapped_ + at_;
}

Result<void> LedgerLog::written(const char* begin, const char* end) {
  const std::string_view bytes(begin, end);
  if (mapped_ == nullptr) TRY_VOID(current_->write_at(at_, bytes));
  at_ += bytes.size();
  bytes_ += bytes.size();
  return {};
}

Result<void> LedgerLog::append(const LedgerEntry& record, LineMark& mark, const LedgerLine& line) {
  // Reservations leave the slack to the others.
  const size_t slack = record.kind == RecordKind::kReserve
                           ? std::min(limits::kLedgerSlackBytes, file_bytes_ / 4)
                           : 0;
  bool known = current_ != nullptr && mark.file == number_;
  // For the record with its line.
  size_t room = room_for(record) + (known ? 0 : room_for(line));
  if (current_ == nullptr || at_ + room + slack > file_bytes_) {
    TRY_VOID(rotate());
    known = false;
    room = room_for(record) + room_for(line);
    if (at_ + room + slack > file_bytes_) {
      return fail(Code::kInternal, "a record that is larger than a file of the ledger");
    }
  }
  char* const begin = place_for(room);
  char* at = begin;
  if (!known) at = put_line(at, lines_ + 1, line);
  at = put_record(at, record, known ? mark.number : lines_ + 1);
  DROVER_ASSERT(at <= begin + room);
  TRY_VOID(written(begin, at));
  if (!known) {
    mark.file = number_;
    mark.number = ++lines_;
  }
  return {};
}

LedgerLog::Unsynced LedgerLog::unsynced() const {
  Unsynced out;
  out.disk = &disk_;
  if (named_ < number_) out.folder = folder_;
  out.files = unsynced_;
  out.file = number_;
  out.bytes = bytes_;
  return out;
}

Result<void> LedgerLog::Unsynced::sync() const {
  if (!folder.empty()) TRY_VOID(disk->sync_folder(folder));
  for (const auto& file : files) TRY_VOID(file->sync());
  return {};
}

void LedgerLog::synced(const Unsynced& done) {
  std::erase_if(unsynced_, [&](const auto& file) {
    return file != current_ &&
           std::find(done.files.begin(), done.files.end(), file) != done.files.end();
  });
  named_ = done.file;
  synced_bytes_ = done.bytes;
}

void LedgerLog::trim(uint32_t needed, WallTime now) {
  while (files_.size() > 1 && files_.front() < std::min(needed, number_)) {
    if (oldest_known_ != files_.front()) {
      oldest_known_ = files_.front();
      oldest_time_ = now;
      auto file = disk_.open(path(oldest_known_), store::Disk::Mode::kRead);
      auto bytes = file ? (*file)->read_at(0, kProbeBytes) : Result<std::string>(std::string());
      std::string_view left = bytes ? std::string_view(*bytes) : std::string_view();
      left.remove_prefix(std::min(left.size(), kLedgerHeadBytes));
      for (;;) {
        Result<ParsedRecord> parsed = parse_record(left);
        if (!parsed || parsed->bytes == 0) break;
        left.remove_prefix(parsed->bytes);
        if (parsed->record.at == WallTime()) continue;
        oldest_time_ = parsed->record.at;
        break;
      }
    }
    const bool too_many = files_.size() > limits::kLedgerFilesMax;
    if (!too_many && now - oldest_time_ < limits::kLedgerRowsAge) return;
    auto removed = disk_.remove(path(files_.front()));
    if (!removed && removed.error().code != Code::kNotFound) {
      LOG_WARN("{} could not be removed: {}", path(files_.front()), removed.error().message);
      return;
    }
    files_.erase(files_.begin());
  }
}

Result<void> LedgerLog::close() {
  if (current_ == nullptr) return {};
  const LedgerEntry end;
  if (const size_t room = room_for(end); at_ + room <= file_bytes_) {
    char* const begin = place_for(room);
    TRY_VOID(written(begin, put_record(begin, end, 0)));
  }
  return unsynced().sync();
}

}  // namespace drover::trace
