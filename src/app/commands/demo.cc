#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/demo/day.h"
#include "app/demo/engine_talk.h"
#include "app/demo/fidelity.h"
#include "app/output.h"

namespace drover::app {
namespace {

int print_demo(const FidelityReport& report) {
  for (const std::string& difference : report.differences) {
    std::printf("differs  %s\n", difference.c_str());
  }
  if (report.fail_wanted && report.failovers == 0) {
    std::printf(
        "a cloud failed, but no call was taken over by another: the check proves nothing\n");
  }
  std::printf("%llu steps in %s, %llu attempts repeated, %llu sessions taken up again\n",
              static_cast<unsigned long long>(report.steps), format_duration(report.took).c_str(),
              static_cast<unsigned long long>(report.repeated),
              static_cast<unsigned long long>(report.resumed));
  std::printf("sessions: %zu/%zu identical, failovers: %llu, lost: %llu, duplicated: %llu\n",
              report.identical, report.sessions, static_cast<unsigned long long>(report.failovers),
              static_cast<unsigned long long>(report.lost),
              static_cast<unsigned long long>(report.duplicated));
  return report.ok() ? kExitOk : kExitFailed;
}

size_t terminal_width() {
  winsize size{};
  bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

int run_the_day(const Arguments& arguments) {
  DayOptions options;
  auto length = parse_duration(arguments.get("length"));
  // Shorter, and a failed cloud would still be left alone when the day ends.
  if (!length || *length < 20s || *length > 1h) {
    std::fprintf(stderr, "drover demo: --length is a time from 20s to 1h, such as 30s\n");
    return kExitUsage;
  }
  options.length = *length;
  options.seed = std::strtoull(arguments.get("seed").c_str(), nullptr, 10);
  options.data = arguments.get("data");
  options.quiet = arguments.has("quiet");
  net::AsioLoop loop;
  auto report = run_day(loop, std::move(options));
  if (!report) {
    std::fprintf(stderr, "drover demo: %s\n", report.error().to_string().c_str());
    return kExitFailed;
  }
  std::string text = arguments.has("json") ? report->to_json().pretty() + "\n"
                                           : print_day(*report, colours_wanted(), terminal_width());
  std::fputs(text.c_str(), stdout);
  return report->ok() ? kExitOk : kExitFailed;
}

int talk_to_engine(const Arguments& arguments) {
  EngineTalkOptions options;
  options.engine.where = arguments.get("engine");
  options.engine.model = arguments.get("model");
  options.engine.credentials = arguments.get("credentials");
  options.messages = arguments.all("message");
  options.quiet = arguments.has("json") || arguments.has("quiet");
  options.interactive = options.messages.empty() && !options.quiet && isatty(STDIN_FILENO) != 0 &&
                        isatty(STDOUT_FILENO) != 0;
  options.answer_tokens_max = std::atoll(arguments.get("answer-tokens").c_str());
  options.data = arguments.get("data");
  if (options.answer_tokens_max < 1) {
    return complain(usage_error("--answer-tokens is a number from 1, such as 200").value());
  }
  net::AsioLoop loop;
  auto report = run_engine_talk(loop, std::move(options));
  if (!report) return complain(report.error());
  if (arguments.has("json")) {
    print_json(report->to_json());
  } else {
    std::fputs(report->text().c_str(), stdout);
  }
  return report->interrupted ? kExitInterrupted : report->ok() ? kExitOk : kExitFailed;
}

int run_demo(const Arguments& arguments) {
  // What fails in a talk is told there; the log would only say it in between.
  LogLevel quiet = arguments.has("engine") ? LogLevel::kOff : LogLevel::kError;
  configure_log(arguments.has("verbose") ? LogLevel::kInfo : quiet, LogFormat::kText);
  if (arguments.has("engine")) return talk_to_engine(arguments);
  if (!arguments.has("sessions")) return run_the_day(arguments);
  net::AsioLoop loop;
  FidelityOptions options;
  options.file = arguments.get("sessions");
  options.via = arguments.get("via");
  options.stream = arguments.has("stream");
  options.fail = !arguments.has("no-outage");
  options.data = arguments.get("data");
  options.quiet = arguments.has("quiet");
  options.concurrency =
      static_cast<size_t>(std::max(1, std::atoi(arguments.get("at-once").c_str())));
  options.sessions_max = static_cast<size_t>(std::atoll(arguments.get("first").c_str()));
  if (options.via != "mixed" && options.via != "converse" && options.via != "azure" &&
      options.via != "openai") {
    std::fprintf(stderr, "drover demo: --via is mixed, converse, azure or openai\n");
    return kExitUsage;
  }
  auto report = run_fidelity(loop, std::move(options));
  if (report) return print_demo(*report);
  std::fprintf(stderr, "drover demo: %s\n", report.error().to_string().c_str());
  return kExitFailed;
}

}  // namespace

Command demo_command() {
  Command c;
  c.name = "demo";
  c.summary = "A day of agents on three simulated clouds, or a talk with a real model (--engine)";
  c.details =
      "Without flags: the day, in half a minute, and a report of it. Its data folder is kept.\n"
      "With --sessions FILE: runs recorded sessions live and compares every message:\n"
      "  drover demo --sessions examples/recordings/rental.jsonl --via converse --stream\n\n"
      "With --engine: a talk with a real model through a session, without any key. On a terminal\n"
      "a line typed is a message; elsewhere a few questions are asked. WHERE is\n"
      "  local   llama-server or Ollama where they listen by default, or else the engine that\n"
      "          `make engine` installed (build/engine), started for as long as the talk\n"
      "  a URL   any server of OpenAI's API; with --credentials it may be one that wants a key\n"
      "  a folder with a program `serve` that takes a port\n"
      "  drover demo --engine local\n"
      "  drover demo --engine http://127.0.0.1:8080/v1 --message 'Hello' --message 'And then?'\n"
      "  drover demo --engine https://api.openai.com/v1 --model gpt-4o-mini \\\n"
      "              --credentials env:OPENAI_API_KEY\n"
      "The session's journal is kept. Exit code 0 if every question was answered, 1 if not, 2 if\n"
      "there is no engine, 130 after Ctrl-C. The same engine behind a server is three lines of\n"
      "drover.yaml:\n\n"
      "  endpoints:\n"
      "    - {provider: llama-server, model: NAME, base_url: http://127.0.0.1:8080/v1}\n"
      "    - {provider: ollama, model: NAME}";
  c.flags = {{"--sessions", "FILE", "recorded sessions (JSON Lines) to run and compare", ""},
             {"--via", "FORM", "wire form: mixed, converse, azure or openai", "mixed"},
             {"--stream", "", "stream the models' answers", ""},
             {"--no-outage", "", "no cloud fails", ""},
             {"--data", "DIR", "keep the journal there, and continue what is there", ""},
             {"--at-once", "N", "sessions that run side by side", "24"},
             {"--first", "N", "only the first N sessions; 0: all", "0"},
             {"--length", "TIME", "how long the day takes", "30s"},
             {"--seed", "N", "who comes and what they ask", "1"},
             {"--engine", "WHERE", "talk to a real model: local, a URL, or a folder", ""},
             {"--model", "NAME", "the engine's model; default: the first it offers", ""},
             {"--credentials", "REF", "the engine's key: env:NAME or file:PATH", ""},
             {"--message", "TEXT", "say this to the model; again for more", "", true},
             {"--answer-tokens", "N", "the most tokens of an answer", "200"},
             {"--json", "", "the report of the day or the talk as JSON", ""},
             {"--quiet", "", "no progress", ""},
             {"--verbose", "", "log what happens", ""}};
  c.run = run_demo;
  return c;
}

}  // namespace drover::app
