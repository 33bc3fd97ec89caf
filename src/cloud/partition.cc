#include "cloud/partition.h"

#include <algorithm>
#include <array>

namespace drover::cloud {
namespace {

constexpr std::array<Partition, 8> kPartitions = {{
    {"aws", "amazonaws.com", "api.aws", "us-east-1"},
    {"aws-us-gov", "amazonaws.com", "api.aws", "us-gov-west-1"},
    {"aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn", "cn-northwest-1"},
    {"aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu", "eusc-de-east-1"},
    {"aws-iso", "c2s.ic.gov", "api.aws.ic.gov", "us-iso-east-1"},
    {"aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud", "us-isob-east-1"},
    {"aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", "eu-isoe-west-1"},
    {"aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov", "us-isof-south-1"},
}};

struct Form {
  std::string_view prefix;
  size_t partition;  // index in kPartitions
};

// Longest prefixes first: "us-gov-" is not "us-".
constexpr std::array<Form, 16> kForms = {{
    {"us-gov-", 1},
    {"us-iso-", 4},
    {"us-isob-", 5},
    {"us-isof-", 7},
    {"eu-isoe-", 6},
    {"eusc-de-", 3},
    {"cn-", 2},
    {"us-", 0},
    {"eu-", 0},
    {"ap-", 0},
    {"sa-", 0},
    {"ca-", 0},
    {"me-", 0},
    {"af-", 0},
    {"il-", 0},
    {"mx-", 0},
}};

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// "<letters>-<digits>", as in "northeast-1".
bool is_place(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos || dash == 0 || dash + 1 == text.size()) return false;
  return std::all_of(text.begin(), text.begin() + dash, is_lower) &&
         std::all_of(text.begin() + dash + 1, text.end(), is_digit);
}

std::string_view host_prefix(AwsService service) {
  switch (service) {
    case AwsService::kBedrockRuntime:
      return "bedrock-runtime";
    case AwsService::kBedrockMantle:
      return "bedrock-mantle";
    case AwsService::kSts:
      return "sts";
  }
  return "";
}

}  // namespace

std::span<const Partition> partitions() { return kPartitions; }

Result<const Partition*> partition_of(std::string_view region) {
  for (const Form& form : kForms) {
    if (!region.starts_with(form.prefix)) continue;
    if (is_place(region.substr(form.prefix.size()))) return &kPartitions[form.partition];
  }
  return fail(Code::kInvalidArgument, "\"" + std::string(region.substr(0, 64)) +
                                          "\" is not an AWS region (they look like us-east-1)");
}

Result<std::string> aws_host(AwsService service, std::string_view region, HostOptions options) {
  TRY(const Partition* partition, partition_of(region));
  std::string out(host_prefix(service));
  if (service == AwsService::kBedrockMantle) {
    // Known in the commercial partition only, and there under the dual-stack name.
    if (partition->id != "aws" || options.fips) {
      return fail(Code::kFailedPrecondition,
                  "no public bedrock-mantle host is known for " + std::string(region) +
                      (options.fips ? " with FIPS" : "") + ": set the endpoint's base_url");
    }
    options.dual_stack = true;
  }
  if (options.fips) out += "-fips";
  out += '.';
  out += region;
  out += '.';
  out += options.dual_stack ? partition->dual_stack_suffix : partition->dns_suffix;
  return out;
}

std::string_view signing_name(AwsService service) {
  return service == AwsService::kBedrockRuntime ? "bedrock" : host_prefix(service);
}

}  // namespace drover::cloud
