#include "trace/metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/assert.h"
#include "base/limits/trace.h"

namespace drover::trace {
namespace {

constexpr std::string_view kOther = "other";

void append_number(std::string& out, double value) {
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  char text[32];
  auto [end, error] = std::to_chars(text, text + sizeof(text), value);
  out.append(text, error == std::errc() ? end : text);
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

void append_head(std::string& out, const std::string& name, std::string_view help,
                 std::string_view type) {
  out += "# HELP " + name + ' ';
  append_escaped(out, help, false);
  out += "\n# TYPE " + name + ' ';
  out += type;
  out += '\n';
}

void append_label(std::string& out, std::string_view name, std::string_view value) {
  out += out.back() == '{' ? "" : ",";
  out += name;
  out += "=\"";
  append_escaped(out, value, true);
  out += '"';
}

std::string_view type_name(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kHistogram:
      return "histogram";
  }
  return "untyped";
}

}  // namespace

void Series::look_for(double x) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  auto at = std::lower_bound(bounds_->begin(), bounds_->end(), x);
  last_ = static_cast<size_t>(at - bounds_->begin());
  above_ = at == bounds_->begin() ? -kInfinity : *(at - 1);
  most_ = at == bounds_->end() ? kInfinity : *at;
}

void Series::observe(double x) {
  if (!(x > above_ && x <= most_)) look_for(x);
  ++buckets_[last_];
  ++count_;
  value_ += x;
}

Family::Family(MetricKind kind, std::string name, std::string help, std::vector<std::string> labels,
               std::vector<double> bounds)
    : kind_(kind),
      name_(std::move(name)),
      help_(std::move(help)),
      labels_(std::move(labels)),
      bounds_(std::move(bounds)) {}

Series& Family::with(std::initializer_list<std::string_view> values) {
  DROVER_DASSERT(values.size() == labels_.size());
  key_.clear();
  for (std::string_view value : values) {
    key_ += value;
    key_ += '\x1f';
  }
  auto it = series_.find(std::string_view(key_));
  if (it != series_.end()) return *it->second;
  if (series_.size() < limits::kMetricSeriesMax) return add_series(key_, values);
  std::string other;
  for (size_t i = 0; i < values.size(); ++i) other += std::string(kOther) + '\x1f';
  it = series_.find(std::string_view(other));
  return it != series_.end() ? *it->second : add_series(std::move(other), {});
}

Series& Family::add_series(std::string key, std::initializer_list<std::string_view> values) {
  auto series = std::make_unique<Series>();
  series->labels_.assign(values.begin(), values.end());
  series->labels_.resize(labels_.size(), std::string(kOther));
  series->bounds_ = &bounds_;
  if (kind_ == MetricKind::kHistogram) series->buckets_.resize(bounds_.size() + 1);
  return *(series_[std::move(key)] = std::move(series));
}

void Family::expose(std::string& out) const {
  append_head(out, name_, help_, type_name(kind_));
  std::vector<const Series*> sorted;
  for (const auto& [key, series] : series_) sorted.push_back(series.get());
  std::sort(sorted.begin(), sorted.end(),
            [](const Series* a, const Series* b) { return a->labels_ < b->labels_; });
  for (const Series* series : sorted) {
    auto line = [&](std::string_view suffix, std::string_view le, double value) {
      out += name_;
      out += suffix;
      if (!labels_.empty() || !le.empty()) {
        out += '{';
        for (size_t i = 0; i < labels_.size(); ++i) {
          append_label(out, labels_[i], series->labels_[i]);
        }
        if (!le.empty()) append_label(out, "le", le);
        out += '}';
      }
      out += ' ';
      append_number(out, value);
      out += '\n';
    };
    if (kind_ != MetricKind::kHistogram) {
      line("", "", series->value_);
      continue;
    }
    uint64_t below = 0;
    for (size_t i = 0; i < series->buckets_.size(); ++i) {
      below += series->buckets_[i];
      std::string le;
      append_number(le, i < bounds_.size() ? bounds_[i] : INFINITY);
      line("_bucket", le, static_cast<double>(below));
    }
    line("_sum", "", series->value_);
    line("_count", "", static_cast<double>(series->count_));
  }
}

Family& Metrics::family(MetricKind kind, std::string name, std::string help,
                        std::vector<std::string> labels, std::vector<double> bounds) {
  std::unique_ptr<Family>& slot = families_[name];
  if (!slot) {
    slot = std::make_unique<Family>(kind, std::move(name), std::move(help), std::move(labels),
                                    std::move(bounds));
  }
  return *slot;
}

Family& Metrics::counter(std::string name, std::string help, std::vector<std::string> labels) {
  return family(MetricKind::kCounter, std::move(name), std::move(help), std::move(labels), {});
}
Family& Metrics::gauge(std::string name, std::string help, std::vector<std::string> labels) {
  return family(MetricKind::kGauge, std::move(name), std::move(help), std::move(labels), {});
}
Family& Metrics::histogram(std::string name, std::string help, std::vector<std::string> labels,
                           std::vector<double> bounds) {
  return family(MetricKind::kHistogram, std::move(name), std::move(help), std::move(labels),
                std::move(bounds));
}
void Metrics::gauge_of(std::string name, std::string help, std::function<double()> read) {
  Reader& reader = readers_[std::move(name)];
  reader.help = std::move(help);
  reader.read = std::move(read);
}

std::string Metrics::expose() const {
  std::map<std::string_view, std::string> parts;
  for (const auto& [name, family] : families_) family->expose(parts[name]);
  for (const auto& [name, reader] : readers_) {
    std::string& out = parts[name];
    append_head(out, name, reader.help, "gauge");
    out += name + ' ';
    append_number(out, reader.read());
    out += '\n';
  }
  std::string out;
  for (const auto& [name, part] : parts) out += part;
  return out;
}

std::vector<double> duration_bounds() {
  std::vector<double> out;
  for (double bound = 0.01; bound < 82; bound *= 2) out.push_back(bound);
  return out;
}
std::vector<double> token_bounds() {
  std::vector<double> out;
  for (double bound = 1; bound <= 67'108'864; bound *= 4) out.push_back(bound);
  return out;
}

}  // namespace drover::trace
