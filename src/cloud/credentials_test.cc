#include "cloud/credentials.h"

#include <gtest/gtest.h>

#include <map>

#include "async/sim_loop.h"

namespace drover::cloud {
namespace {

/// A machine in memory: the fake beside the seam.
struct FakeMachine {
  std::map<std::string, std::string> environment;
  std::map<std::string, std::string> files;

  Surroundings surroundings() {
    Surroundings out;
    out.getenv = [this](const std::string& name) -> std::optional<std::string> {
      auto found = environment.find(name);
      if (found == environment.end()) return std::nullopt;
      return found->second;
    };
    out.read_file = [this](const std::string& path) -> Result<std::string> {
      auto found = files.find(path);
      if (found == files.end()) return fail(Code::kNotFound, "no file " + path);
      return found->second;
    };
    return out;
  }
};

struct CredentialsTest : testing::Test {
  async::SimLoop loop;
  Context ctx{loop};
  FakeMachine machine;

  template <typename T>
  Result<T> fetch(const std::unique_ptr<Source<T>>& source) {
    auto out = loop.run_task(source->fetch(ctx));
    if (!out) EXPECT_EQ(out.error().to_string().find("CANARY"), std::string::npos);
    return out;
  }
  Result<AwsCredentials> by_default(std::string profile = {}) {
    return fetch(default_aws_credentials(machine.surroundings(), std::move(profile)));
  }
};

TEST_F(CredentialsTest, FromTheEnvironment) {
  machine.environment = {{"AWS_ACCESS_KEY_ID", "AKIDENV"},
                         {"AWS_SECRET_ACCESS_KEY", "CANARY1"},
                         {"AWS_SESSION_TOKEN", "CANARY2"},
                         {"AWS_CREDENTIAL_EXPIRATION", "2026-11-23T10:00:00Z"}};
  auto got = by_default();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->access_key_id, "AKIDENV");
  EXPECT_EQ(got->secret_access_key.reveal(), "CANARY1");
  EXPECT_EQ(got->session_token.reveal(), "CANARY2");
  EXPECT_EQ(got->expires, *parse_rfc3339("2026-11-23T10:00:00Z"));
  EXPECT_EQ(got->source, "environment");
  machine.environment["AWS_CREDENTIAL_EXPIRATION"] = "CANARY soon";
  EXPECT_EQ(by_default().error().code, Code::kFailedPrecondition);
}

TEST_F(CredentialsTest, HalfAPairIsAFaultAndNotAnAbsence) {
  machine.files["/home/u/.aws/credentials"] =
      "[default]\naws_access_key_id=OTHER\naws_secret_access_key=CANARY\n";
  machine.environment = {{"HOME", "/home/u"}, {"AWS_SECRET_ACCESS_KEY", "CANARY"}};
  EXPECT_EQ(by_default().error().code, Code::kFailedPrecondition);
  machine.environment = {{"HOME", "/home/u"}, {"AWS_ACCESS_KEY_ID", "AKID"}};
  EXPECT_EQ(by_default().error().code, Code::kFailedPrecondition);
  // Set but empty is unset.
  machine.environment = {{"HOME", "/home/u"}, {"AWS_ACCESS_KEY_ID", ""}};
  EXPECT_EQ(by_default()->access_key_id, "OTHER");
}

TEST_F(CredentialsTest, FromProfiles) {
  machine.environment = {{"HOME", "/home/u"}};
  machine.files["/home/u/.aws/credentials"] =
      "[default]\naws_access_key_id = AKIDDEF\naws_secret_access_key = CANARY\n"
      "[work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = CANARY\n";
  machine.files["/home/u/.aws/config"] =
      "[profile work]\nregion = eusc-de-east-1\naws_access_key_id = AKIDCONFIG\n"
      "[profile only-config]\naws_access_key_id = AKIDC\naws_secret_access_key = CANARY\n"
      "aws_session_token = CANARY\n";
  EXPECT_EQ(by_default()->access_key_id, "AKIDDEF");
  EXPECT_EQ(by_default("work")->access_key_id, "AKIDWORK");
  EXPECT_EQ(by_default("only-config")->session_token.reveal(), "CANARY");
  machine.environment["AWS_PROFILE"] = "work";
  auto work = by_default();
  EXPECT_EQ(work->access_key_id, "AKIDWORK");
  EXPECT_EQ(work->source, "profile work");
  machine.environment["AWS_PROFILE"] = "absent";
  EXPECT_EQ(by_default().error().code, Code::kFailedPrecondition);
}

TEST_F(CredentialsTest, ANamedProfileIsNeverReplacedByTheEnvironment) {
  machine.environment = {
      {"HOME", "/h"}, {"AWS_ACCESS_KEY_ID", "AKIDENV"}, {"AWS_SECRET_ACCESS_KEY", "CANARY"}};
  EXPECT_EQ(by_default("work").error().code, Code::kFailedPrecondition);
  EXPECT_EQ(by_default()->access_key_id, "AKIDENV");
}

TEST_F(CredentialsTest, OverriddenPathsAndFaultyFiles) {
  machine.environment = {{"AWS_SHARED_CREDENTIALS_FILE", "/etc/creds"},
                         {"AWS_CONFIG_FILE", "/etc/config"}};
  machine.files["/etc/creds"] = "[default]\naws_access_key_id=A\naws_secret_access_key=CANARY\n";
  EXPECT_EQ(by_default()->access_key_id, "A");
  machine.files["/etc/config"] = "CANARY\n";
  auto bad = by_default();
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().to_string().find("/etc/config"), std::string::npos);
}

