// drover sim enclave: a simulated attested endpoint on TLS, under a root of its own, until a signal
// ends it; and lies for those who want to see them refused.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "app/attested_keys.h"
#include "app/commands.h"
#include "async/scope.h"
#include "async/worker_pool.h"
#include "base/bytes.h"
#include "net/asio_loop.h"
#include "sim/attested_site.h"
#include "sim/clouds.h"

namespace drover::app {
namespace {

const std::string kEnclaveModel = "enclave-model";

/// What runs in the simulated enclave: the same image, the same registers.
std::map<int, std::string> registers(bool debug) {
  std::map<int, std::string> out;
  for (int i = 0; i <= 2; ++i) {
    out[i] = std::string(48, debug ? '\0' : static_cast<char>(0xa0 + i));
  }
  return out;
}

/// Everything there is of one simulated enclave.
struct Enclave {
  Enclave(async::Loop& loop, net::Network& network, bool nvidia)
      : nitro(random, loop.wall() - 1h),
        nvidia_issuer(random),
        ca_key(sim::NitroIssuer::make_key(random)),
        tls_key(sim::NitroIssuer::make_key(random)),
        is_nvidia(nvidia) {
    sim::SimCloudsOptions clouds;
    clouds.extra_models = {kEnclaveModel};
    cloud = std::make_unique<sim::SimCloud>(loop, network,
                                            sim::preset(sim::CloudKind::kCoreWeave, clouds));
  }

  SystemRandom random;
  sim::NitroIssuer nitro;
  sim::NvidiaIssuer nvidia_issuer;
  crypto::SigningKey ca_key;
  crypto::SigningKey tls_key;
  bool is_nvidia;
  std::unique_ptr<sim::SimCloud> cloud;
  std::unique_ptr<sim::AttestedSite> site;
};

/// The files of its TLS key, its roots and its bearer token.
Result<void> write_keys(const Enclave& e, const std::string& folder, WallTime now) {
  TRY_VOID(write_tls_keys(folder, e.ca_key, e.tls_key, now));
  TRY_VOID(write_small_file(folder + "/root.pem", e.nitro.root().pem()));
  TRY_VOID(
      write_small_file(folder + "/jwks.json", e.nvidia_issuer.keys().to_json().pretty() + "\n"));
  return write_small_file(folder + "/token", e.cloud->options().credentials.bearer_tokens.front());
}

/// A drover.yaml for it. The token's path is a whole one: a server may be started from anywhere.
std::string configuration(const Enclave& e, const std::string& folder) {
  std::string out = "endpoints:\n  - id: enclave/model\n    provider: vllm\n";
  out += "    model: " + kEnclaveModel + "\n";
  out += "    base_url: " + e.site->url() + "/v1\n    ca_file: ca.pem\n";
  out += "    credentials: file:" + std::filesystem::absolute(folder + "/token").string() + "\n";
  out += "    attestation:\n      url: " + e.site->attestation_url() + "\n";
  if (e.is_nvidia) {
    return out + "      kind: nvidia-cc\n      issuer_keys: jwks.json\n      issuer: " +
           e.nvidia_issuer.issuer() + "\n      hardware: [GH100]\n";
  }
  return out + "      kind: aws-nitro\n      roots: [root.pem]\n      pcrs: {0: [" +
         to_hex(registers(false).at(0)) + "]}\n";
}

Result<void> tell_lie(const std::string& lie, sim::AttestedSite& site) {
  if (lie == "software") {
    auto pcrs = registers(false);
    pcrs[0] = std::string(48, '\x66');
    site.set_pcrs(std::move(pcrs));
  } else if (lie == "debug") {
    site.set_pcrs(registers(true));
  } else if (lie == "replay") {
    site.set_replay(true);
  } else if (lie == "relay") {
    site.set_key(crypto::sha256("the key of the enclave behind"));
  } else if (!lie.empty()) {
    return fail(Code::kInvalidArgument,
                "no such lie: " + lie + "; there are software, debug, replay, relay");
  }
  return {};
}

Result<void> start(Enclave& e, async::Loop& loop, net::Network& network, const Arguments& a) {
  const std::string folder = a.get("out");
  TRY_VOID(write_keys(e, folder, loop.wall()));
  sim::AttestedSiteOptions options;
  options.local.ip = "127.0.0.1";
  options.local.port = static_cast<uint16_t>(std::atoi(a.get("port").c_str()));
  options.tls.enabled = true;
  options.tls.cert_file = folder + "/tls.pem";
  options.tls.key_file = folder + "/tls.key";
  options.tls.alpn = {"http/1.1"};
  options.key = e.tls_key.public_key().fingerprint();
  options.pcrs = registers(false);
  options.nitro = e.is_nvidia ? nullptr : &e.nitro;
  options.nvidia = &e.nvidia_issuer;
  e.site = std::make_unique<sim::AttestedSite>(loop, network, options, e.cloud->handler(0));
  TRY_VOID(e.site->start());
  TRY_VOID(tell_lie(a.get("lie"), *e.site));
  TRY_VOID(write_small_file(folder + "/drover.yaml", configuration(e, folder)));
  std::printf("an attested endpoint at %s\n", e.site->url().c_str());
  std::printf("  try: cd %s && drover serve --config drover.yaml\n", folder.c_str());
  std::fflush(stdout);
  return {};
}

async::Task<void> enclave_stop_then(Enclave* enclave, net::AsioLoop* loop) {
  async::Context ctx(*loop);
  co_await enclave->site->stop(ctx);
  loop->stop();
}

int run_enclave(const Arguments& a) {
  const std::string kind = a.get("kind");
  if (kind != "aws-nitro" && kind != "nvidia-cc") {
    std::fprintf(stderr, "drover sim enclave: --kind is aws-nitro or nvidia-cc\n");
    return kExitUsage;
  }
  async::WorkerPool pool("blocking", 1);
  net::AsioLoop loop;
  std::unique_ptr<net::Network> network = net::make_asio_network(loop, pool);
  Enclave enclave(loop, *network, kind == "nvidia-cc");
  if (auto started = start(enclave, loop, *network, a); !started) {
    std::fprintf(stderr, "drover sim enclave: %s\n", started.error().to_string().c_str());
    return started.error().code == Code::kInvalidArgument ? kExitUsage : kExitFailed;
  }
  bool stopping = false;
  loop.on_signal({SIGTERM, SIGINT}, [&](int) {
    if (std::exchange(stopping, true)) return;
    async::detail::start_detached(enclave_stop_then(&enclave, &loop));
  });
  loop.run();
  return kExitOk;
}

}  // namespace

Command sim_enclave_command() {
  Command c;
  c.name = "sim enclave";
  c.summary = "A simulated attested endpoint, or one that lies about what it runs";
  c.details =
      "Writes its roots, keys and a drover.yaml into the folder, prints where it is, and serves\n"
      "until Ctrl-C: evidence at /attestation?nonce=HEX, a model behind the same key.\n"
      "Lies: software (it runs something else), debug, replay (an old document), relay (the\n"
      "document of another machine).\n"
      "Example: drover sim enclave --out enclave & (cd enclave && drover serve)";
  c.flags = {{"--out", "DIR", "where its files go", "enclave"},
             {"--kind", "KIND", "aws-nitro or nvidia-cc", "aws-nitro"},
             {"--lie", "LIE", "software, debug, replay or relay", ""},
             {"--port", "PORT", "0 takes a free one", "0"}};
  c.run = run_enclave;
  return c;
}

}  // namespace drover::app
