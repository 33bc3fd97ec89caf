#include "memory/memory.h"

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "memory/memory_tools.h"
#include "store/memory/memory_store.h"

namespace drover::memory {
namespace {

struct World {
  async::SimLoop loop;
  Context ctx{loop};
  SeededRandom random{3};
  store::MemoryStore store{random};
  Memory memory{store.records()};
  MemoryTools tools{memory};

  static Scope scope(const char* tenant = "ten_a", const char* name_space = "customers") {
    Scope out;
    out.tenant = TenantId(tenant);
    out.name_space = name_space;
    out.source = SessionId("ses_1");
    return out;
  }
  ToolOutcome call(const char* name, const char* arguments, const char* tenant = "ten_a") {
    loop.run_for(1s);
    auto out = loop.run_task(tools.execute(ctx, scope(tenant), name, arguments));
    EXPECT_TRUE(out) << out.error().to_string();
    return out.value_or(ToolOutcome());
  }
};

TEST(MemoryTools, WriteThenReadSearchListDelete) {
  World w;
  auto written =
      w.call("memory_write", R"({"key":"c/1","text":"likes green tea","value":{"n":1.50}})");
  EXPECT_FALSE(written.is_error);
  EXPECT_EQ(written.event_kind, "memory.write");
  EXPECT_EQ(written.event_payload.dump(),
            R"({"operation":"put","namespace":"customers","key":"c/1","version":1})");
  w.call("memory_write", R"({"key":"c/2","text":"likes coffee"})");

  auto read = w.call("memory_read", R"({"key":"c/1"})");
  EXPECT_EQ(read.event_kind, "memory.read");
  Json record = *Json::parse(read.content);
  EXPECT_EQ(record.get_string("text"), "likes green tea");
  EXPECT_EQ(record.find("value")->dump(), R"({"n":1.50})");
  EXPECT_EQ(record.get_string("source"), "ses_1");
  EXPECT_EQ(record.get_int("version"), 1);

  auto found = w.call("memory_search", R"({"query":"green likes"})");
  Json records = *Json::parse(found.content);
  ASSERT_EQ(records.find("records")->array_items()->size(), 2u);
  EXPECT_EQ(records.find("records")->array_items()->front().get_string("key"), "c/1");
  EXPECT_EQ(found.event_payload.get_int("found"), 2);

  auto listed = w.call("memory_list", R"({"prefix":"c/","limit":1})");
  EXPECT_EQ(listed.content, R"({"keys":["c/1"],"more":true})");
  listed = w.call("memory_list", R"({"prefix":"c/","after":"c/1"})");
  EXPECT_EQ(listed.content, R"({"keys":["c/2"],"more":false})");
  EXPECT_EQ(w.call("memory_list", "").content, R"({"keys":["c/1","c/2"],"more":false})");

  auto gone = w.call("memory_delete", R"({"key":"c/1"})");
  EXPECT_EQ(gone.event_kind, "memory.write");
  EXPECT_FALSE(gone.is_error);
  EXPECT_TRUE(w.call("memory_read", R"({"key":"c/1"})").is_error);
  EXPECT_EQ(w.call("memory_delete", R"({"key":"c/1"})").content, "There was no such record.");
}

/// A step that may see only what is not bound to France.
Scope classed(const char* data_class) {
  Scope out = World::scope();
  out.data_class = data_class;
  out.may_see = [](Context, std::string of) -> Task<Result<void>> {
    if (of.find("fr") == of.npos) co_return Result<void>();
    co_return fail(
        Error(Code::kPermissionDenied, "residency: it is bound to fr").with_reason("no_place"));
  };
  return out;
}

TEST(Classes, WhatIsWrittenHasTheClassOfItsStepAndWhatIsReadBringsIt) {
  World w;
  auto call = [&](const Scope& scope, const char* name, const char* arguments) {
    w.loop.run_for(1s);
    return *w.loop.run_task(w.tools.execute(w.ctx, scope, name, arguments));
  };
  call(classed("residency=de"), "memory_write", R"({"key":"a","text":"green tea"})");
  call(classed("sensitivity=internal"), "memory_write", R"({"key":"b","text":"black tea"})");
  auto read = call(World::scope(), "memory_read", R"({"key":"a"})");
  EXPECT_EQ(read.data_class, "residency=de");
  EXPECT_EQ(Json::parse(read.content)->get_string("data_class"), "residency=de");
  auto found = call(World::scope(), "memory_search", R"({"query":"tea"})");
  EXPECT_EQ(found.data_class, "residency=de;sensitivity=internal") << "the strictest of all";
  EXPECT_EQ(call(World::scope(), "memory_list", "").data_class, found.data_class);
  // Another text, another class: what it said before is gone.
  call(World::scope(), "memory_write", R"({"key":"a","text":"water"})");
  EXPECT_EQ(call(World::scope(), "memory_read", R"({"key":"a"})").data_class, "");
}

TEST(Classes, WhatMayNotBeSeenIsNotFoundListedOrRead) {
  World w;
  for (int i = 0; i < 60; ++i) {
    Entry entry;
    entry.key = "k" + std::to_string(10 + i);
    entry.text = "tea tea tea " + std::to_string(i);
    if (i % 2 == 0) entry.data_class = "residency=fr";
    w.loop.run_for(1s);
    ASSERT_TRUE(w.loop.run_task(w.memory.write(w.ctx, World::scope(), entry)));
  }
  auto found = w.loop.run_task(w.memory.search(w.ctx, classed(""), "tea", 25));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size(), 25u) << "what is hidden takes no place";
  for (const store::Found& f : *found) EXPECT_EQ(f.record.data_class, "");
  auto listed = w.loop.run_task(w.memory.list(w.ctx, classed(""), "", "", 100));
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->size(), 30u);
  auto all = w.loop.run_task(w.memory.list(w.ctx, World::scope(), "", "", 100));
  EXPECT_EQ(all->size(), 60u) << "they are there";
  auto read =
      w.loop.run_task(w.tools.execute(w.ctx, classed(""), "memory_read", R"({"key":"k10"})"));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->is_error);
  EXPECT_EQ(read->content, "Error: residency: it is bound to fr");
  EXPECT_EQ(read->data_class, "") << "nothing was learnt";
}

