#pragma once
// AWS partitions: separate clouds under one API, with their own regions, credentials, DNS names and
// law. A region belongs to exactly one; credentials and data never cross.
//
// A region whose form no partition knows is refused: the official SDKs take it for one of the
// commercial partition, which would send a sovereign workload's data to the wrong place over a
// typo.
//
// Pure; any thread. Source: partitions.json of the AWS SDKs (regionRegex, dnsSuffix,
// dualStackDnsSuffix), as shipped in 2026.

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::cloud {

struct Partition {
  std::string_view id;                 // "aws", "aws-us-gov", "aws-cn", "aws-eusc", "aws-iso", …
  std::string_view dns_suffix;         // "amazonaws.com"
  std::string_view dual_stack_suffix;  // "api.aws"
  std::string_view default_region;     // where the partition's global services are signed for
};

enum class AwsService { kBedrockRuntime, kBedrockMantle, kSts };

/// All partitions, the commercial one first.
std::span<const Partition> partitions();

/// The partition of a region; invalid_argument for what is no region of any.
Result<const Partition*> partition_of(std::string_view region);

struct HostOptions {
  bool fips = false;
  bool dual_stack = false;
};

/// The public host name of a service in a region. Refuses (failed_precondition) combinations that
/// are not known to exist; an endpoint's base_url serves for those.
Result<std::string> aws_host(AwsService service, std::string_view region, HostOptions options = {});

/// The service name in a credential scope: "bedrock", "bedrock-mantle", "sts".
std::string_view signing_name(AwsService service);

}  // namespace drover::cloud
