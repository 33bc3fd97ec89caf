#include "store/sqlite/journal_move.h"

#include "store/log/log.h"
#include "store/sqlite/event_rows.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/session_rows.h"

namespace drover::store::sqlite {
namespace {

constexpr size_t kEventsOfFrame = 256;
constexpr size_t kBytesAtOnce = 4u << 20;
constexpr int64_t kMoveCacheBytes = 8 << 20;

class Mover {
 public:
  Mover(Db& db, log::Log& log) : db_(db), log_(log) {}

  Result<int64_t> run() {
    TRY(auto ids, session_ids());
    for (const SessionId& id : ids) TRY_VOID(move(id));
    TRY_VOID(write());
    return static_cast<int64_t>(ids.size());
  }

 private:
  Result<std::vector<SessionId>> session_ids() {
    TRY(Statement s, db_.use("SELECT id FROM sessions ORDER BY number"));
    std::vector<SessionId> out;
    for (;;) {
      TRY(bool row, s.step());
      if (!row) return out;
      out.push_back(SessionId(s.text(0)));
    }
  }

  Result<void> move(const SessionId& id) {
    TRY(auto stored, find_stored(db_, id));
    if (!stored) return {};
    log::Position previous = 0;
    uint64_t last = 0;
    for (;;) {
      TRY(auto events, select_stored(db_, stored->number, id, last + 1, kEventsOfFrame));
      if (events.empty()) return {};
      log::Commit commit;
      commit.previous = previous;
      commit.expected_last = last;
      commit.row = stored->row;
      for (StoredEvent& each : events) {
        commit.events.push_back(std::move(each.event));
        commit.blob_refs.push_back(std::move(each.blob_ref));
      }
      last = commit.events.back().sequence;
      frames_.push_back(log::encode_commit(commit, previous == 0 ? nullptr : &stored->row));
      bytes_ += frames_.back().size();
      const bool whole = events.size() < kEventsOfFrame;
      // The next frame of the session needs this one's place.
      if (!whole || bytes_ >= kBytesAtOnce) {
        TRY(previous, write());
      }
      if (whole) return {};
    }
  }

  /// Returns the place of the last frame.
  Result<log::Position> write() {
    if (frames_.empty()) return 0;
    std::vector<log::OutFrame> out(frames_.size());
    for (size_t i = 0; i < frames_.size(); ++i) {
      out[i].bytes = &frames_[i];
      out[i].crc = log::body_crc(frames_[i]);
    }
    TRY_VOID(log_.write(out));
    frames_.clear();
    bytes_ = 0;
    return out.back().position;
  }

  Db& db_;
  log::Log& log_;
  std::vector<std::string> frames_;
  size_t bytes_ = 0;
};

Result<void> remove_unfinished(Disk& disk, const std::string& folder) {
  TRY_VOID(disk.make_folder(folder));
  TRY(auto names, disk.list(folder));
  for (const std::string& name : names) TRY_VOID(disk.remove(folder + "/" + name));
  return disk.sync_folder(folder);
}

Result<void> say_it_is_moved(Db& db) {
  return db.exec(
      "BEGIN IMMEDIATE; INSERT INTO facts VALUES ('journal', 'log'); DELETE FROM events; "
      "DELETE FROM snapshots; DELETE FROM sessions; COMMIT");
}

}  // namespace

Result<bool> journal_is_in_log(Db& db) {
  TRY(Statement s, db.use("SELECT value FROM facts WHERE name = 'journal'"));
  TRY(bool row, s.step());
  return row && s.bytes(0) == "log";
}

Result<int64_t> move_journal(const std::string& database, const std::string& vfs_name, Disk& disk,
                             const std::string& log_folder, Random& random) {
  OpenOptions options;
  options.path = database;
  options.vfs_name = vfs_name;
  options.create = true;
  options.cache_bytes = kMoveCacheBytes;
  TRY(auto db, Db::open(options));
  TRY_VOID(db->exec("PRAGMA journal_mode = WAL"));
  TRY_VOID(db->exec("PRAGMA synchronous = FULL"));
  TRY_VOID(migrate(*db));
  TRY(bool moved, journal_is_in_log(*db));
  if (moved) return 0;
  TRY_VOID(remove_unfinished(disk, log_folder));
  log::LogOptions log_options;
  log_options.folder = log_folder;
  const auto nothing_known = [](const std::string&) -> Result<log::Position> { return 0; };
  TRY(auto log, log::Log::open(disk, log_options, random, nothing_known));
  TRY(int64_t sessions, Mover(*db, *log).run());
  TRY_VOID(log->close());
  TRY_VOID(say_it_is_moved(*db));
  return sessions;
}

}  // namespace drover::store::sqlite
