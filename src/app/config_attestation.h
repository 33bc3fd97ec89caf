#pragma once
// The `attestation` of an endpoint in drover.yaml: whether, and by what evidence, it must prove
// what it runs before anything is sent to it. Read into an AttestedEndpoint; every fault is told
// with the path of what is wrong.
//
//   endpoints:
//     - id: enclave/llama
//       base_url: https://enclave.example:8443/v1
//       …
//       attestation:
//         kind: aws-nitro                            # or nvidia-cc
//         url: https://enclave.example:8443/attestation
//         max_age: 10m
//         pcrs: {0: [4f5d…, 9a31…], 8: 77b0…}        # aws-nitro: the values allowed
//         roots: [aws-eusc.pem]                      # instead of AWS's: file or SHA-256
//         issuer_keys: jwks.json                     # nvidia-cc: a JSON Web Key Set
//         issuer: https://nras.attestation.nvidia.com
//         hardware: [GH100]                          # nvidia-cc: how hwmodel may begin
//         drivers: [550.90.07]

#include <functional>
#include <optional>
#include <string>

#include "app/attestation.h"
#include "app/config.h"

namespace drover::app {

struct AttestationReader {
  /// Tells a fault: its path in the file, what is wrong, what to write instead.
  std::function<void(const std::string& at, std::string message, std::string remedy)> fault;
  /// A path in drover.yaml as the file system has it.
  std::function<std::string(const std::string& path)> path;
  ReadFile read_file;

  /// The section `at` of an endpoint whose other members are set; nullopt after a fault.
  std::optional<AttestedEndpoint> read(const Json& section, const std::string& at,
                                       const catalog::Endpoint& endpoint) const;

 private:
  void names(const Json& section, const std::string& at) const;
  void pcrs(const Json& section, const std::string& at, attest::Trust& trust) const;
  void nvidia(const Json& section, const std::string& at, attest::Trust& trust) const;
};

}  // namespace drover::app
