#include "http/event_stream.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/json.h"
#include "base/limits/http.h"
#include "base/random.h"

namespace drover::http {
namespace {

namespace fs = std::filesystem;

fs::path vectors() {
  const char* given = std::getenv("DROVER_SHARED");
  const fs::path shared = given ? fs::path(given) : fs::path(DROVER_SOURCE_DIR "/../shared");
  return shared / "data" / "eventstream";
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

/// How many bytes at `at` begin a UTF-8 character, whole or cut, and how many a whole one has.
std::pair<size_t, size_t> utf8_prefix(std::string_view bytes, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t lead = byte(at);
  if (lead < 0x80) return {1, 1};
  if (lead < 0xc2 || lead > 0xf4) return {1, 0};
  const size_t need = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  size_t have = 1;
  for (; have < need && at + have < bytes.size(); ++have) {
    const uint8_t low = have > 1 ? 0x80 : lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = have > 1 ? 0xbf : lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (byte(at + have) < low || byte(at + have) > high) break;
  }
  return {have, need};
}

/// Some copies of the vectors went through a text tool on their way: what is not UTF-8 became
/// U+FFFD, one for each cut character, and CR became LF. This does the same to a frame, so that
/// such a copy can be compared byte for byte all the same.
std::string as_text(std::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size();) {
    const auto [have, need] = utf8_prefix(bytes, i);
    if (bytes[i] == '\r') {
      out += '\n';
    } else {
      out += have == need ? bytes.substr(i, have) : std::string_view("\xef\xbf\xbd");
    }
    i += have;
  }
  return out;
}

bool same_as_vector(const std::string& file, const std::string& frame) {
  return file == frame || file == as_text(frame);
}

/// The message that a decoded/positive file describes; `texts` owns what its views point to.
struct Described {
  std::vector<std::string> texts;
  std::vector<EventHeader> headers;
  std::string payload;
};

void describe(const Json& json, Described& out) {
  const Json::Array& list = *json.find("headers")->array_items();
  out.texts.reserve(2 * list.size());
  for (const Json& item : list) {
    EventHeader header;
    out.texts.push_back(*item.find("name")->string());
    header.name = out.texts.back();
    header.type = static_cast<EventHeaderType>(*item.find("type")->integer());
    const Json& value = *item.find("value");
    if (value.is_string()) {
      out.texts.push_back(*from_base64(*value.string()));
      header.bytes = out.texts.back();
    } else if (auto number = value.integer()) {
      header.number = *number;
    }
    out.headers.push_back(header);
  }
  out.payload = *from_base64(*json.find("payload")->string());
}

std::string frame_of(const Described& message) {
  std::string out;
  EXPECT_TRUE(append_event_message(out, message.headers, message.payload));
  return out;
}

std::string sample() {
  std::string out;
  const std::string uuid = "0123456789abcdef";
  const std::vector<EventHeader> headers = {
      EventHeader::text(":event-type", "contentBlockDelta"),
      EventHeader::text(":content-type", "application/json"),
      EventHeader::boolean("t", true),
      EventHeader::boolean("f", false),
      {"b", EventHeaderType::kByte, -128, {}},
      {"s", EventHeaderType::kInt16, -2, {}},
      {"i", EventHeaderType::kInt32, 2'147'483'647, {}},
      {"l", EventHeaderType::kInt64, INT64_MIN, {}},
      {"raw", EventHeaderType::kBytes, 0, std::string_view("\0\xff", 2)},
      {"when", EventHeaderType::kTimestamp, 1'790'000'000'000, {}},
      {"u", EventHeaderType::kUuid, 0, uuid},
  };
  EXPECT_TRUE(append_event_message(out, headers, R"({"delta":{"text":"hé"}})"));
  return out;
}

Result<void> decode_all(std::string_view bytes, size_t* count = nullptr) {
  EventStreamDecoder decoder;
  decoder.feed(bytes);
  while (true) {
    TRY(const EventMessage* message, decoder.next());
    if (!message) return decoder.finish();
    if (count) ++*count;
  }
}

TEST(EventStream, PublishedVectorsDecodeAndEncode) {
  const fs::path dir = vectors();
  if (!fs::exists(dir)) GTEST_SKIP() << "no event-stream vectors at " << dir;
  int cases = 0;
  for (const auto& entry : fs::directory_iterator(dir / "decoded" / "positive")) {
    const std::string name = entry.path().filename();
    auto json = Json::parse(read_file(entry.path()));
    ASSERT_TRUE(json) << name;
    Described expected;
    describe(*json, expected);
    const std::string frame = frame_of(expected);

    EXPECT_EQ(static_cast<int64_t>(frame.size()), *json->find("total_length")->integer()) << name;
    const auto crc_in = [&](const char* field) {  // written as signed 32 bit in the vectors
      return static_cast<uint32_t>(*json->find(field)->integer());
    };
    EXPECT_EQ(crc32(std::string_view(frame).substr(0, 8)), crc_in("prelude_crc")) << name;
    EXPECT_EQ(crc32(std::string_view(frame).substr(0, frame.size() - 4)), crc_in("message_crc"))
        << name;
    const std::string file = read_file(dir / "encoded" / "positive" / name);
    EXPECT_TRUE(same_as_vector(file, frame)) << name;

    EventStreamDecoder decoder;
    decoder.feed(frame);
    auto message = decoder.next();
    ASSERT_TRUE(message && *message) << name;
    EXPECT_EQ((*message)->headers, expected.headers) << name;
    EXPECT_EQ((*message)->payload, expected.payload) << name;
    EXPECT_TRUE(decoder.finish()) << name;
    ++cases;
  }
  EXPECT_GE(cases, 5);
}

TEST(EventStream, PublishedDamagedVectorsAreRefusedAsDescribed) {
  const fs::path dir = vectors();
  if (!fs::exists(dir)) GTEST_SKIP() << "no event-stream vectors at " << dir;
  const auto good = [&](const char* name) {
    Described message;
    describe(*Json::parse(read_file(dir / "decoded" / "positive" / name)), message);
    return frame_of(message);
  };
  struct Damage {
    const char* name;
    const char* from;
    size_t at;
    char byte;
  };
  // Where each damaged file differs from its whole one.
  for (const Damage& damage : {Damage{"corrupted_header_len", "payload_one_str_header", 7, 0x21},
                               Damage{"corrupted_headers", "payload_one_str_header", 45, 'a'},
                               Damage{"corrupted_length", "payload_one_str_header", 3, 0x3e},
                               Damage{"corrupted_payload", "payload_no_headers", 12, '['}}) {
    std::string frame = good(damage.from);
    frame[damage.at] = damage.byte;
    const std::string file = read_file(dir / "encoded" / "negative" / damage.name);
    ASSERT_TRUE(same_as_vector(file, frame)) << damage.name;
    auto decoded = decode_all(frame);
    ASSERT_FALSE(decoded) << damage.name;
    const std::string expected = to_lower(read_file(dir / "decoded" / "negative" / damage.name));
    EXPECT_NE(decoded.error().message.find(std::string(trim(expected))), std::string::npos)
        << damage.name << ": " << decoded.error().message;
    EXPECT_FALSE(decode_all(file)) << damage.name;
  }
}

TEST(EventStream, EveryTypeSurvives) {
  EventStreamDecoder decoder;
  const std::string frame = sample();
  decoder.feed(frame);
  auto got = decoder.next();
  ASSERT_TRUE(got && *got);
  const EventMessage& message = **got;
  EXPECT_EQ(message.headers.size(), 11u);
  EXPECT_EQ(message.text(":event-type"), "contentBlockDelta");
  EXPECT_EQ(message.text("absent"), "");
  EXPECT_EQ(message.text("i"), "");
  EXPECT_EQ(message.find("b")->number, -128);
  EXPECT_EQ(message.find("l")->number, INT64_MIN);
  EXPECT_EQ(message.find("t")->type, EventHeaderType::kTrue);
  std::string again;
  ASSERT_TRUE(append_event_message(again, message.headers, message.payload));
  EXPECT_EQ(again, frame);
}

TEST(EventStream, AnySingleFlippedByteIsRefused) {
  const std::string frame = sample();
  for (size_t i = 0; i < frame.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = frame;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      size_t count = 0;
      ASSERT_FALSE(decode_all(bad, &count)) << "byte " << i << " bit " << bit;
      ASSERT_EQ(count, 0u);
    }
  }
}

TEST(EventStream, ChunksMayBeCutAnywhere) {
  const std::string one = sample();
  std::string two = one;
  ASSERT_TRUE(append_event_message(two, {}, ""));
  two += one;
  for (size_t cut = 0; cut <= two.size(); ++cut) {
    EventStreamDecoder decoder;
    size_t count = 0;
    for (std::string_view part :
         {std::string_view(two).substr(0, cut), std::string_view(two).substr(cut)}) {
      decoder.feed(part);
      while (true) {
        auto message = decoder.next();
        ASSERT_TRUE(message);
        if (!*message) break;
        ASSERT_EQ((*message)->headers.size(), count == 1 ? 0u : 11u);
        ++count;
      }
    }
    ASSERT_EQ(count, 3u) << "cut at " << cut;
    ASSERT_TRUE(decoder.finish());
  }
  EventStreamDecoder slow;
  size_t count = 0;
  for (char c : two) {
    slow.feed(std::string_view(&c, 1));
    auto message = slow.next();
    ASSERT_TRUE(message);
    if (*message) ++count;
  }
  EXPECT_EQ(count, 3u);
}

TEST(EventStream, AStreamCutInsideAMessageIsSeen) {
  const std::string frame = sample();
  for (size_t size = 1; size < frame.size(); ++size) {
    auto decoded = decode_all(frame.substr(0, size));
    ASSERT_FALSE(decoded) << size;
    EXPECT_EQ(decoded.error().code, Code::kDataLoss);
  }
  EXPECT_TRUE(decode_all(""));
}

/// A frame with right checksums around wrong contents.
std::string framed(uint32_t total, uint32_t headers_size, std::string_view rest) {
  std::string out;
  for (uint32_t v : {total, headers_size}) {
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(v >> shift);
  }
  const auto add_crc = [&out] {
    const uint32_t crc = crc32(out);
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(crc >> shift);
  };
  add_crc();
  out += rest;
  add_crc();
  return out;
}

TEST(EventStream, WrongContentsUnderRightChecksumsAreRefused) {
  using namespace std::string_view_literals;
  const auto refused = [](uint32_t total, uint32_t headers_size, std::string_view rest) {
    auto decoded = decode_all(framed(total, headers_size, rest));
    return !decoded && decoded.error().code != Code::kDataLoss;
  };
  EXPECT_TRUE(refused(15, 0, ""));                     // shorter than a frame
  EXPECT_TRUE(refused(16, 1, ""));                     // headers beyond the message
  EXPECT_TRUE(refused(0xffffffff, 0, ""));             // beyond the limit, told at once
  EXPECT_TRUE(refused(16 << 20, 200'000, ""));         // headers beyond their limit
  EXPECT_TRUE(refused(16 + 2, 2, "\0\0"sv));           // no name
  EXPECT_TRUE(refused(16 + 2, 2, "\5a"sv));            // name cut
  EXPECT_TRUE(refused(16 + 3, 3, "\1a\x0a"sv));        // unknown type 10
  EXPECT_TRUE(refused(16 + 4, 4, "\1a\7\0"sv));        // length cut
  EXPECT_TRUE(refused(16 + 5, 5, "\1a\7\0\1"sv));      // string cut
  EXPECT_TRUE(refused(16 + 6, 6, "\1a\7\0\1\xff"sv));  // string not UTF-8
  EXPECT_TRUE(refused(16 + 5, 5, "\1a\4\0\0"sv));      // int32 cut
  EXPECT_TRUE(refused(16 + 10, 10,
                      "\1a\x09"
                      "1234567"sv));            // UUID cut
  EXPECT_FALSE(refused(16 + 3, 3, "\1a\0"sv));  // a true header is fine
}

TEST(EventStream, AFailureIsRepeated) {
  EventStreamDecoder decoder;
  std::string bad = sample();
  bad[20] ^= 1;
  decoder.feed(bad);
  EXPECT_FALSE(decoder.next());
  decoder.feed(sample());
  EXPECT_FALSE(decoder.next());
  EXPECT_FALSE(decoder.finish());
}

TEST(EventStream, EncoderRefusesWhatCannotBeFramed) {
  std::string out = "before";
  const std::string long_name(256, 'n');
  const std::string long_value(65'536, 'v');
  const std::vector<EventHeader> bad = {
      EventHeader::text("", "x"),
      EventHeader::text(long_name, "x"),
      EventHeader::text("n", long_value),
      EventHeader::text("\xff", "x"),
      EventHeader::text("n", "\xc3"),
      {"n", EventHeaderType::kByte, 128, {}},
      {"n", EventHeaderType::kInt16, -32'769, {}},
      {"n", EventHeaderType::kInt32, 1LL << 31, {}},
      {"n", EventHeaderType::kUuid, 0, "short"},
      {"n", static_cast<EventHeaderType>(10), 0, {}},
  };
  for (const EventHeader& header : bad) {
    EXPECT_FALSE(append_event_message(out, std::span(&header, 1), "p"));
  }
  EXPECT_FALSE(append_event_message(out, {}, std::string(limits::kEventStreamBytesMax, 'p')));
  EXPECT_EQ(out, "before");
}

}  // namespace
}  // namespace drover::http
