#include "store/log/log_check.h"

#include <algorithm>
#include <unordered_map>

namespace drover::store::log {
namespace {

constexpr size_t kCopyBytes = 1u << 20;
constexpr size_t kFaultsMax = 100;

struct Part {
  Position base = 0;
  std::string name;
  Position limit = UINT64_MAX;  // where the next one begins
};

Result<std::vector<Part>> parts_of(Disk& disk, const std::string& folder) {
  TRY(auto names, disk.list(folder));
  std::vector<Part> parts;
  for (const std::string& name : names) {
    const auto base = parse_segment_name(name);
    if (!base) continue;
    if (!parts.empty()) parts.back().limit = *base;
    Part part;
    part.base = *base;
    part.name = name;
    parts.push_back(std::move(part));
  }
  return parts;
}

/// Behind the last sound frame; the base alone when not even the head is whole.
Result<Position> end_of(Disk::File& file, const Part& part) {
  TRY(std::string head, file.read_at(0, kSegmentHeadBytes));
  if (head.size() < kSegmentHeadBytes) return part.base;
  SegmentScanner scanner(file, part.base, part.base + kSegmentHeadBytes, part.limit);
  Position end = part.base + kSegmentHeadBytes;
  for (;;) {
    TRY(Found found, scanner.next());
    if (found.what == Found::What::kEnd) return end;
    if (found.what == Found::What::kFrame) end = found.end;
  }
}

Result<void> copy_part(Disk& disk, const std::string& from, const std::string& to,
                       const Part& part) {
  TRY(auto source, disk.open(from + "/" + part.name, Disk::Mode::kRead));
  TRY(Position end, end_of(*source, part));
  if (end == part.base) return {};  // just being made
  TRY(auto target, disk.open(to + "/" + part.name, Disk::Mode::kCreate));
  uint64_t offset = 0;
  while (offset < end - part.base) {
    const auto size = static_cast<size_t>(std::min<uint64_t>(kCopyBytes, end - part.base - offset));
    TRY(std::string bytes, source->read_at(offset, size));
    if (bytes.empty()) break;
    TRY_VOID(target->write_at(offset, bytes));
    offset += bytes.size();
  }
  return target->sync();
}

/// What is known of a session while its commits are read in order.
struct Known {
  Position position = 0;
  uint64_t last = 0;
  std::string last_hash;
};

class Check {
 public:
  using BlobCheck = std::function<Result<void>(const SessionId&, const std::string&)>;
  explicit Check(const BlobCheck& blob) : blob_(blob) {}

  Result<void> read(Disk& disk, const std::string& folder, const Part& part) {
    const std::string path = folder + "/" + part.name;
    TRY(auto file, disk.open(path, Disk::Mode::kRead));
    TRY(std::string head, file->read_at(0, kSegmentHeadBytes));
    Result<SegmentHead> decoded = decode_segment_head(head);
    if (!decoded) {
      if (decoded.error().code != Code::kDataLoss) return fail(std::move(decoded).error());
      fault(path + ": " + decoded.error().message);
    }
    SegmentScanner scanner(*file, part.base, part.base + kSegmentHeadBytes, part.limit);
    for (;;) {
      TRY(Found found, scanner.next());
      if (found.what == Found::What::kEnd) {
        report_.bytes += static_cast<int64_t>(found.position - part.base);
        const bool short_of_next = part.limit != UINT64_MAX && found.position < part.limit;
        if (short_of_next) fault(path + " ends before the next one begins");
        return {};
      }
      const std::string place = path + " at byte " + std::to_string(found.position - part.base);
      if (found.what == Found::What::kDamage) {
        fault(std::to_string(found.end - found.position) + " damaged bytes in " + place);
        continue;
      }
      TRY_VOID(take(found, place));
    }
  }

  LogReport finish() {
    report_.sessions = static_cast<int64_t>(sessions_.size());
    return std::move(report_);
  }

 private:
  void fault(std::string text) {
    if (report_.faults.size() < kFaultsMax) report_.faults.push_back(std::move(text));
  }

  Result<void> take(const Found& found, const std::string& place) {
    Result<std::optional<Commit>> decoded = decode_body(found.body);
    if (!decoded) {
      if (decoded.error().code != Code::kDataLoss) return fail(std::move(decoded).error());
      fault(place + ": " + decoded.error().message);
      return {};
    }
    if (!*decoded) return {};
    const Commit& commit = **decoded;
    Known& known = sessions_[commit.row.id];
    const std::string& id = commit.row.id.str();
    if (known.position != commit.previous || known.last != commit.expected_last) {
      fault(id + " has events " + std::to_string(known.last + 1) + " to " +
            std::to_string(commit.expected_last) + " missing before " + place);
      known.last_hash.clear();
    }
    for (size_t i = 0; i < commit.events.size(); ++i) {
      const contract::Event& event = commit.events[i];
      if (!known.last_hash.empty() && event.previous_hash != known.last_hash) {
        fault("event " + std::to_string(event.sequence) + " of " + id +
              " does not follow the one before it, " + place);
      }
      known.last_hash = event.hash;
      ++report_.events;
      if (!commit.blob_refs[i].empty() && blob_) {
        TRY_VOID(blob_(commit.row.id, commit.blob_refs[i]));
      }
    }
    if (commit.erased) known.last_hash.clear();
    known.position = found.position;
    known.last = commit.row.last_sequence;
    return {};
  }

  const BlobCheck& blob_;
  LogReport report_;
  std::unordered_map<SessionId, Known> sessions_;
};

}  // namespace

Result<void> copy_log(Disk& disk, const std::string& from, const std::string& to) {
  TRY_VOID(disk.make_folder(to));
  TRY(auto parts, parts_of(disk, from));
  for (const Part& part : parts) TRY_VOID(copy_part(disk, from, to, part));
  return disk.sync_folder(to);
}

Result<LogReport> check_log(
    Disk& disk, const std::string& folder,
    const std::function<Result<void>(const SessionId& session, const std::string& ref)>& blob) {
  TRY(auto parts, parts_of(disk, folder));
  Check check(blob);
  for (const Part& part : parts) TRY_VOID(check.read(disk, folder, part));
  return check.finish();
}

}  // namespace drover::store::log
