// What every backend does with records: versions, times, ends, lists, limits.

#include <gtest/gtest.h>

#include "base/limits/memory.h"
#include "store/conformance_test_fixture.h"

namespace drover::store {
namespace {

TEST_P(Conformance, RecordsKeepVersionsTimesAndValues) {
  const TenantId tenant("ten_a");
  Record record;
  record.name_space = "user:7";
  record.key = "likes";
  record.text = "tea";
  record.value = *Json::parse(R"({"n":1.50})");
  record.source = test_session(3);
  const WallTime first = loop_.wall();
  EXPECT_EQ(*run(records().put(ctx_, tenant, record, std::nullopt)), 1u);
  loop_.run_for(5s);
  record.text = "coffee";
  EXPECT_EQ(*run(records().put(ctx_, tenant, record, std::nullopt)), 2u);
  auto got = run(records().get(ctx_, tenant, "user:7", "likes"));
  ASSERT_TRUE(got) << got.error().to_string();
  EXPECT_EQ(got->name_space, "user:7");
  EXPECT_EQ(got->key, "likes");
  EXPECT_EQ(got->text, "coffee");
  EXPECT_EQ(got->value, record.value);
  EXPECT_EQ(got->version, 2u);
  EXPECT_EQ(got->created, first);
  EXPECT_EQ(got->updated, first + 5s);
  EXPECT_EQ(got->source, test_session(3));
}

TEST_P(Conformance, RecordsKeepTheClassOfWhatTheySay) {
  auto put_classed = [&](const std::string& text, const std::string& data_class) {
    Record record;
    record.name_space = "agent";
    record.key = "k";
    record.text = text;
    record.data_class = data_class;
    ASSERT_TRUE(run(records().put(ctx_, TenantId("ten_a"), std::move(record), std::nullopt)));
  };
  auto got = [&] { return *run(records().get(ctx_, TenantId("ten_a"), "agent", "k")); };
  put_classed("ward note", "residency=de;sensitivity=confidential");
  EXPECT_EQ(got().data_class, "residency=de;sensitivity=confidential");
  put_classed("menu note", "");
  EXPECT_EQ(got().data_class, "") << "what it said before is gone";
  put_classed("ward note", "residency=fr");
  auto found = run(records().search(ctx_, TenantId("ten_a"), "agent", "note", 10));
  ASSERT_TRUE(found && found->size() == 1);
  EXPECT_EQ(found->front().record.data_class, "residency=fr");
  auto listed = run(records().list(ctx_, TenantId("ten_a"), "agent", "", "", 10));
  ASSERT_TRUE(listed && listed->size() == 1);
  EXPECT_EQ(listed->front().data_class, "residency=fr");
}

TEST_P(Conformance, CompareAndSet) {
  const TenantId tenant("ten_a");
  Record record;
  record.name_space = "agent";
  record.key = "counter";
  EXPECT_EQ(*run(records().put(ctx_, tenant, record, 0)), 1u);
  EXPECT_EQ(*run(records().put(ctx_, tenant, record, 1)), 2u);
  auto lost = run(records().put(ctx_, tenant, record, 1));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::kAborted);
  EXPECT_NE(lost.error().message.find("version 2"), std::string::npos) << lost.error().message;
  EXPECT_FALSE(run(records().put(ctx_, tenant, record, 0)));
  record.key = "absent";
  lost = run(records().put(ctx_, tenant, record, 4));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::kAborted);
  // A removed record begins again.
  EXPECT_TRUE(*run(records().remove(ctx_, tenant, "agent", "counter")));
  EXPECT_FALSE(*run(records().remove(ctx_, tenant, "agent", "counter")));
  record.key = "counter";
  EXPECT_EQ(*run(records().put(ctx_, tenant, record, 0)), 1u);
}

