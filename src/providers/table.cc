// Every provider, one line each. An OpenAI-like one is an entry in openai_compatible/profiles.cc.

#include "providers/aws/provider.h"
#include "providers/azure/provider.h"
#include "providers/credentials.h"
#include "providers/openai_compatible/provider.h"
#include "providers/provider.h"

namespace drover::providers {

struct ProviderTable::Shared {
  explicit Shared(ProviderEnvironment e) : environment(std::move(e)), credentials(environment) {}
  ProviderEnvironment environment;
  Credentials credentials;
};

ProviderTable::ProviderTable(ProviderEnvironment environment)
    : shared_(std::make_unique<Shared>(std::move(environment))) {
  const ProviderEnvironment& env = shared_->environment;
  Credentials& credentials = shared_->credentials;
  providers_.push_back(std::make_unique<AwsBedrock>(env, credentials));
  providers_.push_back(std::make_unique<AzureOpenAi>(env, credentials));
  for (const OpenAiProfile& profile : openai_profiles()) {
    providers_.push_back(std::make_unique<OpenAiCompatible>(profile, env, credentials));
  }
}

ProviderTable::~ProviderTable() = default;

Provider* ProviderTable::find(std::string_view name) const {
  for (const auto& provider : providers_) {
    if (provider->name() == name) return provider.get();
  }
  return nullptr;
}

std::vector<std::string> ProviderTable::names() const {
  std::vector<std::string> out;
  for (const auto& provider : providers_) out.emplace_back(provider->name());
  return out;
}

}  // namespace drover::providers
