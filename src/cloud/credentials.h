#pragma once
// Where AWS credentials and bearer tokens come from: environment, profile files, fixed values, and
// chains of these. Sources that ask a service (web identity, container, instance, Entra) follow
// behind the same interface (refreshing.h).
//
// Environment variables and files are handed in. Files are read anew at each fetch; they are a few
// KiB, so the read may happen on the loop.
// Failure: see Source::fetch. No message holds a value, only names of variables, files, profiles.
// Source: "Standardized credential providers" in the AWS SDKs and Tools Reference Guide.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/aws_credentials.h"
#include "cloud/profile.h"
#include "cloud/refreshing.h"

namespace drover::cloud {

/// What of the machine the sources may see.
struct Surroundings {
  /// Nullopt if unset.
  std::function<std::optional<std::string>(const std::string&)> getenv;
  /// not_found if there is no such file.
  std::function<Result<std::string>(const std::string&)> read_file;
};

/// Always the same value.
template <typename T>
std::unique_ptr<Source<T>> fixed_source(T value);

/// The first of several that has something. Owns them.
template <typename T>
std::unique_ptr<Source<T>> chain_source(std::vector<std::unique_ptr<Source<T>>> sources);

/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_CREDENTIAL_EXPIRATION.
std::unique_ptr<CredentialSource> environment_credentials(Surroundings surroundings);

/// A profile of AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials) and AWS_CONFIG_FILE
/// (~/.aws/config). An empty name means AWS_PROFILE, or "default"; a profile that was named must
/// exist, the default one need not.
std::unique_ptr<CredentialSource> profile_credentials(Surroundings surroundings, std::string name);

/// The environment, then the profile files; with `profile` given, that profile and nothing else,
/// so that a named identity is never replaced by another.
std::unique_ptr<CredentialSource> default_aws_credentials(Surroundings surroundings,
                                                          std::string profile = {});

/// A token from an environment variable, such as AWS_BEARER_TOKEN_BEDROCK.
std::unique_ptr<TokenSource> environment_token(Surroundings surroundings, std::string variable);

/// A token that is the trimmed content of a file, read anew at each fetch.
std::unique_ptr<TokenSource> file_token(Surroundings surroundings, std::string path);

/// The secret that a configuration names: "env:NAME" or "file:PATH". Read once.
Result<Secret> read_secret(const Surroundings& surroundings, std::string_view reference);

/// AWS_REGION, AWS_DEFAULT_REGION, or the profile's; nullopt if none says.
Result<std::optional<std::string>> default_region(const Surroundings& surroundings,
                                                  std::string_view profile = {});

/// Both files, merged; files that do not exist count as empty.
Result<Profiles> read_profiles(const Surroundings& surroundings);

}  // namespace drover::cloud
