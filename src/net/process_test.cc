#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "net/asio_loop.h"

namespace drover::net {
namespace {

struct Spawning {
  AsioLoop loop;
  std::unique_ptr<ProcessSpawner> spawner = make_process_spawner(loop);
  Context ctx = Context(loop).with_timeout(10s);

  Result<std::unique_ptr<Process>> shell(std::string script) {
    return start("/bin/sh", {"-c", std::move(script)});
  }
  Result<std::unique_ptr<Process>> start(std::string program, std::vector<std::string> arguments) {
    ProcessOptions options;
    options.program = std::move(program);
    options.arguments = std::move(arguments);
    options.environment["PATH"] = "/usr/bin:/bin";
    options.environment["GREETING"] = "hello there";
    return spawner->spawn(std::move(options));
  }
};

Task<Result<std::string>> read_all(Context ctx, Stream* stream) {
  std::string out;
  char buffer[4096];
  for (;;) {
    CO_TRY(size_t n, co_await stream->read(ctx, buffer));
    if (n == 0) co_return out;
    out.append(buffer, n);
  }
}

Task<Result<std::string>> talk(Context ctx, Process* process, std::string text) {
  CO_TRY_VOID(co_await process->stdio().write(ctx, text));
  CO_TRY_VOID(co_await process->stdio().shutdown_write(ctx));
  co_return co_await read_all(ctx, &process->stdio());
}

bool gone(int pid) { return ::kill(pid, 0) != 0 && errno == ESRCH; }

/// Ended, though whoever adopted it may not have reaped it.
bool ended(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string stat((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return stat.empty() || stat.find(") Z ") != std::string::npos;
}

TEST(Process, CatEchoesAndEndsAtEndOfInput) {
  Spawning s;
  auto cat = s.start("cat", {});
  ASSERT_TRUE(cat) << cat.error().to_string();
  auto text = s.loop.run_task(talk(s.ctx, cat->get(), "some text"));
  ASSERT_TRUE(text) << text.error().to_string();
  EXPECT_EQ(*text, "some text");
  auto status = s.loop.run_task((*cat)->wait(s.ctx));
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->ok());
}

TEST(Process, SeesOnlyTheEnvironmentGiven) {
  Spawning s;
  ::setenv("DROVER_TEST_SECRET", "leak", 1);
  auto env = s.start("env", {});
  ASSERT_TRUE(env);
  auto text = s.loop.run_task(talk(s.ctx, env->get(), ""));
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "GREETING=hello there\nPATH=/usr/bin:/bin\n");
}

TEST(Process, InheritsNoDescriptors) {
  Spawning s;
  int leak = ::dup(1);  // not close-on-exec
  ASSERT_GT(leak, 2);
  auto p = s.shell("for f in /proc/self/fd/*; do echo ${f##*/}; done; kill -0 $PPID");
  ASSERT_TRUE(p);
  auto text = s.loop.run_task(talk(s.ctx, p->get(), ""));
  ::close(leak);
  ASSERT_TRUE(text);
  // 3 (or 10) is the shell's own handle on the directory it lists, if any.
  EXPECT_EQ(text->find("\n" + std::to_string(leak) + "\n"), std::string::npos) << *text;
  EXPECT_EQ(text->substr(0, 6), "0\n1\n2\n");
}

TEST(Process, ReportsExitCodeSignalAndStderr) {
  Spawning s;
  auto a = s.shell("echo first >&2; echo last words >&2; exit 3");
  ASSERT_TRUE(a);
  auto status = s.loop.run_task((*a)->wait(s.ctx));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 3);
  EXPECT_FALSE(status->ok());
  EXPECT_EQ((*a)->stderr_tail(), "first\nlast words\n");

  auto b = s.shell("kill -ABRT $$");
  ASSERT_TRUE(b);
  status = s.loop.run_task((*b)->wait(s.ctx));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->signal, SIGABRT);
}

TEST(Process, StderrTailIsBounded) {
  Spawning s;
  auto p = s.shell("i=0; while [ $i -lt 3000 ]; do echo line $i >&2; i=$((i+1)); done");
  ASSERT_TRUE(p);
  ASSERT_TRUE(s.loop.run_task((*p)->wait(s.ctx)));
  std::string tail = (*p)->stderr_tail();
  EXPECT_EQ(tail.size(), 8192u);
  EXPECT_EQ(tail.substr(tail.size() - 10), "line 2999\n");
}

