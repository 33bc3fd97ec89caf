#include "http/multipart.h"

#include <gtest/gtest.h>

namespace drover::http {
namespace {

TEST(Multipart, ReadsWhatItWrites) {
  std::vector<FormPart> parts(2);
  parts[0].name = "purpose";
  parts[0].body = "batch";
  parts[1].name = "file";
  parts[1].filename = "in.jsonl";
  parts[1].body = "{\"a\":1}\n\r\n--not the boundary\r\n{\"b\":2}\n";
  EncodedForm form = encode_form(parts, "x0y1z2");
  auto read = parse_form(form.content_type, form.body);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, parts);
}

TEST(Multipart, ReadsWhatClientsSend) {
  // httpx quotes nothing more, undici quotes the boundary, and some have a preamble of headers.
  auto read = parse_form("multipart/form-data; charset=utf-8; boundary=\"a b\"",
                         "--a b\r\ncontent-type: text/plain\r\ncontent-disposition: form-data; "
                         "filename=\"q\\\"uoted;x\"; name=file\r\n\r\n\r\n--a b--");
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 1u);
  EXPECT_EQ(read->at(0).name, "file");
  EXPECT_EQ(read->at(0).filename, "q\"uoted;x");
  EXPECT_EQ(read->at(0).body, "");
}

TEST(Multipart, RefusesWhatIsNone) {
  const std::string type = "multipart/form-data; boundary=b";
  EXPECT_FALSE(parse_form("application/json", "--b--"));
  EXPECT_FALSE(parse_form(type, ""));
  EXPECT_FALSE(parse_form(type, "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nno end"));
  EXPECT_FALSE(parse_form(type, "--b\r\nno headers\r\n--b--"));
  EXPECT_FALSE(parse_form(type, "--b\r\nContent-Type: text/plain\r\n\r\nno name\r\n--b--"));
  EXPECT_FALSE(parse_form(type, "--bx"));
  std::string many;
  for (size_t i = 0; i <= kFormPartsMax; ++i) {
    many += "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n";
  }
  EXPECT_FALSE(parse_form(type, many + "--b--"));
}

}  // namespace
}  // namespace drover::http
