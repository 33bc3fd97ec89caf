// Which server a command talks to, or which folder it opens by a server of its own.

#include <cstdio>
#include <cstdlib>

#include "app/api_client.h"
#include "app/api_client_errors.h"
#include "app/files.h"
#include "base/bytes.h"

namespace drover::app {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// A server that is named is asked without reading the file.
Error unread_config(Error error, bool folder_named) {
  if (folder_named) return error;
  error.message +=
      "; a server that runs on is asked without this file where --url or DROVER_URL names it";
  return error;
}

/// Behind the command's own those of all clients.
std::vector<Flag> client_flags(std::vector<Flag> own) {
  own.push_back({"--url", "URL", "the server (or DROVER_URL; or as drover.yaml says)", ""});
  own.push_back(
      {"--key", "KEY", "its key; better in DROVER_KEY, where other users cannot see it", ""});
  own.push_back({"--config", "FILE", "the configuration, if not ./drover.yaml", ""});
  own.push_back({"--data", "DIR", "work on this data folder, whatever DROVER_URL says", ""});
  own.push_back({"--as", "TENANT", "with --data: as this tenant, if not the operator's own", ""});
  own.push_back({"--json", "", "print JSON, for scripts", ""});
  return own;
}

}  // namespace

Command client_command(std::string name, std::string summary, std::string details,
                       std::vector<Positional> positionals, std::vector<Flag> own,
                       int (*run)(const Arguments&)) {
  Command c;
  c.name = std::move(name);
  c.summary = std::move(summary);
  c.details = std::move(details);
  c.positionals = std::move(positionals);
  c.flags = client_flags(std::move(own));
  c.run = run;
  return c;
}

Result<Config> client_config(const Arguments& arguments) {
  std::string path = arguments.get("config");
  if (path.empty() && file_exists("drover.yaml")) path = "drover.yaml";
  ConfigOutcome outcome;
  if (!path.empty()) outcome = read_config(path, read_small_file);
  if (!outcome.faults.empty()) {
    return usage_error(outcome.faults.front().to_string() +
                       (outcome.faults.size() > 1 ? " (and more: `drover config check`)" : ""));
  }
  if (arguments.has("data")) outcome.config.data = arguments.get("data");
  return std::move(outcome.config);
}

Result<std::string> named_server(const Arguments& arguments) {
  const bool folder = arguments.has("data");
  if (folder && arguments.has("url")) {
    return usage_error("--url names a server and --data a folder: say one of them");
  }
  // What is said at the command goes before what the surroundings say.
  if (folder) return std::string();
  std::string url = arguments.has("url") ? arguments.get("url") : environment("DROVER_URL");
  while (url.ends_with('/')) url.pop_back();
  return url;
}

Reach reach_of(const Surroundings& around, Need need) {
  if (!around.folder_named && around.server_answers) {
    return around.key ? Reach::kServer : Reach::kNoKey;
  }
  if (around.folder_there || need != Need::kRead) return Reach::kFolder;
  return around.folder_named ? Reach::kNoFolder : Reach::kNoServer;
}

Result<std::unique_ptr<ApiClient>> ApiClient::connect(const Arguments& arguments, Need need) {
  TRY(std::string url, named_server(arguments));
  std::string key = arguments.has("key") ? arguments.get("key") : environment("DROVER_KEY");
  std::unique_ptr<ApiClient> out(new ApiClient());
  out->key_ = key;
  if (!url.empty()) {
    out->url_ = url;
    TRY(bool there, out->answers());
    if (!there) return fail(unreachable(url, not_drover()));
    if (key.empty()) return fail(no_key(url));
    return out;
  }
  Surroundings around;
  around.folder_named = arguments.has("data");
  auto config = client_config(arguments);
  if (!config) return fail(unread_config(std::move(config).error(), around.folder_named));
  out->url_ = config->url();
  around.folder_there = file_exists(config->data + "/drover.db");
  around.key = !key.empty();
  auto there = around.folder_named ? Result<bool>(false) : out->answers();
  around.server_answers = there && *there;
  switch (reach_of(around, need)) {
    case Reach::kServer:
      return out;
    case Reach::kNoKey: {
      Error error = no_key(out->url_);
      error.message += ". To work on a folder that it does not serve, name that with --data DIR";
      return fail(std::move(error));
    }
    case Reach::kNoFolder:
      return usage_error("there is no data folder " + config->data + ": name another with --data");
    case Reach::kNoServer:
      if (there) return fail(unreachable(out->url_, not_drover()));
      return fail(std::move(there).error());
    case Reach::kFolder:
      break;
  }
  const std::string server = out->url_;
  const std::string folder = config->data;
  TRY_VOID(out->open_folder(std::move(*config), need, arguments.get("as")));
  if (!around.folder_named) {
    std::fprintf(stderr, "drover: no server answers at %s: working on the data folder %s itself\n",
                 server.c_str(), folder.c_str());
  }
  return out;
}

Result<void> ApiClient::open_folder(Config config, Need need, const std::string& tenant) {
  const std::string server = config.url();
  configure_log(LogLevel::kError, LogFormat::kText);
  // A server of our own: reachable from here alone, by a key that only this process knows.
  config.listen_host = "127.0.0.1";
  config.listen_port = 0;
  config.tls_cert.clear();
  config.tls_key.clear();
  // Looking at a folder needs none of the secrets that these name.
  if (need != Need::kRun) config.tools.clear();
  if (need != Need::kRun) config.attested.clear();
  if (need != Need::kRun && need != Need::kBooks) config.endpoints.clear();
  RuntimeOptions options;
  options.recover = false;
  options.skip_unknown_parties = need != Need::kRun;
  runtime_ = std::make_unique<Runtime>(loop_, options);
  std::string folder = config.data;
  auto opened = runtime_->open(std::move(config));
  if (!opened) {
    Error error = std::move(opened).error();
    runtime_.reset();
    if (error.message.find("is in use by another drover") != std::string::npos) {
      error.message = error.message.substr(0, error.message.rfind(": stop it")) +
                      ": talk to it with `export DROVER_KEY=<key>`" +
                      " (its first start printed an admin key; it is expected at " + server +
                      ", or set DROVER_URL), or stop it first";
      error.reason = kUsageReason;
    }
    return fail(std::move(error));
  }
  TRY_VOID(loop_.run_task(runtime_->start(runtime_->context())));
  auto serving = std::make_unique<Serving>(*runtime_);
  key_ = to_hex(random_.bytes(32));
  TenantId as = default_tenant();
  if (!tenant.empty()) {
    TRY(identity::Tenant found, runtime_->tenants().find(tenant));
    as = found.id;
  }
  serving->accept(key_, identity::Principal::system(std::move(as)));
  TRY_VOID(serving->start());
  serving_ = std::move(serving);
  url_ = "http://" + serving_->local().to_string();
  return {};
}

}  // namespace drover::app
