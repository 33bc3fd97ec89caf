#include "cloud/profile.h"

#include <gtest/gtest.h>

namespace drover::cloud {
namespace {

std::string value(const Profiles& profiles, std::string_view profile, std::string_view key) {
  auto found = profiles.find(profile);
  if (found == profiles.end()) return "no profile";
  auto setting = found->second.find(key);
  return setting == found->second.end() ? "no setting" : std::string(setting->second.reveal());
}

Profiles parsed(std::string_view text, ProfileFile kind) {
  auto out = parse_profiles(text, kind);
  EXPECT_TRUE(out) << out.error().message;
  return out.value_or(Profiles());
}

TEST(Profile, CredentialsFile) {
  const Profiles p = parsed(
      "\xef\xbb\xbf# comment\r\n"
      "[default]\r\n"
      "aws_access_key_id = AKID1\r\n"
      "AWS_Secret_Access_Key=a/b+c#d;e= ; trailing\r\n"
      "\r\n"
      "[work]   # mine\n"
      "aws_access_key_id=AKID2\n"
      "aws_session_token =\n"
      "[profile odd]\n"
      "x = # nothing",
      ProfileFile::kCredentials);
  EXPECT_EQ(value(p, "default", "aws_access_key_id"), "AKID1");
  EXPECT_EQ(value(p, "default", "aws_secret_access_key"), "a/b+c#d;e=");
  EXPECT_EQ(value(p, "work", "aws_access_key_id"), "AKID2");
  EXPECT_EQ(value(p, "work", "aws_session_token"), "");
  EXPECT_EQ(value(p, "profile odd", "x"), "");
  EXPECT_EQ(p.size(), 3u);
}

TEST(Profile, ConfigFile) {
  const Profiles p = parsed(
      "[default]\nregion = us-east-1\n"
      "[profile work]\nregion = eusc-de-east-1\ns3 =\n  max_concurrent_requests = 20\n"
      "output = json\n"
      "[profile \"with space\"]\nregion = cn-north-1\n"
      "[sso-session corp]\nsso_region = us-west-2\n"
      "[work]\nregion = ignored\n",
      ProfileFile::kConfig);
  EXPECT_EQ(value(p, "default", "region"), "us-east-1");
  EXPECT_EQ(value(p, "work", "region"), "eusc-de-east-1");
  EXPECT_EQ(value(p, "work", "output"), "json");
  EXPECT_EQ(value(p, "work", "s3"), "");
  EXPECT_EQ(value(p, "work", "max_concurrent_requests"), "no setting");
  EXPECT_EQ(value(p, "with space", "region"), "cn-north-1");
  EXPECT_EQ(value(p, "corp", "sso_region"), "no profile");
}

TEST(Profile, ThePrefixedDefaultWinsInWhateverOrder) {
  for (const char* text : {"[profile default]\nregion = a\n[default]\nregion = b\noutput = c\n",
                           "[default]\nregion = b\noutput = c\n[profile default]\nregion = a\n"}) {
    const Profiles p = parsed(text, ProfileFile::kConfig);
    EXPECT_EQ(value(p, "default", "region"), "a");
    EXPECT_EQ(value(p, "default", "output"), "no setting");
  }
}

TEST(Profile, SectionsMergeAndLaterSettingsWin) {
  Profiles p = parsed("[a]\nx = 1\ny = 1\n[b]\n[a]\nx = 2\n", ProfileFile::kCredentials);
  EXPECT_EQ(value(p, "a", "x"), "2");
  EXPECT_EQ(value(p, "a", "y"), "1");
  merge_profiles(p, parsed("[a]\ny = 9\n[c]\nz = 1\n", ProfileFile::kCredentials));
  EXPECT_EQ(value(p, "a", "x"), "2");
  EXPECT_EQ(value(p, "a", "y"), "9");
  EXPECT_EQ(value(p, "c", "z"), "1");
}

TEST(Profile, FaultsNameTheLineAndNotTheText) {
  const std::pair<const char*, const char*> faults[] = {
      {"CANARY = 1\n", "line 1"},
      {"[a]\n\nCANARY\n", "line 3"},
      {"[CANARY\n", "line 1"},
      {"[a] CANARY\n", "line 1"},
      {"[]\n", "line 1"},
      {"[a]\n= CANARY\n", "line 2"},
      {"[a]\n  CANARY = 1\n", "line 2"},
  };
  for (const auto& [text, where] : faults) {
    auto out = parse_profiles(text, ProfileFile::kCredentials);
    ASSERT_FALSE(out) << text;
    EXPECT_NE(out.error().message.find(where), std::string::npos) << out.error().message;
    EXPECT_EQ(out.error().message.find("CANARY"), std::string::npos);
  }
  EXPECT_FALSE(parse_profiles(std::string((1u << 20) + 1, '#'), ProfileFile::kConfig));
  EXPECT_TRUE(parse_profiles("", ProfileFile::kConfig));
}

}  // namespace
}  // namespace drover::cloud
