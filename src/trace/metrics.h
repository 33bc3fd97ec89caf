#pragma once
// Counters, gauges and histograms, and their Prometheus text (exposition format 0.0.4). Families
// are made once at start; a series per set of label values is made on first use and kept.
//
//   Family& calls = metrics.counter("drover_model_calls_total", "Model calls.", {"model",
//   "outcome"}); calls.with({model, "ok"}).add(1);
//
// Bounded: beyond limits::kMetricSeriesMax label sets of one family, further ones count under label
// values "other", so that no caller can fill memory with names. Label values are escaped; names are
// the program's own. Loop thread only; references live as long as the registry.

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/limits/trace.h"

namespace drover::trace {

class Series {
 public:
  /// Counters and gauges.
  void add(double n) { value_ += n; }
  void set(double n) { value_ = n; }
  double value() const { return value_; }
  /// Histograms.
  void observe(double x);
  uint64_t count() const { return count_; }
  double sum() const { return value_; }

 private:
  friend class Family;
  /// Finds the bucket of what is not in the last one's.
  [[gnu::noinline]] void look_for(double x);

  const std::vector<double>* bounds_ = nullptr;
  std::vector<uint64_t> buckets_;  // one more than bounds: +Inf
  // The bucket of the last value, what is above its lower bound and at most its upper one: the next
  // is mostly like it. At first nothing is.
  size_t last_ = 0;
  double above_ = 0;
  double most_ = 0;
  uint64_t count_ = 0;
  double value_ = 0;
  std::vector<std::string> labels_;  // last: only who reads the metrics looks at them
};

enum class MetricKind : uint8_t { kCounter, kGauge, kHistogram };

class Family {
 public:
  Family(MetricKind kind, std::string name, std::string help, std::vector<std::string> labels,
         std::vector<double> bounds);
  /// As many values as the family has labels.
  Series& with(std::initializer_list<std::string_view> values);
  void expose(std::string& out) const;
  size_t series() const { return series_.size(); }

 private:
  Series& add_series(std::string key, std::initializer_list<std::string_view> values);
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  MetricKind kind_;
  std::string name_;
  std::string help_;
  std::vector<std::string> labels_;
  std::vector<double> bounds_;
  std::unordered_map<std::string, std::unique_ptr<Series>, Hash, std::equal_to<>> series_;
  std::string key_;  // reused: no allocation to find a series
};

class Metrics {
 public:
  /// The family of that name; made on first use.
  Family& counter(std::string name, std::string help, std::vector<std::string> labels = {});
  Family& gauge(std::string name, std::string help, std::vector<std::string> labels = {});
  Family& histogram(std::string name, std::string help, std::vector<std::string> labels,
                    std::vector<double> bounds);
  /// A gauge that is read when asked for.
  void gauge_of(std::string name, std::string help, std::function<double()> read);
  /// To be called before what `read` looks at goes.
  void forget_gauge(const std::string& name) { readers_.erase(name); }
  /// The whole text, families sorted by name.
  std::string expose() const;

 private:
  Family& family(MetricKind kind, std::string name, std::string help,
                 std::vector<std::string> labels, std::vector<double> bounds);
  struct Reader {
    std::string help;
    std::function<double()> read;
  };
  std::map<std::string, std::unique_ptr<Family>> families_;
  std::map<std::string, Reader> readers_;
};

/// The conventions' advice: 10 ms doubling to 81.92 s.
std::vector<double> duration_bounds();
/// Powers of four from 1 to 67,108,864.
std::vector<double> token_bounds();

}  // namespace drover::trace
