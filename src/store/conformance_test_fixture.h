#pragma once
// The suite of what every backend must do (its list is in conformance_test.cc), and what its tests
// of journals and of records share. Each subject has a file of its own: *_conformance_test.cc.

#include <string>
#include <vector>

#include "store/backends_test_fixture.h"

namespace drover::store {

using Keys = std::vector<std::string>;

class Conformance : public BackendTest {
 protected:
  Result<void> append(int session, uint64_t expected_last, uint64_t count,
                      const std::string& tenant = "ten_a") {
    const SessionId id = test_session(session);
    auto events = test_events(id, expected_last + 1, expected_last + count);
    return run(journal().append(ctx_, test_row(id, tenant), expected_last, std::move(events)));
  }
  uint64_t put(const std::string& key, const std::string& text, const std::string& space = "agent",
               const std::string& tenant = "ten_a") {
    Record record;
    record.name_space = space;
    record.key = key;
    record.text = text;
    record.value = Json::object().set("about", Json(key));
    auto version = run(records().put(ctx_, TenantId(tenant), std::move(record), std::nullopt));
    EXPECT_TRUE(version) << version.error().to_string();
    loop_.run_for(1s);
    return version.value_or(0);
  }
  Keys search(const std::string& query, size_t limit = 10, const std::string& tenant = "ten_a",
              const std::string& space = "agent") {
    auto found = run(records().search(ctx_, TenantId(tenant), space, query, limit));
    EXPECT_TRUE(found) << found.error().to_string();
    Keys keys;
    for (const Found& f : found.value_or(std::vector<Found>())) keys.push_back(f.record.key);
    return keys;
  }
};

}  // namespace drover::store
