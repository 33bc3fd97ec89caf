#include "store/log/catch_up.h"

#include <unordered_map>

#include "base/log.h"

namespace drover::store::log {
namespace {

constexpr size_t kRowsAtOnce = 8'192;

class CatchUp {
 public:
  CatchUp(const Log& log, SessionIndex& index) : log_(log), index_(index) {}

  Result<void> run(Position from) {
    const auto frame = [this](const InFrame& in) { return take(in); };
    const auto damage = [](const Damage& part) {
      LOG_ERROR("the journal is damaged: {} bytes at {}; the rest is readable", part.to - part.from,
                part.where);
    };
    TRY_VOID(log_.scan(from, log_.end(), frame, damage));
    return flush(log_.end());
  }

 private:
  Result<void> take(const InFrame& frame) {
    Result<std::optional<Commit>> commit = decode_body(frame.body);
    if (!commit) {
      if (commit.error().code != Code::kDataLoss) return fail(std::move(commit).error());
      LOG_ERROR("{}: {}", log_.place(frame.position), commit.error().message);
      return {};
    }
    if (!*commit || (*commit)->erased) return {};  // a later frame has the row
    TRY(auto before, find(**commit));
    report_gap(before, **commit, frame.position);
    IndexedSession now;
    now.row = row_of(before ? &before->row : nullptr, **commit);
    now.position = frame.position;
    rows_[now.row.id] = std::move(now);
    return rows_.size() < kRowsAtOnce ? Result<void>() : flush(frame.end);
  }

  Result<std::optional<IndexedSession>> find(const Commit& commit) {
    auto it = rows_.find(commit.row.id);
    if (it != rows_.end()) return it->second;
    if (commit.previous == 0) return std::nullopt;
    return index_.find(commit.row.id);
  }

  void report_gap(const std::optional<IndexedSession>& before, const Commit& commit,
                  Position position) {
    const Position known = before ? before->position : 0;
    if (known == commit.previous || purged(commit.row)) return;
    const uint64_t last = before ? before->row.last_sequence : 0;
    LOG_ERROR("{} lost events {} to {} to damage before {}", commit.row.id.str(), last + 1,
              commit.expected_last, log_.place(position));
  }

  Result<void> flush(Position covered) {
    std::vector<IndexedSession> rows;
    rows.reserve(rows_.size());
    for (auto& [id, session] : rows_) rows.push_back(std::move(session));
    rows_.clear();
    return index_.apply(rows, covered);
  }

  const Log& log_;
  SessionIndex& index_;
  std::unordered_map<SessionId, IndexedSession> rows_;
};

}  // namespace

Result<void> catch_up(const Log& log, SessionIndex& index) {
  TRY(Position covered, index.covered(log.id()));
  if (covered == log.end()) return {};
  if (covered == 0 || covered > log.end()) {
    TRY_VOID(index.reset(log.id()));
    covered = 0;
  }
  return CatchUp(log, index).run(covered);
}

}  // namespace drover::store::log
