#pragma once
// Entra ID access tokens by client credentials (OAuth 2.0, RFC 6749 section 4.4): POST a form to
// {authority}/{tenant}/oauth2/v2.0/token. Getting the token only; keeping and renewing it is
// cloud::Refreshing's, using it the provider's.
//
// The client secret is read at each fetch (a rotated one is seen), never stands in an error, and
// goes to an https authority only (loopback excepted, for tests and simulators).
// Source: Microsoft identity platform, "OAuth 2.0 client credentials flow".

#include "cloud/refreshing.h"
#include "providers/credentials.h"

namespace drover::providers {

struct EntraOptions {
  std::string authority = "https://login.microsoftonline.com";
  std::string tenant_id;
  std::string client_id;
  /// Where the client secret is: "env:NAME" or "file:PATH".
  std::string secret_source;
  std::string scope = "https://cognitiveservices.azure.com/.default";
  std::string ca_file;
};

/// kInvalidArgument names the option at fault.
Result<void> check_entra(const EntraOptions& options);

class EntraClientCredentials final : public cloud::TokenSource {
 public:
  EntraClientCredentials(EntraOptions options, const ProviderEnvironment& environment,
                         Credentials& credentials)
      : options_(std::move(options)), environment_(environment), credentials_(credentials) {}

  std::string name() const override { return "Entra ID of tenant " + options_.tenant_id; }
  async::Task<Result<cloud::BearerToken>> fetch(async::Context ctx) override;

 private:
  const EntraOptions options_;
  const ProviderEnvironment& environment_;
  Credentials& credentials_;
};

}  // namespace drover::providers