TEST(MemoryTools, CompareAndSetTellsTheModel) {
  World w;
  w.call("memory_write", R"({"key":"k","text":"a","expected_version":0})");
  auto lost = w.call("memory_write", R"({"key":"k","text":"b","expected_version":0})");
  EXPECT_TRUE(lost.is_error);
  EXPECT_NE(lost.content.find("version 1"), std::string::npos) << lost.content;
  EXPECT_EQ(lost.event_payload.get_string("error"), "aborted");
  EXPECT_FALSE(w.call("memory_write", R"({"key":"k","text":"b","expected_version":1})").is_error);
}

TEST(MemoryTools, BadArgumentsAreOutcomesNotFailures) {
  World w;
  const struct {
    const char* tool;
    const char* arguments;
  } bad[] = {{"memory_write", "{"},
             {"memory_write", "[]"},
             {"memory_write", "{}"},
             {"memory_write", R"({"key":1,"text":"x"})"},
             {"memory_write", R"({"key":"","text":"x"})"},
             {"memory_write", R"({"key":"k"})"},
             {"memory_write", R"({"key":"k","text":"x","expected_version":-1})"},
             {"memory_write", R"({"key":"k","text":"x","expected_version":"1"})"},
             {"memory_read", ""},
             {"memory_read", R"({"key":null})"},
             {"memory_search", "{}"},
             {"memory_search", R"({"query":"x","limit":0})"},
             {"memory_list", R"({"limit":1.5})"},
             {"memory_delete", R"({"key":["a"]})"}};
  for (const auto& c : bad) {
    auto out = w.call(c.tool, c.arguments);
    EXPECT_TRUE(out.is_error) << c.tool << c.arguments;
    EXPECT_TRUE(out.content.starts_with("Error: ")) << out.content;
  }
  auto unknown = w.loop.run_task(w.tools.execute(w.ctx, w.scope(), "memory_burn", "{}"));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::kNotFound);
}

TEST(MemoryTools, AFailingStoreIsAFailure) {
  World w;
  w.store.disk().fail_next(Error(Code::kResourceExhausted, "disk full"));
  auto out = w.loop.run_task(
      w.tools.execute(w.ctx, w.scope(), "memory_write", R"({"key":"k","text":"x"})"));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Code::kResourceExhausted);
  EXPECT_TRUE(w.call("memory_read", R"({"key":"k"})").is_error);
}

TEST(MemoryTools, TenantsSeeNothingOfEachOther) {
  World w;
  w.call("memory_write", R"({"key":"k","text":"secret"})", "ten_a");
  EXPECT_TRUE(w.call("memory_read", R"({"key":"k"})", "ten_b").is_error);
  EXPECT_EQ(w.call("memory_search", R"({"query":""})", "ten_b").content, R"({"records":[]})");
  EXPECT_EQ(w.call("memory_list", "{}", "ten_b").content, R"({"keys":[],"more":false})");
}

TEST(MemoryTools, DefinitionsAreStableSchemas) {
  const auto& tools = tool_definitions();
  ASSERT_EQ(tools.size(), 5u);
  EXPECT_EQ(&tool_definitions(), &tools);
  for (const auto& tool : tools) {
    EXPECT_TRUE(is_memory_tool(tool.name));
    EXPECT_FALSE(tool.description.empty());
    EXPECT_EQ(tool.parameters.get_string("type"), "object");
    EXPECT_EQ(tool.parameters.get_bool("additionalProperties"), false);
    for (const Json& name : *tool.parameters.find("required")->array_items()) {
      EXPECT_NE(tool.parameters.at("properties", *name.string()), nullptr) << tool.name;
    }
  }
  EXPECT_FALSE(is_memory_tool("get_weather"));
}

TEST(Namespace, PlaceholdersAreFilled) {
  NamespaceParts parts;
  parts.user = "a:b{c}";
  parts.agent = "support";
  EXPECT_EQ(*namespace_for("customers", parts), "customers");
  EXPECT_EQ(*namespace_for("user:{user}", parts), "user:a%3Ab%7Bc%7D");
  EXPECT_EQ(*namespace_for("{agent}/{user}/x", parts), "support/a%3Ab%7Bc%7D/x");
  for (const char* bad : {"user:{session}", "{tenant}", "{user", "{}", ""}) {
    auto out = namespace_for(bad, parts);
    ASSERT_FALSE(out) << bad;
    EXPECT_EQ(out.error().code, Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace drover::memory
