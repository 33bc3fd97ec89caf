#include "providers/openai_compatible/profiles.h"

namespace drover::providers {
namespace {

// name, OpenTelemetry name, base URL, needs credentials.
// CoreWeave Serverless is W&B Inference; its dedicated gateways have hosts of their own (base_url).
constexpr OpenAiProfile kProfiles[] = {
    {"openai", "openai", "https://api.openai.com/v1", true},
    {"coreweave", "coreweave", "https://api.inference.wandb.ai/v1", true},
    {"vllm", "vllm", "", false},
    {"llama-server", "llama_cpp", "http://127.0.0.1:8080/v1", false},
    {"ollama", "ollama", "http://127.0.0.1:11434/v1", false},
    {"openai-compatible", "openai_compatible", "", false},
};

}  // namespace

std::span<const OpenAiProfile> openai_profiles() { return kProfiles; }

}  // namespace drover::providers
