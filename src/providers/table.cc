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
  add(std::make_unique<AwsBedrock>(env, credentials));
  add(std::make_unique<AzureOpenAi>(env, credentials));
  for (const OpenAiProfile& profile : openai_profiles()) {
    add(std::make_unique<OpenAiCompatible>(profile, env, credentials));
  }
}

ProviderTable::~ProviderTable() = default;

void ProviderTable::add(std::unique_ptr<Provider> provider) {
  const std::string_view name = provider->name();
  providers_.push_back(Named{name, std::move(provider)});
}

Provider* ProviderTable::find(std::string_view name) const {
  for (const Named& known : providers_) {
    if (known.name == name) return known.provider.get();
  }
  return nullptr;
}

std::vector<std::string> ProviderTable::names() const {
  std::vector<std::string> out;
  for (const Named& known : providers_) out.emplace_back(known.name);
  return out;
}

}  // namespace drover::providers
