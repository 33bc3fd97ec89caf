#include "tools/batch_form.h"

#include <gtest/gtest.h>

namespace drover::tools {
namespace {

TEST(BatchForm, NamesWhatIsWrong) {
  for (const char* bad :
       {"[]", "{}", R"({"tool":"a"})", R"({"items":"a"})", R"({"tool":"a","items":""})",
        R"({"tool":"a","items":"b","max":1})", R"({"tool":"a","items":"b","max":5000})",
        R"({"tool":"a","items":"b","window_ms":-1})", R"({"tool":"a","items":"b","windw":1})"}) {
    auto form = batch_form_from_json(*Json::parse(bad));
    ASSERT_FALSE(form) << bad;
    EXPECT_EQ(form.error().code, Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace drover::tools
