#include "store/sqlite/backup.h"

#include <sqlite3.h>

#include "base/limits/store.h"
#include "store/blob_files.h"
#include "store/files.h"
#include "store/log/log_check.h"
#include "store/log/log_store.h"
#include "store/posix_disk.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite_store.h"

namespace drover::store {
namespace {

using sqlite::Db;
using sqlite::OpenOptions;
using sqlite::Statement;

constexpr size_t kManifestBytesMax = 64 << 10;

std::string database_in(const std::string& folder) {
  return folder + "/" + std::string(kDatabaseName);
}
std::string blobs_in(const std::string& folder) { return folder + "/" + std::string(kBlobsName); }
std::string log_in(const std::string& folder) { return folder + "/" + std::string(kLogName); }
std::string manifest_in(const std::string& folder) { return folder + "/manifest.json"; }

Result<std::unique_ptr<Db>> open_database(const std::string& folder) {
  if (!path_exists(database_in(folder))) {
    return fail(Code::kFailedPrecondition, folder + " holds no " + std::string(kDatabaseName));
  }
  OpenOptions options;
  options.path = database_in(folder);
  return Db::open(options);
}

Result<int64_t> count(Db& db, std::string_view sql) {
  TRY(Statement s, db.use(sql));
  TRY(bool row, s.step());
  return row ? s.integer(0) : 0;
}

/// The folder must be new or empty: nothing is ever written over.
Result<void> claim_empty(const std::string& folder) {
  TRY_VOID(make_folder(folder));
  TRY(auto names, list_folder(folder));
  if (!names.empty()) {
    return fail(Code::kFailedPrecondition,
                folder + " is not empty ('" + names.front() + "' is in it): name a new folder");
  }
  return {};
}

/// VACUUM INTO reads one state of the source in one read transaction and writes a compact file.
Result<void> copy_database(Db& db, const std::string& to) {
  TRY(Statement s, db.use("VACUUM INTO ?"));
  const std::string path = database_in(to);
  s.bind(path);
  return s.run();
}

struct Sums {
  int64_t blobs = 0;
  int64_t bytes = 0;
};

Result<Sums> copy_session_blobs(const std::string& from, const std::string& to) {
  Sums sums;
  TRY_VOID(make_folder(to));
  TRY(auto names, list_folder(from));
  for (const std::string& name : names) {
    if (name.find(".tmp-") != std::string::npos) continue;
    Result<std::string> bytes = read_file(from + "/" + name, limits::kBlobBytesMax);
    if (!bytes && bytes.error().code == Code::kNotFound) continue;  // purged meanwhile
    if (!bytes) return fail(std::move(bytes).error());
    TRY_VOID(write_file(to + "/" + name, *bytes));
    sums.bytes += static_cast<int64_t>(bytes->size());
    if (name != "key") ++sums.blobs;
  }
  return sums;
}

Result<Sums> copy_blobs(const std::string& from, const std::string& to) {
  Sums sums;
  TRY_VOID(make_folder(to));
  if (!path_exists(from)) return sums;
  TRY(auto shards, list_folder(from));
  for (const std::string& shard : shards) {
    TRY(auto sessions, list_folder(from + "/" + shard));
    for (const std::string& session : sessions) {
      const std::string inner = "/" + shard + "/" + session;
      Result<Sums> copied = copy_session_blobs(from + inner, to + inner);
      if (!copied && copied.error().code == Code::kNotFound) continue;  // purged meanwhile
      TRY(Sums part, std::move(copied));
      sums.blobs += part.blobs;
      sums.bytes += part.bytes;
    }
  }
  return sums;
}

Result<BackupReport> report_of(Db& db) {
  BackupReport out;
  TRY(out.format_version, sqlite::read_version(db));
  TRY(out.sessions, count(db, "SELECT count(*) FROM sessions"));
  TRY(out.events, count(db, "SELECT count(*) FROM events"));
  TRY(int64_t pages, count(db, "PRAGMA page_count"));
  TRY(int64_t page_bytes, count(db, "PRAGMA page_size"));
  out.bytes = pages * page_bytes;
  return out;
}

Result<void> write_manifest(const std::string& folder, const BackupReport& report) {
  Json json = Json::object();
  json.set("format", "drover-backup").set("format_version", report.format_version);
  json.set("made", format_rfc3339(report.made)).set("sessions", report.sessions);
  json.set("events", report.events).set("blobs", report.blobs).set("bytes", report.bytes);
  return write_file(manifest_in(folder), json.dump() + "\n");
}

/// Checks the journal's log, if the folder has one, and adds what is in it.
Result<void> check_segments(const std::string& folder, bool with_blobs, BackupReport& report) {
  if (!path_exists(log_in(folder))) return {};
  PosixDisk disk;
  const BlobFiles files(blobs_in(folder));
  int64_t blobs = 0;
  const auto blob = [&](const SessionId& session, const std::string& ref) -> Result<void> {
    if (!with_blobs) return {};
    Result<std::string> bytes = files.get(session, ref);
    if (!bytes) {
      return fail(Code::kDataLoss, "a payload of " + session.str() +
                                       " is missing or damaged: " + bytes.error().message);
    }
    ++blobs;
    return {};
  };
  TRY(log::LogReport found, log::check_log(disk, log_in(folder), blob));
  if (!found.faults.empty()) {
    Error error(Code::kDataLoss, "the journal is damaged: " + found.faults.front());
    for (size_t i = 1; i < found.faults.size(); ++i) error.note(found.faults[i]);
    return fail(std::move(error));
  }
  report.sessions += found.sessions;
  report.events += found.events;
  report.bytes += found.bytes;
  report.blobs += blobs;
  return {};
}

Result<void> copy_segments(const std::string& from, const std::string& to) {
  if (!path_exists(log_in(from))) return {};
  PosixDisk disk;
  return log::copy_log(disk, log_in(from), log_in(to));
}

/// The ledger's files (trace/ledger_log.h): they only grow, each record has its checksum, and a
/// torn end is left out by who reads them. The oldest may go meanwhile.
Result<void> copy_ledger(const std::string& from, const std::string& to, BackupReport& report) {
  const std::string source = from + "/ledger";
  if (!path_exists(source)) return {};
  TRY_VOID(make_folder(to + "/ledger"));
  TRY(auto names, list_folder(source));
  for (const std::string& name : names) {
    Result<std::string> bytes = read_file(source + "/" + name, limits::kBlobBytesMax);
    if (!bytes && bytes.error().code == Code::kNotFound) continue;
    if (!bytes) return fail(std::move(bytes).error());
    TRY_VOID(write_file(to + "/ledger/" + name, *bytes));
    report.bytes += static_cast<int64_t>(bytes->size());
  }
  return {};
}

/// What the journals were signed with, and the signatures; both only where something was signed.
Result<void> copy_signatures(const std::string& from, const std::string& to, BackupReport& report) {
  const std::string folder = from + "/signatures";
  if (!path_exists(folder)) return {};
  TRY_VOID(make_folder(to + "/signatures"));
  TRY(auto names, list_folder(folder));
  for (const std::string& name : names) {
    TRY(std::string bytes, read_file(folder + "/" + name, limits::kBlobBytesMax));
    TRY_VOID(write_file(to + "/signatures/" + name, bytes));
    report.bytes += static_cast<int64_t>(bytes.size());
  }
  const std::string key = "/signing.pem";
  if (!path_exists(from + key)) return {};
  TRY(std::string pem, read_file(from + key, limits::kBlobBytesMax));
  return write_file(to + key, pem);
}

Result<BackupReport> copy_all(const std::string& from, const std::string& to, WallTime now) {
  TRY(auto source, open_database(from));
  TRY_VOID(copy_database(*source, to));
  TRY(auto copy, open_database(to));
  TRY(BackupReport report, report_of(*copy));
  TRY_VOID(copy_segments(from, to));
  TRY_VOID(check_segments(to, false, report));
  TRY_VOID(copy_ledger(from, to, report));
  TRY_VOID(copy_signatures(from, to, report));
  TRY(Sums sums, copy_blobs(blobs_in(from), blobs_in(to)));
  report.blobs = sums.blobs;
  report.bytes += sums.bytes;
  report.made = now;
  TRY_VOID(sync_folder(to));
  TRY_VOID(write_manifest(to, report));
  return report;
}

Result<void> check_integrity(Db& db) {
  TRY(Statement s, db.use("PRAGMA integrity_check(1)"));
  TRY(bool row, s.step());
  if (row && s.bytes(0) == "ok") return {};
  return fail(Code::kDataLoss, "the database is damaged: " + (row ? s.text(0) : "no answer"));
}

Result<int64_t> check_blobs(Db& db, const std::string& folder) {
  const BlobFiles files(blobs_in(folder));
  TRY(Statement s, db.use("SELECT s.id, e.blob FROM events e JOIN sessions s ON s.number = "
                          "e.session WHERE e.blob IS NOT NULL"));
  int64_t checked = 0;
  for (;;) {
    TRY(bool row, s.step());
    if (!row) return checked;
    Result<std::string> bytes = files.get(SessionId(s.text(0)), s.text_or_hex(1));
    if (!bytes) {
      return fail(Code::kDataLoss,
                  "a payload of " + s.text(0) + " is missing or damaged: " + bytes.error().message);
    }
    ++checked;
  }
}

}  // namespace

Result<BackupReport> backup(const std::string& from, const std::string& to, WallTime now) {
  TRY_VOID(claim_empty(to));
  Result<BackupReport> report = copy_all(from, to, now);
  if (!report) {
    // Half a backup must not be taken for one.
    Result<void> removed = remove_tree(to);
    if (!removed) return fail(std::move(report).error().note(removed.error().to_string()));
  }
  return report;
}

Result<BackupReport> verify_backup(const std::string& folder) {
  TRY(auto db, open_database(folder));
  TRY(int version, sqlite::read_version(*db));
  if (version > sqlite::schema_version()) {
    return fail(Code::kFailedPrecondition,
                folder + " has format version " + std::to_string(version) +
                    ", this program knows up to " + std::to_string(sqlite::schema_version()) +
                    "; use the newer drover that wrote it");
  }
  TRY_VOID(check_integrity(*db));
  TRY(BackupReport report, report_of(*db));
  TRY(report.blobs, check_blobs(*db, folder));
  TRY_VOID(check_segments(folder, true, report));
  return report;
}

Result<BackupReport> restore(const std::string& from, const std::string& to) {
  Result<std::string> manifest = read_file(manifest_in(from), kManifestBytesMax);
  if (!manifest) {
    return fail(Code::kFailedPrecondition,
                from + " is no finished backup: " + manifest.error().message);
  }
  TRY_VOID(verify_backup(from));
  TRY(Json facts, Json::parse(*manifest));
  TRY(WallTime made, parse_rfc3339(facts.get_string("made").value_or("")));
  TRY_VOID(claim_empty(to));
  Result<BackupReport> report = copy_all(from, to, made);
  if (!report) {
    Result<void> removed = remove_tree(to);
    if (!removed) return fail(std::move(report).error().note(removed.error().to_string()));
    return report;
  }
  // A data folder carries no manifest: it will change.
  TRY_VOID(remove_tree(manifest_in(to)));
  return report;
}

}  // namespace drover::store
