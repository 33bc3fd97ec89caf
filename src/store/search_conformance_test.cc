// How every backend searches records: ranks, words, what a search may tell.

#include <gtest/gtest.h>

#include "store/conformance_test_fixture.h"

namespace drover::store {
namespace {

TEST_P(Conformance, SearchRanksByWords) {
  put("short", "the cat");
  put("long", "the cat sat on a mat in the house of a man with a hat and a bat");
  put("twice", "cat cat dog");
  put("none", "bird");
  put("accent", "Crème brûlée, ÉCLAIR");
  EXPECT_EQ(search("cat"), (Keys{"twice", "short", "long"}));
  EXPECT_EQ(search("dog cat").front(), "twice");
  EXPECT_EQ(search("creme"), Keys{"accent"});
  EXPECT_EQ(search("éclair"), Keys{"accent"});
  EXPECT_EQ(search("CAT", 1).size(), 1u);
  EXPECT_EQ(search("zebra"), Keys());
}

TEST_P(Conformance, OperatorsInAQueryAreWords) {
  put("a", "alpha NOT beta");
  put("b", "beta near gamma");
  for (const char* query : {"alpha AND zzz", "\"alpha", "alpha*", "text:alpha", "(alpha", "alpha)",
                            "scope: alpha", "{text}: alpha", "^alpha", "alpha -- ; DROP", "alpha'",
                            "alpha \" OR \"", "NEAR(alpha)", "alpha +zzz", "-alpha"}) {
    EXPECT_FALSE(search(query).empty()) << query;
    EXPECT_EQ(search(query).front(), "a") << query;
  }
  // The names that the index uses inside are no words of any record.
  EXPECT_EQ(search("n1"), Keys());
  EXPECT_EQ(search("not"), Keys{"a"});
}

TEST_P(Conformance, AQueryWithoutWordsListsTheNewest) {
  put("one", "x");
  put("two", "x");
  put("three", "x");
  put("one", "y");
  EXPECT_EQ(search(""), (Keys{"one", "three", "two"}));
  EXPECT_EQ(search(" -- ! ", 2), (Keys{"one", "three"}));
}

TEST_P(Conformance, SearchFollowsChangesAndRemovals) {
  put("k", "apple");
  put("k", "pear");
  EXPECT_EQ(search("apple"), Keys());
  EXPECT_EQ(search("pear"), Keys{"k"});
  EXPECT_TRUE(*run(records().remove(ctx_, TenantId("ten_a"), "agent", "k")));
  EXPECT_EQ(search("pear"), Keys());
  EXPECT_EQ(search(""), Keys());
}

TEST_P(Conformance, ScoresTellNothingOfOtherTenants) {
  put("k1", "zebra lion", "agent", "ten_a");
  put("k2", "lion", "agent", "ten_a");
  const auto score = [&] {
    auto found = run(records().search(ctx_, TenantId("ten_a"), "agent", "zebra", 10));
    EXPECT_TRUE(found && found->size() == 1);
    return found->front().score;
  };
  const double before = score();
  EXPECT_GT(before, 0);
  for (int i = 0; i < 20; ++i) put("z" + std::to_string(i), "zebra", "agent", "ten_b");
  EXPECT_EQ(score(), before);
}

}  // namespace
}  // namespace drover::store