TEST_F(CredentialsTest, WhatIsNotSupportedSaysSo) {
  machine.environment = {{"HOME", "/h"}};
  machine.files["/h/.aws/config"] = "[default]\nrole_arn = arn:aws:iam::1:role/x\n";
  auto role = by_default();
  ASSERT_FALSE(role);
  EXPECT_EQ(role.error().code, Code::kUnimplemented);
  EXPECT_NE(role.error().message.find("role_arn"), std::string::npos);
  machine.files["/h/.aws/config"] = "[default]\naws_access_key_id = A\n";
  EXPECT_EQ(by_default().error().code, Code::kFailedPrecondition);
  machine.files["/h/.aws/config"] = "[default]\nregion = us-east-1\n";
  EXPECT_EQ(by_default().error().code, Code::kNotFound);
}

TEST_F(CredentialsTest, NothingAnywhereNamesWhereItLooked) {
  auto none = by_default();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kNotFound);
  EXPECT_NE(none.error().message.find("environment, profile default"), std::string::npos);
}

TEST_F(CredentialsTest, Tokens) {
  machine.environment["AWS_BEARER_TOKEN_BEDROCK"] = " CANARY \n";
  machine.files["/run/token"] = "CANARY2\n";
  machine.files["/run/empty"] = " \n";
  const Surroundings s = machine.surroundings();
  EXPECT_EQ(fetch(environment_token(s, "AWS_BEARER_TOKEN_BEDROCK"))->token.reveal(), "CANARY");
  EXPECT_EQ(fetch(environment_token(s, "NONE")).error().code, Code::kNotFound);
  auto file = file_token(s, "/run/token");
  EXPECT_EQ(fetch(file)->token.reveal(), "CANARY2");
  machine.files["/run/token"] = "CANARY3";  // rotated
  EXPECT_EQ(fetch(file)->token.reveal(), "CANARY3");
  EXPECT_EQ(fetch(file_token(s, "/run/empty")).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(fetch(file_token(s, "/run/none")).error().code, Code::kNotFound);

  BearerToken given;
  given.token = Secret("CANARY4");
  given.source = "drover.yaml";
  auto fixed = fixed_source(given);
  EXPECT_EQ(fixed->name(), "drover.yaml");
  EXPECT_EQ(fetch(fixed)->token.reveal(), "CANARY4");
}

TEST_F(CredentialsTest, SecretReferences) {
  machine.environment["KEY"] = "CANARY\n";
  machine.files["/run/key"] = "\tCANARY2 ";
  machine.files["/run/empty"] = "\n";
  const Surroundings s = machine.surroundings();
  EXPECT_EQ(read_secret(s, "env:KEY")->reveal(), "CANARY");
  EXPECT_EQ(read_secret(s, "file:/run/key")->reveal(), "CANARY2");
  EXPECT_FALSE(read_secret(s, "env:NONE"));
  EXPECT_FALSE(read_secret(s, "file:/run/none"));
  EXPECT_FALSE(read_secret(s, "file:/run/empty"));
  auto pasted = read_secret(s, "sk-CANARY");
  ASSERT_FALSE(pasted);
  EXPECT_EQ(pasted.error().to_string().find("CANARY"), std::string::npos);
}

TEST_F(CredentialsTest, Regions) {
  machine.environment = {{"HOME", "/h"}};
  const Surroundings s = machine.surroundings();
  EXPECT_EQ(*default_region(s), std::nullopt);
  machine.files["/h/.aws/config"] =
      "[default]\nregion = us-east-2\n[profile eu]\nregion = eusc-de-east-1\n";
  EXPECT_EQ(*default_region(s), "us-east-2");
  EXPECT_EQ(*default_region(s, "eu"), "eusc-de-east-1");
  machine.environment["AWS_DEFAULT_REGION"] = "eu-west-1";
  EXPECT_EQ(*default_region(s), "eu-west-1");
  machine.environment["AWS_REGION"] = "eu-west-2";
  EXPECT_EQ(*default_region(s), "eu-west-2");
  EXPECT_EQ(*default_region(s, "eu"), "eusc-de-east-1");
}

}  // namespace
}  // namespace drover::cloud