TEST_P(Conformance, ARecordWhoseEndHasComeIsNone) {
  const TenantId tenant("ten_a");
  auto write = [&](const std::string& key, std::optional<uint64_t> expected) {
    Record record;
    record.name_space = "agent";
    record.key = key;
    record.text = "ward note";
    record.expires = loop_.wall() + 10s;
    return run(records().put(ctx_, tenant, std::move(record), expected));
  };
  put("stays", "ward note of long ago");
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(write(key, 0));
  loop_.run_for(9s);
  EXPECT_TRUE(run(records().get(ctx_, tenant, "agent", "a")));
  EXPECT_EQ(search("ward").size(), 4u);
  EXPECT_EQ(*write("c", 1), 2u) << "it is still there, and stays for longer now";
  loop_.run_for(1s);  // nothing was swept
  auto got = run(records().get(ctx_, tenant, "agent", "a"));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kNotFound);
  auto listed = run(records().list(ctx_, tenant, "agent", "", "", 2));
  ASSERT_TRUE(listed && listed->size() == 2) << "what has expired takes no place";
  EXPECT_EQ(listed->front().key, "c");
  EXPECT_EQ(search("ward", 2).size(), 2u);
  EXPECT_EQ(search("", 2).size(), 2u);
  EXPECT_FALSE(write("a", 1)) << "compare-and-set of what is gone";
  EXPECT_FALSE(*run(records().remove(ctx_, tenant, "agent", "b")));
  EXPECT_EQ(*write("a", 0), 1u) << "it begins again";
  EXPECT_EQ(run(records().get(ctx_, tenant, "agent", "a"))->created, loop_.wall());
  EXPECT_EQ(search("ward").size(), 3u);
}

TEST_P(Conformance, RecordsFromAnotherStoreStayAsTheyAreAndANamespaceGoesAtOnce) {
  const TenantId tenant("ten_a");
  put("kept", "of another namespace", "other");
  put("a", "overwritten by what comes");
  std::vector<Record> coming(2);
  for (size_t i = 0; i < coming.size(); ++i) {
    coming[i].name_space = "agent";
    coming[i].key = i == 0 ? "a" : "b";
    coming[i].text = "juniper number " + std::to_string(i);
    coming[i].value = Json::object().set("i", static_cast<int64_t>(i));
    coming[i].version = 7;
    coming[i].created = loop_.wall() - 90s;
    coming[i].updated = loop_.wall() - 60s;
    coming[i].source = test_session(4);
    coming[i].data_class = "residency=de";
  }
  ASSERT_TRUE(run(records().take_over(ctx_, tenant, coming)));
  for (const Record& expected : coming) {
    auto got = run(records().get(ctx_, tenant, "agent", expected.key));
    ASSERT_TRUE(got) << got.error().to_string();
    EXPECT_EQ(got->text, expected.text);
    EXPECT_EQ(got->value, expected.value);
    EXPECT_EQ(got->version, 7u);
    EXPECT_EQ(got->created, expected.created);
    EXPECT_EQ(got->updated, expected.updated);
    EXPECT_EQ(got->source, expected.source);
    EXPECT_EQ(got->data_class, "residency=de");
  }
  EXPECT_EQ(search("juniper").size(), 2u);
  EXPECT_TRUE(search("overwritten").empty());
  // Whoever knew the version goes on from there.
  EXPECT_EQ(*run(records().put(ctx_, tenant, coming[1], 7)), 8u);
  auto cleared = run(records().clear(ctx_, tenant, "agent"));
  ASSERT_TRUE(cleared) << cleared.error().to_string();
  EXPECT_EQ(*cleared, 2u);
  EXPECT_TRUE(search("juniper").empty());
  EXPECT_TRUE(run(records().list(ctx_, tenant, "agent", "", "", 10))->empty());
  EXPECT_TRUE(run(records().get(ctx_, tenant, "other", "kept")));
  EXPECT_EQ(*run(records().clear(ctx_, tenant, "agent")), 0u);
  EXPECT_EQ(*run(records().clear(ctx_, tenant, "never seen")), 0u);
  put("a", "juniper again");
  EXPECT_EQ(search("juniper"), std::vector<std::string>({"a"}));
}

