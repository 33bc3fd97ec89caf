#include "app/attested_keys.h"

#include <fstream>

#include "app/files.h"
#include "sim/attester.h"

namespace drover::app {

Result<void> write_small_file(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) return fail(Code::kUnavailable, "cannot write " + path);
  return {};
}

Result<void> write_tls_keys(const std::string& folder, const crypto::SigningKey& ca_key,
                            const crypto::SigningKey& tls_key, WallTime now) {
  TRY_VOID(make_folder(folder));
  auto authority =
      sim::NitroIssuer::issue("drover sim", now - 1h, 365 * 24h, 1, ca_key, nullptr, ca_key);
  crypto::CertificateOptions options;
  options.common_name = "drover sim enclave";
  options.not_before = now - 1h;
  options.not_after = now + 365 * 24h;
  options.alternative_names = "IP:127.0.0.1,DNS:localhost";
  auto certificate = crypto::issue_certificate(options, tls_key.public_key(), &authority, ca_key);
  TRY_VOID(write_small_file(folder + "/ca.pem", authority.pem()));
  TRY_VOID(write_small_file(folder + "/tls.pem", certificate.pem()));
  return write_small_file(folder + "/tls.key", tls_key.pem());
}

}  // namespace drover::app
