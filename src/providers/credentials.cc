#include "providers/credentials.h"

#include "base/bytes.h"
#include "base/limits/catalog.h"

namespace drover::providers {
namespace {

constexpr std::string_view kEnv = "env:";
constexpr std::string_view kFile = "file:";

Error missing(std::string message) {
  // Another endpoint may have credentials of its own.
  return Error(Code::kUnauthenticated, std::move(message), Retry::kOtherTarget)
      .with_reason("missing_credentials");
}

}  // namespace

Result<SecretPtr> Credentials::get(const Context& ctx, const std::string& source) {
  if (source.empty()) return none_;
  MonoTime now = ctx.loop().mono();
  auto it = cached_.find(source);
  if (it != cached_.end() && now - it->second.read < kReadAgainAfter) return it->second.secret;
  TRY(Secret secret, read(source));
  if (it == cached_.end() && cached_.size() >= limits::kEndpointsMax) cached_.clear();
  Entry& entry = cached_[source];
  if (entry.secret == nullptr || !entry.secret->same(secret)) {
    entry.secret = SecretPtr::make(std::move(secret));
  }
  entry.read = now;
  return entry.secret;
}

Result<Secret> Credentials::read(const std::string& source) const {
  if (source.starts_with(kEnv)) {
    std::string name = source.substr(kEnv.size());
    std::optional<std::string> value =
        environment_->getenv ? environment_->getenv(name) : std::nullopt;
    if (!value || trim(*value).empty()) {
      return fail(missing("the environment variable " + name + " is not set: it must hold the " +
                          "provider's key"));
    }
    return Secret(trim(*value));
  }
  if (source.starts_with(kFile)) {
    std::string path = source.substr(kFile.size());
    if (!environment_->read_file) return fail(missing("files cannot be read here: " + path));
    Result<std::string> text = environment_->read_file(path);
    if (!text) {
      return fail(
          missing("the credential file " + path + " cannot be read: " + text.error().message));
    }
    if (trim(*text).empty()) return fail(missing("the credential file " + path + " is empty"));
    return Secret(trim(*text));
  }
  return fail(missing("credentials '" + source.substr(0, source.find(':')) +
                      ":…' are of a kind this provider does not take"));
}

Result<void> check_credential_source(const std::string& source, bool aws_allowed) {
  if (source.empty()) return {};
  if (source.starts_with(kEnv) && source.size() > kEnv.size()) return {};
  if (source.starts_with(kFile) && source.size() > kFile.size()) return {};
  if (aws_allowed && (source == "aws:default" || source.starts_with("aws:profile="))) return {};
  // The text itself is not shown: somebody may have put the key there.
  return fail(Code::kInvalidArgument,
              std::string("credentials must be a reference, not a value: \"env:NAME\", "
                          "\"file:PATH\"") +
                  (aws_allowed ? ", \"aws:default\" or \"aws:profile=NAME\"" : ""));
}

}  // namespace drover::providers
