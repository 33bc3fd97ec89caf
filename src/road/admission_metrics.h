#pragma once
// Internal to src/road: what admission and hedging leave in metrics. Labels are classes, reasons
// and tenants, whose series are bounded (trace/metrics.h).

#include "road/admission.h"
#include "trace/metrics.h"

namespace drover::road {

class AdmissionMetrics {
 public:
  /// `metrics` may be null: then nothing is counted. Both outlive this.
  AdmissionMetrics(trace::Metrics* metrics, const Admission& admission);
  ~AdmissionMetrics();
  AdmissionMetrics(const AdmissionMetrics&) = delete;
  AdmissionMetrics& operator=(const AdmissionMetrics&) = delete;

  void admitted(ServiceClass path, bool waited, Duration wait);
  void shed(ServiceClass path, std::string_view tenant, std::string_view why);
  void resubmitted();
  void hedged();
  /// `cost` is the loser's.
  void hedge_over(bool second_won, Money cost);

 private:
  trace::Metrics* metrics_;
  trace::Series* at_once_[2] = {};  // by path: fast, slow
  trace::Series* after_wait_[2] = {};
  trace::Family* wait_ = nullptr;
  trace::Family* shed_ = nullptr;
  trace::Family* rounds_ = nullptr;
  trace::Family* hedges_ = nullptr;
  trace::Family* hedge_cost_ = nullptr;
};

}  // namespace drover::road
