// What the database's writer promises about the disk.

#include "store/sqlite/writer.h"

#include <gtest/gtest.h>

#include "store/span_batch.h"
#include "store/sqlite/sqlite_store.h"
#include "store/store_test_util.h"

namespace drover::store {
namespace {

struct WriterWorld {
  TempFolder folder;
  async::SimLoop loop;
  async::Context ctx{loop};
  SystemClock clock;
  SeededRandom random{1};
  std::unique_ptr<SqliteStore> store = open();

  std::unique_ptr<SqliteStore> open() {
    SqliteOptions options;
    options.folder = folder.path();
    auto opened = open_sqlite(options, clock, random);
    EXPECT_TRUE(opened) << opened.error().to_string();
    return std::move(*opened);
  }
  void write_span() {
    auto batch = std::make_shared<SpanBatch>();
    SpanRow span;
    span.session = test_session(1).str();
    span.name = "chat gpt";
    span.start = loop.wall();
    batch->add(span);
    EXPECT_TRUE(drive(loop, store->spans().write(ctx, std::move(batch))));
  }
  void write_document() {
    EXPECT_TRUE(drive(loop, store->documents().put(ctx, "x", "name", Json("text"))));
  }
};

TEST(Writer, SpansWaitForNoSync) {
  WriterWorld w;
  const SqliteStats before = w.store->stats();
  w.write_span();
  w.write_span();
  EXPECT_EQ(w.store->stats().commits, before.commits + 2);
  EXPECT_EQ(w.store->stats().syncs, before.syncs);
}

TEST(Writer, WhatComesAfterSpansIsSyncedAgain) {
  WriterWorld w;
  w.write_span();
  const SqliteStats before = w.store->stats();
  w.write_document();
  w.write_document();
  EXPECT_EQ(w.store->stats().commits, before.commits + 2);
  EXPECT_EQ(w.store->stats().syncs, before.syncs + 2);
}

TEST(Writer, SpansOfTheLastProcessAreThere) {
  WriterWorld w;
  w.write_span();
  w.store.reset();
  w.store = w.open();
  auto spans = drive(w.loop, w.store->spans().by_session(w.ctx, test_session(1)));
  ASSERT_TRUE(spans) << spans.error().to_string();
  ASSERT_EQ(spans->size(), 1u);
  EXPECT_EQ(spans->front().name, "chat gpt");
}

}  // namespace
}  // namespace drover::store