TEST(Process, WriteToADeadChildFails) {
  Spawning s;
  auto p = s.shell("exit 0");
  ASSERT_TRUE(p);
  ASSERT_TRUE(s.loop.run_task((*p)->wait(s.ctx)));
  auto written = s.loop.run_task((*p)->stdio().write(s.ctx, "anyone?"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::kUnavailable);
  EXPECT_EQ(written.error().reason, "reset");
  auto rest = s.loop.run_task(read_all(s.ctx, &(*p)->stdio()));
  ASSERT_TRUE(rest);
  EXPECT_EQ(*rest, "");
}

TEST(Process, StopEndsAPoliteChildByClosingItsInput) {
  Spawning s;
  auto p = s.shell("cat > /dev/null; exit 7");
  ASSERT_TRUE(p);
  MonoTime start = s.loop.mono();
  s.loop.run_task((*p)->stop(s.ctx, 5s));
  EXPECT_LT(s.loop.mono() - start, Duration(3s));
  auto status = s.loop.run_task((*p)->wait(s.ctx));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 7);
}

TEST(Process, StopKillsAChildThatIgnoresSigterm) {
  Spawning s;
  auto p = s.shell("trap '' TERM; echo ready; while :; do sleep 1; done");
  ASSERT_TRUE(p);
  char buffer[16];
  ASSERT_TRUE(s.loop.run_task((*p)->stdio().read(s.ctx, buffer)));
  s.loop.run_task((*p)->stop(s.ctx, 50ms));
  auto status = s.loop.run_task((*p)->wait(s.ctx));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->signal, SIGKILL);
  EXPECT_TRUE(gone((*p)->pid()));
}

TEST(Process, StopEndsGrandchildrenToo) {
  Spawning s;
  auto p = s.shell("sleep 1000 & echo $!; wait");
  ASSERT_TRUE(p);
  char buffer[32];
  auto n = s.loop.run_task((*p)->stdio().read(s.ctx, buffer));
  ASSERT_TRUE(n);
  int grandchild = std::stoi(std::string(buffer, *n));
  s.loop.run_task((*p)->stop(s.ctx, 50ms));
  for (int i = 0; i < 100 && !ended(grandchild); ++i) ::usleep(10'000);
  EXPECT_TRUE(ended(grandchild));
}

TEST(Process, AHandleThatGoesTakesItsChildWithIt) {
  Spawning s;
  int pid = 0;
  {
    auto p = s.start("sleep", {"1000"});
    ASSERT_TRUE(p);
    pid = (*p)->pid();
  }
  for (int i = 0; i < 200 && !gone(pid); ++i) {
    s.loop.run_task(async::sleep_for(s.ctx, 5ms));
  }
  EXPECT_TRUE(gone(pid));
}

TEST(Process, WaitEndsWithItsContext) {
  Spawning s;
  auto p = s.start("sleep", {"1000"});
  ASSERT_TRUE(p);
  auto status = s.loop.run_task((*p)->wait(s.ctx.with_timeout(30ms)));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kDeadlineExceeded);
  s.loop.run_task((*p)->stop(s.ctx, 0ms));
}

TEST(Process, SaysWhatCannotBeStarted) {
  Spawning s;
  auto a = s.start("no-such-program-here", {});
  ASSERT_FALSE(a);
  EXPECT_EQ(a.error().code, Code::kNotFound);
  auto b = s.start("/etc/passwd", {});
  ASSERT_FALSE(b);
  EXPECT_EQ(b.error().code, Code::kPermissionDenied);
  ProcessOptions options;
  options.program = "/bin/true";
  options.working_directory = "/no/such/directory";
  auto c = s.spawner->spawn(options);
  ASSERT_FALSE(c);
  EXPECT_NE(c.error().message.find("/no/such/directory"), std::string::npos);
}

TEST(Process, SignalsAndIgnoredSigpipeAreNotInherited) {
  Spawning s;  // the loop ignores SIGPIPE
  auto p = s.shell("grep SigIgn /proc/self/status");
  ASSERT_TRUE(p);
  auto text = s.loop.run_task(talk(s.ctx, p->get(), ""));
  ASSERT_TRUE(text);
  ASSERT_TRUE(text->starts_with("SigIgn:\t")) << *text;
  // Only SIGPIPE is looked at: under make, glibc's own signals 32 and 33 are ignored from the
  // start.
  const uint64_t ignored = std::stoull(text->substr(8), nullptr, 16);
  EXPECT_EQ(ignored & (uint64_t{1} << (SIGPIPE - 1)), 0u) << *text;
}

}  // namespace
}  // namespace drover::net
