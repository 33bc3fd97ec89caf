#include "store/log/erase.h"

#include <algorithm>
#include <map>

namespace drover::store::log {
namespace {

/// More than the beginning of a commit takes.
constexpr size_t kBeginningBytes = 512;

class Eraser {
 public:
  Eraser(Disk& disk, const Log& log, const SessionId& session)
      : disk_(disk), log_(log), session_(session) {}

  Result<void> run(Position last, uint64_t keep) {
    uint64_t upper = keep - 1;  // the last event before what was seen so far
    for (Position at = last; at != 0;) {
      TRY(std::optional<Commit> commit, read(at));
      const bool damaged = !commit;
      if (damaged) {
        TRY(commit, reconstruct(at));
        commit->row.last_sequence = std::max(upper, commit->expected_last);
      }
      const bool stays = commit->erased || commit->expected_last + 1 >= keep;
      if (damaged || !stays) {
        TRY_VOID(overwrite(at, *commit));
      } else if (commit->erased) {
        // By an earlier time, which may have failed before its sync.
        const auto where = log_.file_of(at);
        if (where) TRY_VOID(file(where->first));
      }
      upper = std::min(upper, commit->expected_last);
      at = commit->previous;
    }
    for (auto& [path, file] : files_) TRY_VOID(file->sync());
    if (!lost_.empty()) return fail(Code::kDataLoss, lost_);
    return {};
  }

 private:
  /// nullopt for a damaged one, and for one that is not the session's.
  Result<std::optional<Commit>> read(Position at) {
    Result<InFrame> frame = log_.read(at);
    if (!frame) {
      if (frame.error().code == Code::kDataLoss) return std::nullopt;
      return fail(std::move(frame).error());
    }
    Result<std::optional<Commit>> commit = decode_body(frame->body);
    if (!commit && commit.error().code != Code::kDataLoss) return fail(std::move(commit).error());
    if (!commit || !*commit || (*commit)->row.id != session_) return std::nullopt;
    return std::move(*commit);
  }

  /// What a damaged frame of the session was: by its beginning, which an overwriting that was
  /// interrupted leaves; else it follows the one found by searching the log.
  Result<Commit> reconstruct(Position at) {
    TRY(std::string bytes, bytes_at(at, kBeginningBytes));
    if (bytes.size() > kFrameHeadBytes && read_head(bytes)) {
      auto begun = read_beginning(std::string_view(bytes).substr(kFrameHeadBytes));
      if (begun && begun->row.id == session_ && begun->previous < at) return std::move(*begun);
    }
    Commit out;
    out.row.id = session_;
    const auto look = [&](const InFrame& frame) -> Result<void> {
      Result<std::optional<Commit>> commit = decode_body(frame.body);
      if (!commit || !*commit || (*commit)->row.id != session_) return {};
      out.previous = frame.position;
      out.expected_last = (*commit)->row.last_sequence;
      return {};
    };
    TRY_VOID(log_.scan(0, at, look, nullptr));
    return out;
  }

  Result<Disk::File*> file(const std::string& path) {
    auto it = files_.find(path);
    if (it == files_.end()) {
      // A handle of its own: the writer's is the writer's.
      TRY(auto opened, disk_.open(path, Disk::Mode::kWrite));
      it = files_.emplace(path, std::move(opened)).first;
    }
    return it->second.get();
  }

  /// Fewer at the end of a segment; none where there is no segment.
  Result<std::string> bytes_at(Position at, size_t size) {
    const auto where = log_.file_of(at);
    if (!where) return std::string();
    TRY(Disk::File * segment, file(where->first));
    return segment->read_at(at - where->second, size);
  }

  Result<void> overwrite(Position at, const Commit& commit) {
    const auto where = log_.file_of(at);
    TRY(std::string bytes, bytes_at(at, kFrameHeadBytes));
    const std::optional<FrameHead> head =
        bytes.size() == kFrameHeadBytes ? read_head(bytes) : std::nullopt;
    TRY(bool sound, head ? is_end(at + kFrameHeadBytes + head->body_bytes) : Result<bool>(false));
    if (!sound) {
      // How far it reaches is not known, and what follows may be another session's.
      lost_ = "the journal is damaged in " + log_.place(at) + ": what " + session_.str() +
              " said there cannot be told from others and is not erased";
      return {};
    }
    TRY(std::string erased, encode_erased(commit, kFrameHeadBytes + head->body_bytes));
    place_frame(erased, body_crc(erased), at, head->back);
    TRY(Disk::File * segment, file(where->first));
    return segment->write_at(at - where->second, erased);
  }

  /// Whether a frame may end there: the log's end, a segment's, or where the next frame begins.
  Result<bool> is_end(Position at) {
    if (at >= log_.end()) return at == log_.end();
    const auto where = log_.file_of(at);
    if (!where) return false;
    if (where->second == at) return true;
    TRY(std::string bytes, bytes_at(at, kFrameHeadBytes));
    return bytes.size() == kFrameHeadBytes && read_head(bytes).has_value();
  }

  Disk& disk_;
  const Log& log_;
  const SessionId& session_;
  std::map<std::string, std::unique_ptr<Disk::File>> files_;
  std::string lost_;
};

}  // namespace

Result<void> erase_before(Disk& disk, const Log& log, const SessionId& session, Position last,
                          uint64_t keep) {
  return Eraser(disk, log, session).run(last, keep);
}

}  // namespace drover::store::log
