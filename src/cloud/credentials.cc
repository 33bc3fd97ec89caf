#include "cloud/credentials.h"

#include <cstring>
#include <utility>

#include "base/bytes.h"

namespace drover::cloud {
namespace {

/// A variable's value; set but empty counts as unset, as in the official SDKs.
std::string variable(const Surroundings& surroundings, const std::string& name) {
  return surroundings.getenv(name).value_or("");
}

void wipe(std::string& text) { explicit_bzero(text.data(), text.size()); }

template <typename T>
class Fixed final : public Source<T> {
 public:
  explicit Fixed(T value) : value_(std::move(value)) {}
  std::string name() const override { return value_.source.empty() ? "fixed" : value_.source; }
  Task<Result<T>> fetch(Context ctx) override { co_return value_; }

 private:
  const T value_;
};

template <typename T>
class Chain final : public Source<T> {
 public:
  explicit Chain(std::vector<std::unique_ptr<Source<T>>> sources) : sources_(std::move(sources)) {}

  std::string name() const override {
    std::string out;
    for (const auto& source : sources_) {
      if (!out.empty()) out += ", ";
      out += source->name();
    }
    return out;
  }

  Task<Result<T>> fetch(Context ctx) override {
    for (const auto& source : sources_) {
      Result<T> found = co_await source->fetch(ctx);
      if (found || found.error().code != Code::kNotFound) co_return found;
    }
    co_return fail(Code::kNotFound, "no credentials found; looked in: " + name());
  }

 private:
  const std::vector<std::unique_ptr<Source<T>>> sources_;
};

class EnvironmentCredentials final : public CredentialSource {
 public:
  explicit EnvironmentCredentials(Surroundings surroundings)
      : surroundings_(std::move(surroundings)) {}
  std::string name() const override { return "environment"; }
  Task<Result<AwsCredentials>> fetch(Context ctx) override { co_return read(); }

 private:
  Result<AwsCredentials> read() const {
    AwsCredentials out;
    out.source = name();
    out.access_key_id = variable(surroundings_, "AWS_ACCESS_KEY_ID");
    std::string secret = variable(surroundings_, "AWS_SECRET_ACCESS_KEY");
    if (out.access_key_id.empty() && secret.empty()) {
      return fail(Code::kNotFound, "AWS_ACCESS_KEY_ID is not set");
    }
    if (out.access_key_id.empty() || secret.empty()) {
      return fail(Code::kFailedPrecondition,
                  "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set together");
    }
    out.secret_access_key = Secret(secret);
    wipe(secret);
    out.session_token = Secret(variable(surroundings_, "AWS_SESSION_TOKEN"));
    const std::string expires = variable(surroundings_, "AWS_CREDENTIAL_EXPIRATION");
    if (!expires.empty()) {
      auto time = parse_rfc3339(expires);
      if (!time) {
        return fail(Code::kFailedPrecondition, "AWS_CREDENTIAL_EXPIRATION is not an RFC 3339 time");
      }
      out.expires = *time;
    }
    return out;
  }

  const Surroundings surroundings_;
};

std::string profile_name(const Surroundings& surroundings, std::string_view given) {
  if (!given.empty()) return std::string(given);
  return variable(surroundings, "AWS_PROFILE");
}

class ProfileCredentials final : public CredentialSource {
 public:
  ProfileCredentials(Surroundings surroundings, std::string profile)
      : surroundings_(std::move(surroundings)), profile_(std::move(profile)) {}
  std::string name() const override {
    const std::string profile = profile_name(surroundings_, profile_);
    return "profile " + (profile.empty() ? "default" : profile);
  }
  Task<Result<AwsCredentials>> fetch(Context ctx) override { co_return read(); }

 private:
  Result<AwsCredentials> read() const {
    TRY(const Profiles profiles, read_profiles(surroundings_));
    const std::string wanted = profile_name(surroundings_, profile_);
    const auto found = profiles.find(wanted.empty() ? "default" : wanted);
    if (found == profiles.end()) {
      // A profile somebody asked for must not be passed over for another identity.
      return fail(wanted.empty() ? Code::kNotFound : Code::kFailedPrecondition,
                  "no " + name() + " in the AWS profile files");
    }
    return from(found->second);
  }

  Result<AwsCredentials> from(const Profile& profile) const {
    const auto get = [&profile](std::string_view key) {
      const auto setting = profile.find(key);
      return setting == profile.end() ? Secret() : setting->second;
    };
    AwsCredentials out;
    out.source = name();
    out.access_key_id = get("aws_access_key_id").reveal();
    out.secret_access_key = get("aws_secret_access_key");
    out.session_token = get("aws_session_token");
    if (!out.access_key_id.empty() && !out.secret_access_key.empty()) return out;
    if (!out.access_key_id.empty() || !out.secret_access_key.empty()) {
      return fail(Code::kFailedPrecondition,
                  name() + " needs both aws_access_key_id and aws_secret_access_key");
    }
    for (const char* key : {"role_arn", "sso_session", "sso_start_url", "credential_process",
                            "web_identity_token_file", "credential_source", "login_session"}) {
      if (profile.contains(key)) {
        return fail(Code::kUnimplemented,
                    name() + " uses " + key +
                        ", which is not supported: export temporary keys "
                        "(aws configure export-credentials) or name another profile");
      }
    }
    return fail(Code::kNotFound, name() + " holds no credentials");
  }

  const Surroundings surroundings_;
  const std::string profile_;
};

class EnvironmentToken final : public TokenSource {
 public:
  EnvironmentToken(Surroundings surroundings, std::string variable_name)
      : surroundings_(std::move(surroundings)), variable_(std::move(variable_name)) {}
  std::string name() const override { return "environment variable " + variable_; }
  Task<Result<BearerToken>> fetch(Context ctx) override { co_return read(); }