TEST_P(Conformance, ListsByPrefixInKeyOrder) {
  for (const char* key : {"b/2", "a", "b/1", "b", "b/3", "c", "b0"}) put(key, "x");
  const auto keys = [&](const std::string& prefix, const std::string& after, size_t limit) {
    auto rows = run(records().list(ctx_, TenantId("ten_a"), "agent", prefix, after, limit));
    EXPECT_TRUE(rows);
    Keys out;
    for (const Record& r : *rows) out.push_back(r.key);
    return out;
  };
  EXPECT_EQ(keys("", "", 100), (Keys{"a", "b", "b/1", "b/2", "b/3", "b0", "c"}));
  EXPECT_EQ(keys("b/", "", 100), (Keys{"b/1", "b/2", "b/3"}));
  EXPECT_EQ(keys("b/", "b/1", 1), (Keys{"b/2"}));
  EXPECT_EQ(keys("b/", "b/3", 9), Keys());
  EXPECT_EQ(keys("zz", "", 9), Keys());
}

TEST_P(Conformance, TenantsAndNamespacesAreApart) {
  put("k", "secret plan", "agent", "ten_a");
  put("k", "public plan", "agent", "ten_b");
  put("k", "private plan", "user:1", "ten_a");
  const TenantId a("ten_a");
  const TenantId b("ten_b");
  EXPECT_EQ(run(records().get(ctx_, b, "agent", "k"))->text, "public plan");
  EXPECT_EQ(run(records().get(ctx_, b, "user:1", "k")).error().code, Code::kNotFound);
  EXPECT_EQ(search("secret", 10, "ten_b"), Keys());
  EXPECT_EQ(search("private"), Keys());
  EXPECT_EQ(search("plan", 10, "ten_b"), Keys{"k"});
  EXPECT_EQ(search("plan", 10, "ten_c"), Keys());
  EXPECT_EQ(run(records().list(ctx_, b, "agent", "", "", 10))->size(), 1u);
  EXPECT_FALSE(*run(records().remove(ctx_, b, "user:1", "k")));
  EXPECT_TRUE(*run(records().remove(ctx_, b, "agent", "k")));
  EXPECT_EQ(run(records().get(ctx_, a, "agent", "k"))->text, "secret plan");
}

TEST_P(Conformance, RecordsHaveLimits) {
  const TenantId tenant("ten_a");
  const auto refused = [&](Record record) {
    auto put = run(records().put(ctx_, tenant, std::move(record), std::nullopt));
    EXPECT_FALSE(put);
    return put ? Code::kInternal : put.error().code;
  };
  Record ok;
  ok.name_space = "agent";
  ok.key = std::string(limits::kMemoryKeyBytesMax, 'k');
  ok.text = std::string(limits::kMemoryValueBytesMax, 't');
  auto put = run(records().put(ctx_, tenant, ok, std::nullopt));
  EXPECT_TRUE(put) << put.error().to_string();
  Record bad = ok;
  bad.key += "k";
  EXPECT_EQ(refused(bad), Code::kInvalidArgument);
  bad = ok;
  bad.text += "t";
  EXPECT_EQ(refused(bad), Code::kInvalidArgument);
  bad = ok;
  bad.value = Json(std::string(limits::kMemoryValueBytesMax, 'v'));
  EXPECT_EQ(refused(bad), Code::kInvalidArgument);
  bad = ok;
  bad.text = "\xff";
  EXPECT_EQ(refused(bad), Code::kInvalidArgument);
  bad = ok;
  bad.key = "";
  EXPECT_EQ(refused(bad), Code::kInvalidArgument);
  bad = ok;
  bad.name_space = "";
  EXPECT_EQ(refused(bad), Code::kInvalidArgument);
}

}  // namespace
}  // namespace drover::store
