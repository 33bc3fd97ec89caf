#include "app/wall/judge.h"

#include <algorithm>

namespace drover::app::wall {
namespace {

using sim::wall::End;
using sim::wall::Expect;
using sim::wall::Seen;

std::string in_quotes(std::string_view text) {
  constexpr size_t kShown = 60;
  std::string out = "\"" + std::string(text.substr(0, kShown));
  return out + (text.size() > kShown ? "…\"" : "\"");
}

bool repeats(std::string_view text, std::string_view of) {
  for (size_t at = 0; at < text.size(); at += of.size()) {
    if (!text.substr(at).starts_with(of)) return false;
  }
  return true;
}

void judge_text(const Expect& expect, const Seen& seen, std::vector<std::string>& faults) {
  if (expect.end == End::kLeft) return;
  if (expect.text_bytes_max == 0) {
    if (seen.text != expect.text) {
      faults.push_back("the text is " + in_quotes(seen.text) + ", not " + in_quotes(expect.text));
    }
    return;
  }
  if (!repeats(seen.text, expect.text)) {
    faults.push_back("the text is not " + in_quotes(expect.text) + " again and again");
  }
  if (seen.text.size() < expect.text_bytes_min || seen.text.size() > expect.text_bytes_max) {
    faults.push_back(std::to_string(seen.text.size()) + " bytes of text, not " +
                     std::to_string(expect.text_bytes_min) + " to " +
                     std::to_string(expect.text_bytes_max));
  }
}

void judge_error(const Expect& expect, const Seen& seen, std::vector<std::string>& faults) {
  if (seen.end != End::kError) return;
  bool status_fits = expect.statuses.empty() ||
                     std::find(expect.statuses.begin(), expect.statuses.end(), seen.status) !=
                         expect.statuses.end();
  // A stream that had begun has told its status.
  if (!status_fits && seen.status >= 400) {
    faults.push_back("the error has status " + std::to_string(seen.status));
  }
  if (!status_fits && seen.status < 400) faults.push_back("the error came under status 200");
  bool named = seen.error_code.find(expect.code) != std::string::npos ||
               seen.error_type.find(expect.code) != std::string::npos;
  if (!named) {
    faults.push_back("the error's code is " + in_quotes(seen.error_code) + ", not " +
                     in_quotes(expect.code));
  }
  if (seen.message.empty()) faults.push_back("the error has no message");
}

void judge_call(const Expect& expect, const Seen& seen, std::vector<std::string>& faults) {
  if (seen.end != expect.end) {
    std::string fault = "it ended as: " + std::string(end_name(seen.end));
    if (seen.status >= 400) fault += " " + std::to_string(seen.status);
    faults.push_back(fault + ", not as: " + std::string(end_name(expect.end)));
  }
  judge_text(expect, seen, faults);
  if (expect.end == End::kError) judge_error(expect, seen, faults);
  if (seen.tool_arguments != expect.tool_arguments) {
    faults.push_back("the tool call's arguments are " + in_quotes(seen.tool_arguments));
  }
  if (!expect.finish_reason.empty() && seen.finish_reason != expect.finish_reason) {
    faults.push_back("the finish reason is " + in_quotes(seen.finish_reason));
  }
  if (seen.took > expect.within) {
    faults.push_back("it took " + format_duration(seen.took) + ", more than " +
                     format_duration(expect.within));
  }
  if (seen.took < expect.at_least) {
    faults.push_back("it took " + format_duration(seen.took) + ", less than the " +
                     format_duration(expect.at_least) + " that it should have waited");
  }
}

void judge_traffic(Verdict& verdict) {
  const Expect& expect = verdict.scenario->expect;
  for (size_t i = 0; i < verdict.traffic.size(); ++i) {
    const sim::wall::Traffic& traffic = verdict.traffic[i];
    std::string name(verdict.scenario->upstreams[i].name);
    if (i < expect.requests.size()) {
      Expect::Requests want = expect.requests[i];
      if (traffic.requests < want.least || traffic.requests > want.most) {
        std::string range = std::to_string(want.least);
        if (want.most != want.least) range += " to " + std::to_string(want.most);
        verdict.faults.push_back("the " + name + " endpoint saw " +
                                 std::to_string(traffic.requests) + " requests, not " + range);
      }
    }
    if (traffic.open > 0) {
      verdict.faults.push_back("the " + name + " endpoint was not let go");
    }
    if (expect.bytes_max > 0 && traffic.bytes > expect.bytes_max) {
      verdict.faults.push_back(std::to_string(traffic.bytes >> 20) + " MiB were taken in");
    }
    if (expect.ahead_bytes_max > 0 && traffic.bytes_at_pause_end > expect.ahead_bytes_max) {
      verdict.faults.push_back(std::to_string(traffic.bytes_at_pause_end >> 20) +
                               " MiB were taken in while nobody read");
    }
  }
}

}  // namespace

void judge(Verdict& verdict) {
  verdict.faults.clear();
  for (size_t i = 0; i < verdict.seen.size(); ++i) {
    std::vector<std::string> faults;
    judge_call(verdict.scenario->expect, verdict.seen[i], faults);
    for (std::string& fault : faults) {
      if (verdict.seen.size() > 1) fault = "call " + std::to_string(i + 1) + ": " + fault;
      verdict.faults.push_back(std::move(fault));
    }
  }
  judge_traffic(verdict);
}

}  // namespace drover::app::wall