 private:
  Result<BearerToken> read() const {
    std::string value = variable(surroundings_, variable_);
    if (value.empty()) return fail(Code::kNotFound, variable_ + " is not set");
    BearerToken out;
    out.token = Secret(trim(value));
    out.source = name();
    wipe(value);
    return out;
  }

  const Surroundings surroundings_;
  const std::string variable_;
};

class FileToken final : public TokenSource {
 public:
  FileToken(Surroundings surroundings, std::string path)
      : surroundings_(std::move(surroundings)), path_(std::move(path)) {}
  std::string name() const override { return "file " + path_; }
  Task<Result<BearerToken>> fetch(Context ctx) override { co_return read(); }

 private:
  Result<BearerToken> read() const {
    TRY(std::string text, surroundings_.read_file(path_));
    BearerToken out;
    out.token = Secret(trim(text));
    out.source = name();
    wipe(text);
    if (out.token.empty()) return fail(Code::kFailedPrecondition, path_ + " is empty");
    return out;
  }

  const Surroundings surroundings_;
  const std::string path_;
};

Result<Profiles> read_one(const Surroundings& surroundings, const char* override_variable,
                          const char* below_home, ProfileFile kind) {
  std::string path = variable(surroundings, override_variable);
  if (path.empty()) {
    const std::string home = variable(surroundings, "HOME");
    if (home.empty()) return Profiles();
    path = home + below_home;
  }
  auto text = surroundings.read_file(path);
  if (!text && text.error().code == Code::kNotFound) return Profiles();
  if (!text) return fail(std::move(text).error().note("while reading " + path));
  auto parsed = parse_profiles(*text, kind);
  wipe(*text);
  if (!parsed) return fail(std::move(parsed).error().note("while reading " + path));
  return parsed;
}

}  // namespace

template <typename T>
std::unique_ptr<Source<T>> fixed_source(T value) {
  return std::make_unique<Fixed<T>>(std::move(value));
}
template std::unique_ptr<CredentialSource> fixed_source(AwsCredentials);
template std::unique_ptr<TokenSource> fixed_source(BearerToken);

template <typename T>
std::unique_ptr<Source<T>> chain_source(std::vector<std::unique_ptr<Source<T>>> sources) {
  return std::make_unique<Chain<T>>(std::move(sources));
}
template std::unique_ptr<CredentialSource> chain_source(
    std::vector<std::unique_ptr<CredentialSource>>);
template std::unique_ptr<TokenSource> chain_source(std::vector<std::unique_ptr<TokenSource>>);

std::unique_ptr<CredentialSource> environment_credentials(Surroundings surroundings) {
  return std::make_unique<EnvironmentCredentials>(std::move(surroundings));
}

std::unique_ptr<CredentialSource> profile_credentials(Surroundings surroundings, std::string name) {
  return std::make_unique<ProfileCredentials>(std::move(surroundings), std::move(name));
}

std::unique_ptr<CredentialSource> default_aws_credentials(Surroundings surroundings,
                                                          std::string profile) {
  if (!profile.empty()) return profile_credentials(std::move(surroundings), std::move(profile));
  std::vector<std::unique_ptr<CredentialSource>> sources;
  sources.push_back(environment_credentials(surroundings));
  sources.push_back(profile_credentials(std::move(surroundings), {}));
  return chain_source(std::move(sources));
}

std::unique_ptr<TokenSource> environment_token(Surroundings surroundings,
                                               std::string variable_name) {
  return std::make_unique<EnvironmentToken>(std::move(surroundings), std::move(variable_name));
}

std::unique_ptr<TokenSource> file_token(Surroundings surroundings, std::string path) {
  return std::make_unique<FileToken>(std::move(surroundings), std::move(path));
}

Result<Secret> read_secret(const Surroundings& surroundings, std::string_view reference) {
  if (reference.starts_with("env:")) {
    const std::string name(reference.substr(4));
    std::string value = variable(surroundings, name);
    if (trim(value).empty()) {
      return fail(Code::kNotFound, "environment variable " + name + " is not set");
    }
    Secret out(trim(value));
    wipe(value);
    return out;
  }
  if (reference.starts_with("file:")) {
    const std::string path(reference.substr(5));
    TRY(std::string text, surroundings.read_file(path));
    Secret out(trim(text));
    wipe(text);
    if (out.empty())
      return fail(Code::kFailedPrecondition, "the secret file " + path + " is empty");
    return out;
  }
  // The reference itself is not repeated: a secret pasted in its place would be.
  return fail(Code::kInvalidArgument, "a secret is named as env:NAME or file:PATH");
}

Result<Profiles> read_profiles(const Surroundings& surroundings) {
  TRY(Profiles out,
      read_one(surroundings, "AWS_CONFIG_FILE", "/.aws/config", ProfileFile::kConfig));
  TRY(Profiles credentials, read_one(surroundings, "AWS_SHARED_CREDENTIALS_FILE",
                                     "/.aws/credentials", ProfileFile::kCredentials));
  merge_profiles(out, std::move(credentials));
  return out;
}

Result<std::optional<std::string>> default_region(const Surroundings& surroundings,
                                                  std::string_view profile) {
  if (profile.empty()) {
    for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
      std::string region = variable(surroundings, name);
      if (!region.empty()) return region;
    }
  }
  TRY(const Profiles profiles, read_profiles(surroundings));
  const std::string wanted = profile_name(surroundings, profile);
  const auto found = profiles.find(wanted.empty() ? "default" : wanted);
  if (found == profiles.end()) return std::nullopt;
  const auto region = found->second.find("region");
  if (region == found->second.end() || region->second.empty()) return std::nullopt;
  return std::string(region->second.reveal());
}

}  // namespace drover::cloud
