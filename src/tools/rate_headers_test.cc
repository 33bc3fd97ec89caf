// What answers say of their sender's limits, in all the ways that are in use.

#include "tools/rate_headers.h"

#include <gtest/gtest.h>

#include "base/limits/tool_calls.h"

namespace drover::tools {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

const WallTime kNow = wall_from_unix_millis(1'790'000'000'000);

RateWord read(const Fields& fields) {
  http::Headers headers;
  for (const auto& [name, value] : fields) headers.add(name, value);
  return read_rate_word(headers, kNow);
}

/// "name limit/left/reset/window" of each, "-" for what is not said.
std::string word_text(const RateWord& word) {
  std::string out;
  auto seconds = [](const std::optional<Duration>& d) {
    return d ? std::to_string(d->count() / 1'000'000) + "ms" : std::string("-");
  };
  for (const RateQuota& q : word.quotas) {
    out += "[" + q.name + " " + (q.limit ? std::to_string(*q.limit) : "-") + "/" +
           std::to_string(q.left) + "/" + seconds(q.reset) + "/" + seconds(q.window) + "]";
  }
  if (word.retry_after) out += " after " + seconds(word.retry_after);
  return out;
}

TEST(RateHeaders, TheDraftOfToday) {
  EXPECT_EQ(word_text(read({{"RateLimit", R"("default";r=50;t=30)"}})), "[default -/50/30000ms/-]");
  EXPECT_EQ(word_text(read({{"RateLimit-Policy", R"("burst";q=100;w=60,"daily";q=1000;w=86400)"},
                            {"RateLimit", R"("burst";r=0;t=12.5, "daily"; r=900)"}})),
            "[burst 100/0/12500ms/60000ms][daily 1000/900/-/86400000ms]");
  // Several fields of one name are one list; tokens do as names; partitions tell limits apart.
  EXPECT_EQ(
      word_text(read({{"ratelimit", R"(a;r=1;t=1)"}, {"ratelimit", R"(b;r=2;t=2;pk=:dQ==:)"}})),
      "[a -/1/1000ms/-][b dQ== -/2/2000ms/-]");
}

TEST(RateHeaders, OtherUnitsThanRequestsAreLeftAside) {
  EXPECT_EQ(word_text(read(
                {{"RateLimit-Policy", R"("b";q=65535;qu="content-bytes","r";q=9;qu="requests")"},
                 {"RateLimit", R"("b";r=0;t=9,"r";r=3;t=9)"}})),
            "[r 9/3/9000ms/-]");
}

TEST(RateHeaders, TheDraftsBefore) {
  EXPECT_EQ(word_text(read({{"RateLimit", "limit=100, remaining=7, reset=5"},
                            {"RateLimit-Policy", "100;w=60"}})),
            "[ 100/7/5000ms/-]");
  EXPECT_EQ(word_text(read({{"RateLimit-Limit", "100, 100;w=60"},
                            {"RateLimit-Remaining", "7"},
                            {"RateLimit-Reset", "5"}})),
            "[ 100/7/5000ms/-]");
}

TEST(RateHeaders, TheHabitBeforeAnyDraft) {
  EXPECT_EQ(word_text(read({{"X-RateLimit-Limit", "60"},
                            {"X-RateLimit-Remaining", "0"},
                            {"X-RateLimit-Reset", "1790000030"}})),
            "[ 60/0/30000ms/-]");
  EXPECT_EQ(
      word_text(read({{"X-Rate-Limit-Remaining", "4"}, {"X-Rate-Limit-Reset", "1790000030000"}})),
      "[ -/4/30000ms/-]");
  // A Unix time counts from the answer's own clock, where it tells.
  EXPECT_EQ(word_text(read({{"Date", format_http_date(kNow + 20s)},
                            {"X-RateLimit-Remaining", "0"},
                            {"X-RateLimit-Reset", "1790000030"}})),
            "[ -/0/10000ms/-]");
  EXPECT_EQ(word_text(read({{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", "1000000001"}})),
            "[ -/0/0ms/-]")
      << "long past";
}

TEST(RateHeaders, RetryAfterAsSecondsAndAsADate) {
  EXPECT_EQ(word_text(read({{"Retry-After", "7"}})), " after 7000ms");
  EXPECT_EQ(word_text(read({{"Retry-After", "0.5"}})), " after 500ms");
  EXPECT_EQ(word_text(read(
                {{"Retry-After", format_http_date(kNow + 90s)}, {"Date", format_http_date(kNow)}})),
            " after 90000ms");
  EXPECT_EQ(word_text(read(
                {{"Retry-After", format_http_date(kNow - 90s)}, {"Date", format_http_date(kNow)}})),
            " after 0ms");
  EXPECT_EQ(word_text(read({{"Retry-After", format_http_date(kNow + 90s)}})), "") << "no Date";
  EXPECT_EQ(word_text(read({{"Retry-After", "soon"}, {"Date", format_http_date(kNow)}})), "");
}

TEST(RateHeaders, WhatCannotBeReadIsAsIfAbsent) {
  for (const char* bad :
       {"", ";", "\"a", "\"a\";r", "\"a\";r=-1", "\"a\";r=x;t=1", ",,,", "\"\\", "a;r=1x",
        "limit=1, remaining=x", "remaining", "a;r=99999999999999999999"}) {
    EXPECT_EQ(word_text(read({{"RateLimit", bad}})), "") << bad;
    EXPECT_EQ(word_text(read({{"X-RateLimit-Remaining", bad}})), "") << bad;
  }
  EXPECT_EQ(word_text(read({{"RateLimit", R"("a";r=1;t=2, !, "b";r=3)"}})), "[a -/1/2000ms/-]");
  std::string many;
  for (int i = 0; i < 20; ++i) many += (i ? ", q" : "q") + std::to_string(i) + ";r=1";
  EXPECT_EQ(read({{"RateLimit", many}}).quotas.size(), limits::kRateQuotasMax);
  EXPECT_TRUE(read({{"RateLimit", many + std::string(8'000, ' ')}}).quotas.empty());
}

}  // namespace
}  // namespace drover::tools
