// What a long session takes on the disk: the store that `drover serve` uses, in a folder of its
// own, under the session manager as it is.

#include "session/session_test_world.h"
#include "session/tree.h"
#include "store/log/log_store.h"
#include "store/store_test_util.h"

namespace drover::session {
namespace {

constexpr int kTurns = 400;
constexpr size_t kQuestionBytes = 250;
constexpr size_t kAnswerBytes = 2'000;
constexpr uintmax_t kFolderBytesMax = 3'000'000;

/// Text as people write it: words that come again, in no order.
class Writer {
 public:
  Writer() {
    for (int i = 0; i < 3'000; ++i) {
      std::string word(2 + random_.below(8), ' ');
      for (char& c : word) c = static_cast<char>('a' + random_.below(26));
      words_.push_back(std::move(word));
    }
  }
  std::string text(size_t bytes) {
    std::string out;
    while (out.size() < bytes) out += words_[random_.below(words_.size())] + " ";
    out.resize(bytes);
    return out;
  }

 private:
  SeededRandom random_{11};
  std::vector<std::string> words_;
};

std::unique_ptr<store::LogStore> open_in(const std::string& folder, World& w,
                                         async::Executor* executor) {
  store::LogStoreOptions options;
  options.rest.folder = folder;
  options.rest.writer = options.rest.reader = options.rest.upkeep = executor;
  options.rest.blobs = executor;
  options.writer = options.reader = options.upkeep = executor;
  auto opened = store::open_log_store(options, w.loop, w.random);
  EXPECT_TRUE(opened) << opened.error().to_string();
  return opened ? std::move(*opened) : nullptr;
}

/// Bytes of all files, and what each has, for whoever has to look for them.
uintmax_t bytes_in(const std::string& folder, std::string* list) {
  uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    bytes += entry.file_size();
    *list += entry.path().string() + " " + std::to_string(entry.file_size()) + "\n";
  }
  return bytes;
}

/// A question and its answer, turn by turn; the session waits for the next one in the end.
SessionId talk(World& w, SessionManager& manager) {
  Writer writer;
  w.road.answer = [&writer](const contract::ChatRequest&) -> Result<Message> {
    return say(writer.text(kAnswerBytes));
  };
  NewSession spec;
  spec.agent = *AgentSpec::from_json(*Json::parse(R"({"name":"a","models":["m"]})"));
  auto id = w.loop.run_task(manager.create(w.ctx, w.who, std::move(spec)));
  EXPECT_TRUE(id) << id.error().to_string();
  for (int turn = 0; turn < kTurns; ++turn) {
    auto said = w.loop.run_task(manager.post_message(
        w.ctx, w.who, *id, Message::of_text(Role::kUser, writer.text(kQuestionBytes))));
    EXPECT_TRUE(said) << said.error().to_string();
    w.loop.run_for(1s);
    w.road.requests.clear();  // each holds all of the conversation
  }
  w.road.answer = nullptr;
  return *id;
}

TEST(StoreSize, FourHundredTurnsOfNineHundredKilobytesTakeLessThanThreeMegabytes) {
  World w;
  store::TempFolder folder;
  async::InlineExecutor executor;
  auto store = open_in(folder.path(), w, &executor);
  ASSERT_NE(store, nullptr);
  Services services = w.services();
  services.journal = &store->journal();
  auto manager = std::make_unique<SessionManager>(services, w.ctx);
  const SessionId id = talk(w, *manager);
  w.loop.run_task(manager->stop());
  manager.reset();
  store.reset();
  std::string list;
  EXPECT_LT(bytes_in(folder.path(), &list), kFolderBytesMax) << list;

  // And it is all there.
  store = open_in(folder.path(), w, &executor);
  ASSERT_NE(store, nullptr);
  auto state = w.loop.run_task(load_state(w.ctx, &store->journal(), id));
  ASSERT_TRUE(state) << state.error().to_string();
  size_t text = 0;
  size_t answers = 0;
  for (const Message& m : state->messages) {
    text += m.text().size();
    answers += m.role == Role::kAssistant ? 1 : 0;
  }
  EXPECT_EQ(answers, static_cast<size_t>(kTurns));
  EXPECT_EQ(text, kTurns * (kQuestionBytes + kAnswerBytes));
  EXPECT_GE(text, 900'000u);
}

}  // namespace
}  // namespace drover::session
