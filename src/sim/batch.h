#pragma once
// OpenAI's Files and Batch API of a simulated cloud, one desk a region: a JSON Lines file of chat
// completions is uploaded, run as a batch within its window at the price of the tier "batch", and
// its output and error files are read. OpenAI's and Azure's clouds have it; the official SDKs work
// against it unchanged (tests/e2e/sim-sdks).
//
//   validating → in_progress → completed | expired (the lines that were done are in the output)
//   validating → failed          cancelling → cancelled (likewise)
//
// No task runs: what is due by the clock happens when somebody looks (a request, the control API).
// Each line that was run is an entry of the cloud's books under its custom_id.
//
// POST /_sim/batch sets how batches made from then on go: {"takes_ms": 2000, "ends": "completed" |
// "failed" | "expired", "lines_done": 3 (of one that expires), "error_lines": 1 (the first ones are
// answered 500)}. Loop thread only. Limits: below; what is beyond them is refused. Sources:
// OpenAI's API reference, Azure's "How to use batch deployments".

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "sim/profile.h"

namespace drover::sim {

class SimCloud;
struct SimSite;

inline constexpr size_t kBatchLinesMax = 50'000;
inline constexpr size_t kBatchFilesMax = 10'000;
inline constexpr size_t kBatchFilesBytesMax = 256u << 20;  // of all files of a region
inline constexpr size_t kBatchesMax = 10'000;

struct BatchRules {
  enum class Ends : uint8_t { kCompleted, kFailed, kExpired };
  Duration takes = 2s;
  Ends ends = Ends::kCompleted;
  int64_t lines_done = 0;
  int64_t error_lines = 0;
  static Result<BatchRules> from_json(const Json& json);
};

class BatchDesk {
 public:
  BatchDesk(SimCloud& cloud, SimSite& site) : cloud_(cloud), site_(site) {}
  Answer handle(const BatchCall& call, const Arrived& arrived);
  void set_rules(const BatchRules& rules) { rules_ = rules; }
  /// Ends the batches whose time has come.
  void run_due();
  /// How many batches there are in each status, and how many files.
  Json to_json() const;

 private:
  struct File {
    std::string name, purpose, bytes;
    WallTime made{};
  };
  struct Batch {
    std::string id, input, endpoint, caller, output, errors_file;
    Json metadata;
    BatchRules rules;
    std::string status = "validating";
    WallTime made{};
    WallTime due{};  // when it ends
    WallTime ended{};
    WallTime cancelled{};
    int64_t total = 0, completed = 0, failed = 0;
    Json faults = Json::array();  // of a validation
    contract::Usage usage;
    bool open() const {
      return status == "validating" || status == "in_progress" || status == "cancelling";
    }
  };
  /// A line of an input file.
  struct Line {
    std::string custom_id;
    std::string body;
  };
  struct Output {
    std::string answers, errors;
  };

  // Files.
  Answer files(std::string_view rest, const Arrived& arrived);
  Answer upload(const Arrived& arrived);
  Answer list_files(const Arrived& arrived) const;
  Json file_json(const std::string& id, const File& file) const;
  std::string keep(std::string name, std::string purpose, std::string bytes);
  // Batches.
  Answer batches(std::string_view rest, const BatchCall& call, const Arrived& arrived);
  Answer create(const BatchCall& call, const Arrived& arrived);
  Answer list_batches(const Arrived& arrived) const;
  Answer cancel(Batch& batch);
  Json batch_json(const Batch& batch) const;
  Batch* find(std::string_view id);
  // Running them.
  Result<std::vector<Line>> read_lines(const Batch& batch, Json& faults) const;
  void end(Batch& batch, WallTime now);
  void run_line(Batch& batch, const Line& line, bool fails, Output& out);
  std::string make_id(std::string_view prefix);
  Answer refuse(Code code, std::string message, std::string reason = {}) const;

  SimCloud& cloud_;
  SimSite& site_;
  BatchRules rules_;
  std::map<std::string, File, std::less<>> files_;
  size_t bytes_ = 0;
  std::vector<Batch> batches_;  // oldest first
};

}  // namespace drover::sim
