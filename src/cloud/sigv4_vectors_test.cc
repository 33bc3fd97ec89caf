// The published cases of AWS's signing test suite, for header and for query signing: canonical
// request, string to sign, signature and signed request, and the verifier's view of each.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/json.h"
#include "cloud/sigv4.h"
#include "cloud/sigv4_verify.h"

namespace drover::cloud::sigv4 {
namespace {

namespace fs = std::filesystem;
using VectorFields = std::vector<http::Headers::Field>;

fs::path vectors() {
  const char* given = std::getenv("DROVER_SHARED");
  const fs::path shared = given ? fs::path(given) : fs::path(DROVER_SOURCE_DIR "/../shared");
  return shared / "data" / "sigv4" / "v4";
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

/// A request as the suite writes it: not quite HTTP (raw spaces in targets, folded headers).
struct RawRequest {
  std::string method;
  std::string target;
  VectorFields headers;
  std::string body;

  static RawRequest parse(std::string_view text) {
    RawRequest out;
    const std::string_view line = take_line(text);
    const size_t space = line.find(' ');
    out.method = line.substr(0, space);
    out.target = line.substr(space + 1, line.rfind(' ') - space - 1);
    while (!text.empty()) {
      const std::string_view header = take_line(text);
      if (header.empty()) break;
      if (header.front() == ' ') {
        out.headers.back().second += '\n';
        out.headers.back().second += header;
        continue;
      }
      const size_t colon = header.find(':');
      out.headers.emplace_back(header.substr(0, colon), header.substr(colon + 1));
    }
    out.body = text;
    return out;
  }

  std::string text() const {
    std::string out = method + ' ' + target + " HTTP/1.1\n";
    for (const auto& [name, value] : headers) out += name + ':' + value + '\n';
    return out + '\n' + body;
  }

 private:
  static std::string_view take_line(std::string_view& text) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
  }
};

struct Case {
  fs::path dir;
  Json context;
  RawRequest raw;
  AwsCredentials credentials;
  WallTime now;
  Options options;
  Explanation explanation;

  explicit Case(const fs::path& path) : dir(path) {
    context = Json::parse(read_file(dir / "context.json")).value_or(Json());
    raw = RawRequest::parse(read_file(dir / "request.txt"));
    const Json* given = context.find("credentials");
    credentials.access_key_id = given->get_string("access_key_id").value_or("");
    credentials.secret_access_key = Secret(given->get_string("secret_access_key").value_or(""));
    credentials.session_token = Secret(given->get_string("token").value_or(""));
    now = *parse_rfc3339(*context.get_string("timestamp"));
    options.path.normalize = *context.get_bool("normalize");
    options.send_payload_hash = *context.get_bool("sign_body");
    options.leave_token_unsigned = context.get_bool("omit_session_token").value_or(false);
    options.explain = &explanation;
  }

  std::string file(const char* name) const { return read_file(dir / name); }
  Signer signer() const {
    return Signer(std::string(*context.get_string("region")),
                  std::string(*context.get_string("service")));
  }
  Verifier verifier() const {
    VerifyPolicy policy;
    policy.path = options.path;
    policy.region = *context.get_string("region");
    policy.services = {std::string(*context.get_string("service"))};
    return Verifier(policy, [this](std::string_view id) {
      return id == credentials.access_key_id ? &credentials : nullptr;
    });
  }
};

std::string hash_of(const RawRequest& raw) { return crypto::sha256_hex(raw.body); }

Request view_of(const RawRequest& raw, const std::string& hash) {
  Request out;
  out.method = raw.method;
  out.target = raw.target;
  out.headers = raw.headers;
  out.payload_hash = hash;
  return out;
}

class Vectors : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(vectors())) GTEST_SKIP() << "no SigV4 vectors at " << vectors();
  }
  template <typename Check>
  void for_each(Check check) {
    int cases = 0;
    for (const auto& entry : fs::directory_iterator(vectors())) {
      SCOPED_TRACE(entry.path().filename().string());
      Case one(entry.path());
      ASSERT_FALSE(one.credentials.access_key_id.empty());
      check(one);
      ++cases;
    }
    EXPECT_GE(cases, 31);
  }
};

TEST_F(Vectors, SignedInHeaders) {
  for_each([](Case& one) {
    const std::string hash = hash_of(one.raw);
    Signer signer = one.signer();
    auto added = signer.sign(view_of(one.raw, hash), one.credentials, one.now, one.options);
    ASSERT_TRUE(added) << added.error().message;
    EXPECT_EQ(one.explanation.canonical_request, one.file("header-canonical-request.txt"));
    EXPECT_EQ(one.explanation.string_to_sign, one.file("header-string-to-sign.txt"));
    EXPECT_EQ(one.explanation.signature, one.file("header-signature.txt"));
    RawRequest sent = one.raw;
    sent.headers.insert(sent.headers.end(), added->begin(), added->end());
    EXPECT_EQ(sent.text(), one.file("header-signed-request.txt"));
  });
}

TEST_F(Vectors, SignedInTheQuery) {
  for_each([](Case& one) {
    const std::string hash = hash_of(one.raw);
    Signer signer = one.signer();
    const auto lifetime = std::chrono::seconds(*one.context.get_int("expiration_in_seconds"));
    auto target =
        signer.presign(view_of(one.raw, hash), one.credentials, one.now, lifetime, one.options);
    ASSERT_TRUE(target) << target.error().message;
    EXPECT_EQ(one.explanation.canonical_request, one.file("query-canonical-request.txt"));
    EXPECT_EQ(one.explanation.string_to_sign, one.file("query-string-to-sign.txt"));
    EXPECT_EQ(one.explanation.signature, one.file("query-signature.txt"));
    RawRequest sent = one.raw;
    sent.target = *target;
    EXPECT_EQ(sent.text(), one.file("query-signed-request.txt"));
  });
}

TEST_F(Vectors, PublishedSignedRequestsVerify) {
  for_each([](Case& one) {
    for (const char* name : {"header-signed-request.txt", "query-signed-request.txt"}) {
      SCOPED_TRACE(name);
      const RawRequest sent = RawRequest::parse(one.file(name));
      const std::string hash = hash_of(sent);
      Verifier verifier = one.verifier();
      auto verified = verifier.verify(view_of(sent, hash), one.now);
      if (one.options.leave_token_unsigned) {
        // We insist on a signed token, as current services do.
        ASSERT_FALSE(verified);
        EXPECT_EQ(verified.error().reason, "InvalidSignatureException");
        continue;
      }
      ASSERT_TRUE(verified) << verified.error().to_string();
      EXPECT_EQ(verified->access_key_id, one.credentials.access_key_id);
    }
  });
}

}  // namespace
}  // namespace drover::cloud::sigv4
