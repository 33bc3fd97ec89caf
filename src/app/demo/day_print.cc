// The report of the day as people read it: aligned, at most the given width, colours only where
// wanted. Commands that show more are named only if this program has them.

#include <fmt/format.h>

#include <algorithm>

#include "app/cli.h"
#include "app/demo/day_report.h"

namespace drover::app {
namespace {

constexpr size_t kWidthMin = 72, kWidthMax = 100;

/// Columns that a text takes: code points, not bytes.
size_t columns(std::string_view text) {
  size_t n = 0;
  for (char c : text) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return n;
}

std::string pad(std::string text, size_t width) {
  size_t n = columns(text);
  if (n < width) text.append(width - n, ' ');
  return text;
}
std::string pad_left(std::string text, size_t width) {
  size_t n = columns(text);
  return n < width ? std::string(width - n, ' ') + text : text;
}

std::string grouped(int64_t n) {
  std::string digits = std::to_string(n < 0 ? -n : n);
  for (ptrdiff_t i = static_cast<ptrdiff_t>(digits.size()) - 3; i > 0; i -= 3) {
    digits.insert(static_cast<size_t>(i), ",");
  }
  return n < 0 ? "-" + digits : digits;
}

std::string dollars(Money money) { return fmt::format("${:.4f}", money.to_double()); }

std::string millis(int64_t us) {
  if (us >= 10'000'000) return fmt::format("{:.1f} s", static_cast<double>(us) / 1e6);
  if (us >= 1'000'000) return fmt::format("{:.2f} s", static_cast<double>(us) / 1e6);
  if (us >= 10'000) return fmt::format("{:.0f} ms", static_cast<double>(us) / 1e3);
  return fmt::format("{:.1f} ms", static_cast<double>(us) / 1e3);
}

std::string cloud_name(const std::string& cloud) {
  if (cloud == "aws") return "AWS";
  if (cloud == "azure") return "Azure";
  if (cloud == "coreweave") return "CoreWeave";
  return cloud;
}

/// "aws/claude-sonnet" as "AWS claude-sonnet".
std::string place_name(const std::string& place) {
  size_t slash = place.find('/');
  if (slash == std::string::npos) return cloud_name(place);
  return cloud_name(place.substr(0, slash)) + " " + place.substr(slash + 1);
}

std::string of(uint64_t part, uint64_t whole) {
  return grouped(static_cast<int64_t>(part)) + " of " + grouped(static_cast<int64_t>(whole));
}

bool there_is(std::string_view command) {
  const std::vector<Command>& all = all_commands();
  return std::any_of(all.begin(), all.end(), [&](const Command& c) { return c.name == command; });
}

class Printer {
 public:
  Printer(const DayReport& report, bool colours, size_t width)
      : r_(report), colours_(colours), width_(std::clamp(width, kWidthMin, kWidthMax)) {}

  std::string print() {
    title();
    asked();
    compared();
    by_model();
    failovers();
    latency();
    seconds();
    verdict();
    return std::move(out_);
  }

 private:
  std::string paint(const char* code, const std::string& text) const {
    return colours_ ? std::string("\033[") + code + "m" + text + "\033[0m" : text;
  }
  std::string bold(const std::string& text) const { return paint("1", text); }
  std::string dim(const std::string& text) const { return paint("2", text); }
  std::string good(bool ok, const std::string& text) const {
    return paint(ok ? "32" : "1;31", text);
  }
  void line(const std::string& text = "") { out_ += text + "\n"; }
  void heading(const std::string& text) {
    line();
    line(bold(text));
  }
  /// Where to look further.
  void more(std::string_view command, const std::string& arguments) {
    if (!there_is(command)) return;
    std::string text = "  more: drover " + std::string(command);
    if (!arguments.empty()) text += " " + arguments;
    line(dim(text));
  }
  std::string data() const { return "--data " + r_.data; }

  void title() {
    std::string left = "A day on three clouds";
    std::string right = fmt::format("24 hours in {:.1f} s, seed {}",
                                    static_cast<double>(r_.took.count()) / 1e9, r_.seed);
    line();
    line(bold(pad(left, width_ - columns(right))) + dim(right));
    std::string rule;
    for (size_t i = 0; i < width_; ++i) rule += "─";
    line(dim(rule));
  }

  void wrapped(const std::string& mark, const std::string& text, size_t indent) {
    std::string rest = text;
    bool first = true;
    while (!rest.empty()) {
      size_t room = width_ - indent;
      std::string part = rest;
      if (columns(part) > room) {
        size_t cut = rest.rfind(' ', room);
        if (cut == std::string::npos || cut == 0) cut = std::min(rest.size(), room);
        part = rest.substr(0, cut);
      }
      rest = rest.size() > part.size() ? rest.substr(part.size() + 1) : "";
      line((first ? mark : std::string(indent, ' ')) + part);
      first = false;
    }
  }

  void asked() {
    heading("What was asked of the day, and what happened");
    for (const ActReport& act : r_.acts) {
      wrapped("  " + bold(pad(act.name, 13)) + " ", act.asked, 16);
      for (const Finding& f : act.findings) {
        wrapped(std::string(16, ' ') + good(f.ok, f.ok ? "✓" : "✗") + " ", f.text, 18);
      }
      for (const std::string& text : act.lines) wrapped(std::string(18, ' '), text, 18);
      for (const std::string& command : act.more) {
        line(dim(std::string(18, ' ') + "more: drover " + command + " " + data()));
      }
    }
    more("session ls", data());
  }

  void row(const std::string& what, const std::string& ours, const std::string& theirs) {
    line("  " + pad(what, 32) + pad_left(ours, 14) + pad_left(theirs, 22));
  }

  void compared() {
    const SideReport& a = r_.drover;
    const SideReport& b = r_.naive;
    heading("The same day, twice");
    line(dim("  " + pad("", 32) + pad_left("Drover", 14) +
             pad_left("AWS alone, no failover", 22 + 1)));
    row("sessions finished", of(a.finished, a.sessions), of(b.finished, b.sessions));
    row("questions answered", of(a.answered, asked_questions(a)),
        of(b.answered, asked_questions(a)));
    row("conversations lost", grouped(static_cast<int64_t>(a.lost)),
        grouped(static_cast<int64_t>(b.lost)));
    row("errors that a person saw", grouped(static_cast<int64_t>(a.lost)),
        grouped(static_cast<int64_t>(b.failed_calls)));
    row("steps", grouped(static_cast<int64_t>(a.steps)), grouped(static_cast<int64_t>(b.steps)));
    row("tokens", grouped(a.tokens()), grouped(b.tokens()));
    row("money", dollars(a.cost()), dollars(b.cost()));
    row("money for each answer", each(a), each(b));
  }

  static uint64_t asked_questions(const SideReport& side) { return side.questions; }
  static std::string each(const SideReport& side) {
    if (side.answered == 0) return "-";
    return fmt::format("${:.5f}", side.cost().to_double() / static_cast<double>(side.answered));
  }

  void by_model() {
    heading("Money and tokens by cloud and model");
    line(dim("  " + pad("cloud", 11) + pad("model", 16) + pad_left("calls", 6) +
             pad_left("input", 10) + pad_left("cached", 9) + pad_left("output", 9) +
             pad_left("money", 10)));
    ModelSums all;
    for (const ModelSums& m : r_.drover.models) {
      line("  " + pad(cloud_name(m.cloud), 11) + pad(m.model, 16) + pad_left(grouped(m.calls), 6) +
           pad_left(grouped(m.input), 10) + pad_left(grouped(m.cached), 9) +
           pad_left(grouped(m.output), 9) + pad_left(dollars(m.cost), 10));
      all.calls += m.calls;
      all.input += m.input;
      all.cached += m.cached;
      all.output += m.output;
    }
    line(bold("  " + pad("all", 27) + pad_left(grouped(all.calls), 6) +
              pad_left(grouped(all.input), 10) + pad_left(grouped(all.cached), 9) +
              pad_left(grouped(all.output), 9) + pad_left(dollars(r_.drover.cost()), 10)));
    for (const BooksLine& b : r_.drover.books) books(b);
    more("cost", data());
  }

  void books(const BooksLine& b) {
    std::string mark = "  " + good(b.agrees(), b.agrees() ? "✓" : "✗") + " ";
    std::string text = cloud_name(b.cloud) + "'s own books: " + grouped(b.billed_input) +
                       " tokens in, " + grouped(b.billed_output) + " out";
    text += b.agrees() ? ", as journalled"
                       : "; journalled: " + grouped(b.journal_input) + " in, " +
                             grouped(b.journal_output) + " out";
    if (b.cut_calls > 0) {
      text += " (besides, it bills " + grouped(b.cut_tokens) + " tokens of " +
              grouped(b.cut_calls) + " calls cut short, whose usage never came)";
    }
    wrapped(mark, text, 4);
  }

  void failovers() {
    heading("Failovers");
    if (r_.failovers.empty()) {
      line("  none");
      return;
    }
    line(dim("  " + pad("from → to", 42) + pad_left("calls", 6) + pad_left("median", 10) +
             pad_left("slowest", 10)));
    for (const FailoverSums& f : r_.failovers) {
      line("  " + pad(place_name(f.from) + " → " + place_name(f.to), 42) +
           pad_left(grouped(static_cast<int64_t>(f.switch_us.count)), 6) +
           pad_left(millis(f.switch_us.p50), 10) + pad_left(millis(f.switch_us.max), 10));
    }
    line(dim("  time: from the failure to the first token elsewhere"));
    more("trace", r_.example_session + " " + data());
  }

  void latency_row(const std::string& what, const Percentiles& p) {
    line("  " + pad(what, 29) + pad_left(grouped(static_cast<int64_t>(p.count)), 6) +
         pad_left(millis(p.p50), 10) + pad_left(millis(p.p95), 10) + pad_left(millis(p.p99), 10) +
         pad_left(millis(p.max), 10));
  }

  void latency() {
    heading("Latency");
    line(dim("  " + pad("", 29) + pad_left("count", 6) + pad_left("p50", 10) + pad_left("p95", 10) +
             pad_left("p99", 10) + pad_left("slowest", 10)));
    latency_row("a step, with its tools", r_.step_us);
    latency_row("time to first token", r_.first_token_us);
  }

  void seconds() {
    heading("Where each second of a step went");
    int64_t whole = std::max<int64_t>(1, r_.parts.total());
    for (std::string_view name : TimeParts::kNames) {
      int64_t us = r_.parts[name];
      double share = static_cast<double>(us) / static_cast<double>(whole);
      std::string bar;
      for (size_t i = 0; i < static_cast<size_t>(share * 36 + 0.5); ++i) bar += "█";
      line("  " + pad(std::string(name), 11) + pad_left(fmt::format("{:.2f} %", share * 100), 8) +
           pad_left(millis(us), 11) + "  " + paint("36", bar));
    }
    bool sums = r_.parts_sum();
    line(bold("  " + pad("all", 11) + pad_left("100 %", 8) + pad_left(millis(whole), 11)) + "  " +
         good(sums, sums ? "✓" : "✗") +
         (sums ? " the sum of all steps, " : " but all steps took ") + millis(r_.wall_us));
    line(dim("  queue: admission, and the pause before a call that was cut is asked again"));
    more("session events", r_.example_session + " " + data());
  }

  void verdict() {
    line();
    bool ok = r_.ok();
    std::string text = ok ? "Nothing was lost." : "The day did not go as it should: see ✗ above.";
    line(good(ok, text));
    line("Journals, memory and traces are kept in " + r_.data);
    if (there_is("serve")) line(dim("  look around: drover serve " + data()));
    line();
  }

  const DayReport& r_;
  bool colours_;
  size_t width_;
  std::string out_;
};

}  // namespace

std::string print_day(const DayReport& report, bool colours, size_t width) {
  return Printer(report, colours, width).print();
}

}  // namespace drover::app
