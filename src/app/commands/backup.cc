// drover backup DEST and drover restore SRC.

#include "store/sqlite/backup.h"

#include <cstdio>
#include <filesystem>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/files.h"
#include "app/output.h"

namespace drover::app {
namespace {

Json report_json(const store::BackupReport& report, const std::string& path) {
  Json out = Json::object().set("path", path);
  out.set("format_version", report.format_version).set("sessions", report.sessions);
  out.set("events", report.events).set("blobs", report.blobs).set("bytes", report.bytes);
  out.set("made", format_rfc3339(report.made));
  return out;
}

void print_backup(const Arguments& a, const char* what, const Json& report) {
  if (a.has("json")) {
    print_json(report);
    return;
  }
  std::printf("%s %s: %s sessions, %s events, %s blobs, %s bytes\n", what,
              member(report, "path").c_str(), member(report, "sessions").c_str(),
              member(report, "events").c_str(), member(report, "blobs").c_str(),
              member(report, "bytes").c_str());
}

std::string absolute(const std::string& path) {
  std::error_code error;
  std::filesystem::path out = std::filesystem::absolute(path, error);
  return error ? path : out.lexically_normal().string();
}

int run_backup(const Arguments& a) {
  const std::string to = absolute(a.get("DEST"));
  auto server = named_server(a);
  if (!server) return complain(server.error());
  if (!server->empty()) {
    auto client = ApiClient::connect(a, Need::kRead);
    if (!client) return complain(client.error());
    auto report = (*client)->call("POST", "/v1/admin/backup", Json::object().set("path", to));
    if (!report) return complain(report.error());
    print_backup(a, "backed up to", *report);
    return kExitOk;
  }
  // The folder itself: whoever may read it needs no key, and a server may be using it.
  auto config = client_config(a);
  if (!config) return complain(config.error());
  if (!file_exists(config->data + "/drover.db")) {
    return complain(usage_error("there is no data folder " + config->data +
                                ": name it with --data, or a server with --url")
                        .value());
  }
  SystemClock clock;
  auto report = store::backup(config->data, to, clock.wall());
  if (!report) return complain(report.error());
  print_backup(a, "backed up to", report_json(*report, to));
  return kExitOk;
}

int run_restore(const Arguments& a) {
  auto config = client_config(a);
  if (!config) return complain(config.error());
  const std::string from = absolute(a.get("SRC"));
  auto report = store::restore(from, config->data);
  if (!report) return complain(report.error());
  print_backup(a, "restored to", report_json(*report, config->data));
  return kExitOk;
}

}  // namespace

Command backup_command() {
  return client_command(
      "backup", "Copy the data folder while a server uses it",
      "DEST is a new or empty folder. With --url or DROVER_URL the server makes the copy of its "
      "own\n"
      "folder, on its own machine; with --data, or without both, the folder is read directly (no\n"
      "key needed).\n"
      "Examples:\n"
      "  drover backup /backups/2026-11-23 --data /var/lib/drover\n"
      "  drover backup /backups/2026-11-23 --url http://10.0.0.7:7070",
      {{"DEST", "a new folder", true, false}}, {}, run_backup);
}

Command restore_command() {
  Command c;
  c.name = "restore";
  c.summary = "Check a backup and copy it into a new data folder";
  c.details =
      "Example: drover restore /backups/2026-11-23 --data ./drover-data && drover serve\n"
      "A folder that holds data is never overwritten: move it away first.";
  c.positionals = {{"SRC", "a backup", true, false}};
  c.flags = {{"--data", "DIR", "the new data folder (default: as drover.yaml says)", ""},
             {"--config", "FILE", "the configuration, if not ./drover.yaml", ""},
             {"--json", "", "print JSON, for scripts", ""}};
  c.run = run_restore;
  return c;
}

}  // namespace drover::app
